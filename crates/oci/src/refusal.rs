//! The ways in which a pull check fails: what is said of each, and what to do about it.

use std::time::Duration;

use longshore_model::{Architecture, Failure, FailureKind, ImageReference, Platform};
use longshore_net::{RemoteError, TransportErrorKind};

/// The maximum number of platforms that are shown. An index has room for more than a hundred thousand.
pub(crate) const SHOWN: usize = 100;

/// Whom a refusal is about.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) image: &'a ImageReference,
    /// The user, as it may be shown; none is anonymous.
    pub(crate) user: Option<String>,
}

impl Subject<'_> {
    fn registry(&self) -> &str {
        self.image.host()
    }

    /// The user name or the token is wrong.
    pub(crate) fn credential_refused(&self, at: &str, said: &RemoteError) -> Failure {
        let registry = self.registry();
        let Some(user) = &self.user else { return self.no_access(at, said) };
        let help = match registry {
            "ghcr.io" => {
                "check that the token is right, not expired or revoked, and a classic one with the scope read:packages"
            }
            "docker.io" => "check the user name, and that the access token is right, active and not expired",
            _ => "check the user name, and that the token is right, not expired, and may read the registry",
        };
        let message = format!("{registry} refused the credential of user `{user}`: {said}");
        Failure::new(FailureKind::Denied, message).at(at).help(help)
    }

    /// The user is known, but may not read the repository.
    pub(crate) fn no_access(&self, at: &str, said: &RemoteError) -> Failure {
        let (registry, repository) = (self.registry(), self.image.repository());
        let Some(user) = &self.user else {
            let message = format!("{registry} lets nobody pull {repository} without a credential: {said}");
            return Failure::new(FailureKind::Denied, message)
                .at(at)
                .help("if the image is private, give a credential; if it is public, check its name");
        };
        let message = format!(
            "the credential is accepted, but user `{user}` may not pull {repository} from {registry}: {said}"
        );
        let help = match registry {
            "ghcr.io" => format!(
                "check the name; give the token the scope read:packages and the user read access to the package \
                 {repository}; and where the organisation has SAML single sign-on, authorise the token for it"
            ),
            "docker.io" => format!(
                "check the name, and that the user or the organisation access token may read the repository \
                 {repository}"
            ),
            _ => format!("check the name, and give the user read access to the repository {repository}"),
        };
        Failure::new(FailureKind::Denied, message).at(at).help(help)
    }

    /// The registry refuses requests without asking for a credential.
    pub(crate) fn refused_unasked(&self, at: &str, said: &RemoteError) -> Failure {
        let message = format!("{} refuses requests without asking for a credential: {said}", self.registry());
        Failure::new(FailureKind::Denied, message)
            .at(at)
            .help("check whether the registry admits this network, and that no proxy answers in its place")
    }

    /// The repository may be read, but the tag or digest is not in it.
    pub(crate) fn not_found(&self, at: &str, said: &RemoteError) -> Failure {
        let (registry, repository) = (self.registry(), self.image.repository());
        let what = match (self.image.digest(), self.image.tag()) {
            (Some(digest), _) => format!("digest {digest}"),
            (None, tag) => format!("tag `{}`", tag.unwrap_or("latest")),
        };
        let message = format!("{registry} finds no {what} of {repository}: {said}");
        let help = match &self.user {
            Some(user) => format!(
                "check the tag, and that the image was pushed; registries also answer so when `{user}` may not see it"
            ),
            None => {
                "check the tag, and that the image was pushed; private images need a credential".to_owned()
            }
        };
        Failure::new(FailureKind::NotFound, message).at(at).help(help)
    }

    /// The image has only other platforms.
    pub(crate) fn wrong_platform(&self, at: &str, wanted: Platform, has: &[String]) -> Failure {
        let image = self.image;
        let message = if has.is_empty() {
            format!("{image} has no image for any platform, the task runs on {wanted}")
        } else {
            format!("{image} has {} only, the task runs on {wanted}", list(has))
        };
        let build = format!("build the image for {wanted} (docker buildx build --platform {wanted})");
        let other = match wanted.architecture {
            Architecture::Amd64 => Architecture::Arm64,
            Architecture::Arm64 => Architecture::Amd64,
        };
        let help = if has.contains(&Platform { architecture: other, ..wanted }.to_string()) {
            format!("set architecture = \"{}\" for the service, or {build}", other.oci())
        } else {
            build
        };
        Failure::new(FailureKind::Invalid, message).at(at).help(help)
    }

    /// The content under the name cannot be run.
    pub(crate) fn no_image(&self, at: &str, what: &str) -> Failure {
        let message = format!("{} is no image that a task can run: it is {what}", self.image);
        Failure::new(FailureKind::Invalid, message)
            .at(at)
            .help("push a container image, with a current docker buildx or podman")
    }

    /// Returns the failure for an answer whose media type no container runtime accepts for a manifest.
    pub(crate) fn wrong_type(&self, at: &str, media_type: &str) -> Failure {
        let registry = self.registry();
        let what = match media_type {
            "" => "without a content type".to_owned(),
            media_type => format!("as `{media_type}`"),
        };
        let message =
            format!("{registry} serves {} {what}, which container runtimes refuse to pull", self.image);
        Failure::new(FailureKind::Invalid, message).at(at).help(
            "have the registry, or the proxy or bucket in its place, send the manifest's own media type, such as \
             application/vnd.oci.image.manifest.v1+json, to HEAD and GET alike",
        )
    }

    /// HEAD fails, with which container runtimes begin, and GET does not.
    pub(crate) fn refuses_head(&self, at: &str, head: &str) -> Failure {
        let message = format!(
            "{} answers HEAD with {head}, but GET with the manifest of {}: container runtimes ask with HEAD",
            self.registry(),
            self.image
        );
        Failure::new(FailureKind::NotFound, message)
            .at(at)
            .help("have the registry, or the proxy in front of it, answer HEAD as it answers GET")
    }

    /// A digest in a header or an index is malformed, or of an unknown algorithm.
    pub(crate) fn bad_digest(&self, at: &str, digest: &str) -> Failure {
        let message =
            format!("{} names a digest for {} that is none: `{digest}`", self.registry(), self.image);
        Failure::new(FailureKind::Invalid, message)
            .at(at)
            .help("push the image again; if that does not help, ask the registry's operator")
    }

    /// The content is not as long as a header or descriptor says.
    pub(crate) fn wrong_size(&self, at: &str, digest: &str, told: u64, actual: Option<usize>) -> Failure {
        let registry = self.registry();
        let but = match actual {
            Some(actual) => format!("but answers with {actual}"),
            None => "which container runtimes refuse".to_owned(),
        };
        let message = format!("{registry} names a size of {told} bytes for {digest}, {but}");
        Failure::new(FailureKind::Unavailable, message)
            .at(at)
            .help("look for a proxy or a mirror that changes what passes it")
    }

    /// The manifest is too long.
    pub(crate) fn too_long(&self, at: &str, size: u64) -> Failure {
        let message =
            format!("the manifest of {} has {size} bytes, more than container runtimes read", self.image);
        Failure::new(FailureKind::Invalid, message).at(at).help("leave out annotations and embedded data")
    }

    /// The manifest is there, but something that it names is not.
    pub(crate) fn incomplete(&self, at: &str, digest: &str, said: &RemoteError) -> Failure {
        let message = format!("{} has {} but not its part {digest}: {said}", self.registry(), self.image);
        Failure::new(FailureKind::NotFound, message).at(at).help("push the image again")
    }

    /// The content is not what its digest says.
    pub(crate) fn wrong_content(&self, at: &str, digest: &str) -> Failure {
        let message = format!("{} answered with something else than {digest}", self.registry());
        Failure::new(FailureKind::Unavailable, message)
            .at(at)
            .help("look for a proxy or a mirror that changes what passes it")
    }

    /// An unexpected answer.
    pub(crate) fn unexpected(&self, at: &str, said: &RemoteError) -> Failure {
        let message = format!("{} gave an unexpected answer: {said}", self.registry());
        Failure::new(FailureKind::Unavailable, message)
            .at(at)
            .help("check that the host is a container registry, and that no proxy answers in its place")
    }

    /// A redirect leads to another host, which does not let the image be read anonymously.
    pub(crate) fn moved(&self, at: &str, host: &str, said: &RemoteError) -> Failure {
        let registry = self.registry();
        let message = match &self.user {
            Some(_) => format!(
                "{registry} redirects to {host}, where the credential is not sent because it is for another host: {said}"
            ),
            None => format!("{registry} redirects to {host}, which wants a credential: {said}"),
        };
        Failure::new(FailureKind::Denied, message).at(at).help(format!("name the image by the host {host}"))
    }

    /// The registry wants a proof that cannot be given.
    pub(crate) fn unknown_challenge(&self, at: &str, scheme: Option<&str>) -> Failure {
        let registry = self.registry();
        let message = match scheme {
            Some(scheme) => {
                format!("{registry} wants `{scheme}` authentication, which ECS does not know either")
            }
            None => format!("{registry} wants a credential, but does not say how it is to be shown"),
        };
        Failure::new(FailureKind::Denied, message)
            .at(at)
            .help("check that the host is a container registry with token or basic authentication")
    }

    /// The token server is at an address where no credential may be sent.
    pub(crate) fn unsafe_realm(&self, at: &str, realm: &str) -> Failure {
        let message = format!(
            "{} names a token server to which no credential is sent, because its address is not https: {realm}",
            self.registry()
        );
        Failure::new(FailureKind::Denied, message)
            .at(at)
            .help("have the registry's operator correct the realm")
    }

    /// The credential cannot be put into a request.
    pub(crate) fn unusable_credential(&self, what: &str) -> Failure {
        Failure::new(
            FailureKind::Invalid,
            format!("the credential for {} cannot be used: {what}", self.registry()),
        )
    }
}

/// The other side asked to wait for longer than this run does.
pub(crate) fn throttled(who: &str, registry: &str, at: &str, said: &RemoteError, pause: Duration) -> Failure {
    let message = format!("{who} limits requests: {said}; the next one would be in {} s", pause.as_secs());
    let help = match registry {
        "docker.io" => "wait, or give a credential: users who are logged in have a higher limit",
        _ => "wait, then run again",
    };
    Failure::new(FailureKind::Throttled, message).at(at).help(help)
}

/// The other side fails itself, again and again.
pub(crate) fn broken(who: &str, at: &str, status: &str, said: &RemoteError) -> Failure {
    let said = said.to_string();
    let said = if said == status { String::new() } else { format!(": {said}") };
    Failure::new(FailureKind::Unavailable, format!("{who} fails with {status}{said}"))
        .at(at)
        .help("look at the registry's status page, and run again later")
}

/// There is no answer at all.
pub(crate) fn no_answer(who: &str, at: &str, kind: TransportErrorKind, error: &str) -> Failure {
    let what = match kind {
        TransportErrorKind::TooLarge | TransportErrorKind::Other => "cannot be asked",
        _ => "does not answer",
    };
    let help = match kind {
        TransportErrorKind::Name => "check the host's name, and the network",
        TransportErrorKind::Tls => {
            "check the host's certificate, and those that this machine trusts; an authority of your own goes into the \
             registry's ca-file, and for a registry without TLS set insecure = true"
        }
        TransportErrorKind::TooLarge | TransportErrorKind::Other => {
            "check that the host is a container registry"
        }
        TransportErrorKind::Connection | TransportErrorKind::Timeout => {
            "check the host and its port, the network, and the proxy (HTTPS_PROXY, NO_PROXY)"
        }
    };
    Failure::new(FailureKind::Unavailable, format!("{who} {what}: {error}")).at(at).help(help)
}

/// A token server or a redirect is where only this machine gets.
pub(crate) fn out_of_reach(registry: &str, host: &str, at: &str) -> Failure {
    let message = format!(
        "{registry} leads to {host}, which is this machine or its metadata: no request is sent there"
    );
    Failure::new(FailureKind::Denied, message)
        .at(at)
        .help("have the registry's operator correct the token server or the redirect")
}

/// A redirect that leads nowhere, or where no request may go.
pub(crate) fn bad_redirect(registry: &str, at: &str) -> Failure {
    let message = format!("{registry} redirects in circles, or to an address that cannot be followed");
    Failure::new(FailureKind::Unavailable, message)
        .at(at)
        .help("have the registry's operator correct the redirect")
}

/// `a`, `a and b`, `a, b and c`; at most eight.
fn list(items: &[String]) -> String {
    let shown = &items[..items.len().min(8)];
    let more = items.len() - shown.len();
    match shown.split_last() {
        None => String::new(),
        Some(_) if items.len() == SHOWN => format!("{} and {more} or more others", shown.join(", ")),
        Some(_) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
