//! `cargo xtask image`: Longshore's container image, with a program that this machine's cargo has compiled.

use std::{
    ffi::OsString,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Error,
    process::{self, Outcome, cargo, program, succeeds},
    workspace::Workspace,
};

/// The image's name by default.
const TAG: &str = "longshore:latest";

/// The files of certificates of public authorities: Debian, Alpine and others; Fedora; macOS and BSDs.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

#[derive(Debug, PartialEq, Eq)]
struct Options {
    tag: String,
    release: bool,
}

impl Options {
    fn parse(arguments: &[OsString]) -> Result<Self, Error> {
        let mut options = Self { tag: TAG.to_owned(), release: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--release") => options.release = true,
                Some("--tag") => {
                    let tag = arguments.next().and_then(|tag| tag.to_str());
                    tag.ok_or_else(|| Error::Usage("--tag takes a name".to_owned()))?
                        .clone_into(&mut options.tag);
                }
                _ => return Err(Error::Usage(format!("image does not take {}", argument.display()))),
            }
        }
        Ok(options)
    }

    fn profile(&self) -> &'static str {
        if self.release { "release" } else { "debug" }
    }
}

/// Compiles a static program, lays out the image's files below target/, and lets Docker pack them.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    build(workspace, &Options::parse(arguments)?)
}

fn build(workspace: &Workspace, options: &Options) -> Result<Outcome, Error> {
    let built = compile(workspace, options)?;
    if !built.is_success() {
        return Ok(built);
    }
    let root = lay_out(workspace, options)?;
    eprintln!("image: {} below {}", options.profile(), root.display());
    let mut docker = program(workspace, "docker");
    docker.args(["build", "--quiet", "--target", "packed", "--tag", &options.tag]);
    docker.args(["--build-arg", concat!("VERSION=", env!("CARGO_PKG_VERSION"))]);
    if let Some(revision) = process::output(program(workspace, "git").args(["rev-parse", "HEAD"])) {
        docker.args(["--build-arg", &format!("REVISION={}", revision.trim())]);
    }
    process::run(docker.arg("."))
}

/// The image for a run of tests. It is removed when this is dropped.
pub(crate) struct ForTests<'a> {
    workspace: &'a Workspace,
    tag: String,
}

impl<'a> ForTests<'a> {
    /// The variable by which the tests find it.
    const VARIABLE: &'static str = "XTASK_IMAGE";

    /// Builds it.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(crate) fn build(workspace: &'a Workspace) -> Result<Self, Error> {
        // Another checkout has another one, and this one has one at most, even after Ctrl-C.
        let mut checkout = DefaultHasher::new();
        workspace.root().hash(&mut checkout);
        let image = Self { workspace, tag: format!("longshore-tests:{:x}", checkout.finish()) };
        image.remove();
        if build(workspace, &Options { tag: image.tag.clone(), release: false })?.is_success() {
            Ok(image)
        } else {
            Err(Error::Failed(
                "Longshore's image could not be built; --no-docker leaves its tests out".to_owned(),
            ))
        }
    }

    /// The variable by which the tests find it.
    pub(crate) fn variable(&self) -> (&'static str, OsString) {
        (Self::VARIABLE, (&self.tag).into())
    }

    fn remove(&self) -> bool {
        succeeds(program(self.workspace, "docker").args(["image", "rm", "--force", &self.tag]))
    }
}

impl Drop for ForTests<'_> {
    fn drop(&mut self) {
        if !self.remove() {
            eprintln!("`docker image rm {}` removes the image of the tests", self.tag);
        }
    }
}

/// Set where this program stands before the compiler, as cargo's `RUSTC_WRAPPER`.
const WRAPS: &str = "XTASK_WRAPS_RUSTC";

/// Returns true if this program was started by cargo, in the compiler's place.
pub(crate) fn is_wrapper() -> bool {
    std::env::var_os(WRAPS).is_some()
}

/// Becomes the compiler that the arguments name. The program, and nothing else, is linked with glibc in it.
pub(crate) fn wrap(arguments: &[OsString]) -> Result<Outcome, Error> {
    let Some((rustc, arguments)) = arguments.split_first() else {
        return Err(Error::Usage(format!("{WRAPS} is set, and no compiler is named")));
    };
    let mut command = Command::new(rustc);
    command.args(arguments);
    if arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == "longshore") {
        command.args(["-C", "target-feature=+crt-static", "-C", "strip=symbols"]);
    }
    process::become_program(&mut command)
}

/// Compiles the program anew, and takes what it is made of from any other build: it is built as a part of the workspace,
/// whose features those are, and its flags are added where cargo does not see them. That cargo keeps it apart from the
/// usual program is due to another setting for its package.
fn compile(workspace: &Workspace, options: &Options) -> Result<Outcome, Error> {
    let this = std::env::current_exe().map_err(|error| Error::Failed(format!("this program: {error}")))?;
    let profile = if options.release { "release" } else { "dev" };
    let apart = format!("profile.{profile}.package.longshore-cli.codegen-units=1");
    let build =
        ["build", "--locked", "--workspace", "--bin", "longshore", "--profile", profile, "--config", &apart];
    process::run(cargo(workspace, &build).env("RUSTC_WRAPPER", this).env(WRAPS, "1"))
}

/// The files of the image, below target/image/root/. Everything in it is made anew.
fn lay_out(workspace: &Workspace, options: &Options) -> Result<PathBuf, Error> {
    let root = workspace.root().join("target/image/root");
    let failed = |path: &Path, error: std::io::Error| Error::Failed(format!("{}: {error}", path.display()));
    if root.exists() {
        fs::remove_dir_all(&root).map_err(|error| failed(&root, error))?;
    }
    let certificates =
        CERTIFICATES.into_iter().map(Path::new).find(|path| path.exists()).ok_or_else(|| {
            Error::Failed(format!(
                "there are no certificates of public authorities in {} (Debian: ca-certificates)",
                CERTIFICATES.join(", ")
            ))
        })?;
    let program = workspace.target().join(options.profile()).join("longshore");
    for (from, to) in
        [(program.as_path(), "usr/local/bin/longshore"), (certificates, "etc/ssl/certs/ca-certificates.crt")]
    {
        let to = root.join(to);
        let directory = to.parent().unwrap_or(&root);
        fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
        fs::copy(from, &to).map_err(|error| failed(from, error))?;
    }
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, Error> {
        Options::parse(&arguments.iter().map(Into::into).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_a_tag_and_a_profile() {
        let options = parse(&["--tag", "acme/longshore:1", "--release"]).unwrap();
        assert_eq!(options, Options { tag: "acme/longshore:1".to_owned(), release: true });
        assert_eq!(parse(&[]).unwrap().tag, TAG);
        for wrong in [&["--tag"][..], &["--push"]] {
            assert!(matches!(parse(wrong), Err(Error::Usage(_))), "{wrong:?}");
        }
    }
}
