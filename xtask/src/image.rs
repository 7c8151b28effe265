//! `cargo xtask image`: Longshore's container image, with a program that this machine's cargo has compiled.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Error,
    process::{self, Outcome, cargo, program},
    workspace::Workspace,
};

/// The image's name where nobody gives another.
const TAG: &str = "longshore:latest";

/// Where certificates of public authorities are: Debian, Alpine and others; Fedora; macOS and BSDs.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// What is asked for.
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
    let options = Options::parse(arguments)?;
    let built = compile(workspace, &options)?;
    if !built.is_success() {
        return Ok(built);
    }
    let root = lay_out(workspace, &options)?;
    println!("image: {} below {}", options.profile(), root.display());
    let mut docker = program(workspace, "docker");
    docker.args(["build", "--quiet", "--target", "packed", "--tag", &options.tag, "."]);
    process::run(&mut docker)
}

/// Links glibc, too, into the program. Only the program itself is compiled for that: what it is made of is as in any
/// other build, and is taken from there.
fn compile(workspace: &Workspace, options: &Options) -> Result<Outcome, Error> {
    let mut rustc =
        cargo(workspace, &["rustc", "--locked", "--package", "longshore-cli", "--bin", "longshore"]);
    if options.release {
        rustc.arg("--release");
    }
    process::run(rustc.args(["--", "-C", "target-feature=+crt-static", "-C", "strip=symbols"]))
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
