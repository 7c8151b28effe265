//! Decides which requests a served cloud answers: those for its own names, of no web page, and signed with its keys.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::SystemTime,
};

use bytes::Bytes;
use http::{
    HeaderMap, Request, StatusCode,
    header::{CONTENT_TYPE, HOST, ORIGIN},
};

use super::signature::{Fault, Signature};
use crate::{
    ApiError, Cloud, Moment, Sealed,
    dispatch::Service,
    wire::{self, Protocol, Scope, header},
};

/// Which requests a served cloud answers.
///
/// A page in a browser reaches servers on the same machine, under names that it chooses (DNS rebinding). So the `Host` has
/// to be a loopback name or one that is allowed, requests of pages are refused, and signatures are verified.
#[derive(Clone, Debug, Default)]
pub struct Access {
    hosts: Vec<String>,
    /// By access key; `None` takes all.
    keys: Option<BTreeMap<String, Sealed>>,
    advice: String,
}

impl Access {
    /// Takes requests of every access key, with any signature.
    #[must_use]
    pub fn of_any_key() -> Self {
        Self::default()
    }

    /// Takes requests that are signed with one of these keys, each with its secret, or by a session of a role.
    #[must_use]
    pub fn of_keys(keys: impl IntoIterator<Item = (String, Sealed)>) -> Self {
        Self { keys: Some(keys.into_iter().collect()), ..Self::default() }
    }

    /// Takes requests for these names, too, at any port, and those of pages that come from there.
    #[must_use]
    pub fn for_hosts(mut self, hosts: impl IntoIterator<Item = String>) -> Self {
        self.hosts.extend(hosts.into_iter().map(|host| host.to_ascii_lowercase()));
        self
    }

    /// Adds to a refusal how a name is allowed.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    /// Refuses requests for other names than the server's own and those that `is_own` says, and requests of pages.
    pub(super) fn check_source(
        &self,
        headers: &HeaderMap,
        local: SocketAddr,
        is_own: impl FnOnce(&str) -> bool,
    ) -> Result<(), ApiError> {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        let mut hosts = headers.get_all(HOST).iter().map(text);
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host,
            _ => return Err(denied("a request has one Host header")),
        };
        if !self.is_allowed(&host) && !is_address(&host, local) && !is_own(&host) {
            return Err(denied(format!(
                "the simulated cloud does not answer for the host {host:?}; {}",
                self.advice
            )));
        }
        for origin in headers.get_all(ORIGIN).iter().map(text) {
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            if !self.is_allowed(host) {
                return Err(denied(format!(
                    "the simulated cloud does not answer the web page at {origin:?}; {}",
                    self.advice
                )));
            }
        }
        // Browsers tell so much of every request, even of those without an origin, such as images.
        let is_page =
            headers.get("sec-fetch-site").is_some_and(|site| site != "none" && site != "same-origin");
        if is_page && !headers.contains_key(ORIGIN) {
            return Err(denied("the simulated cloud does not answer web pages"));
        }
        Ok(())
    }

    fn is_allowed(&self, host: &str) -> bool {
        let (name, _) = split(host);
        self.hosts.iter().any(|allowed| allowed == name || allowed == host)
    }

    /// Refuses requests to AWS that a form of a page could send, and those with a wrong signature.
    pub(super) async fn check_call(&self, cloud: &Cloud, request: &Request<Bytes>) -> Result<(), ApiError> {
        let content_type = header(request, CONTENT_TYPE.as_str()).to_ascii_lowercase();
        let is_form = content_type.starts_with("application/x-www-form-urlencoded");
        let is_json = request.headers().contains_key("x-amz-target");
        let is_of_pages =
            ["text/plain", "multipart/form-data"].iter().any(|kind| content_type.starts_with(kind));
        if is_of_pages || (is_json && is_form) {
            let message = format!("the simulated cloud does not take the content type {content_type:?}");
            return Err(ApiError::new("UnsupportedMediaTypeException", message)
                .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE.as_u16()));
        }
        let Some(keys) = &self.keys else { return Ok(()) };
        // Without a signature, the answer is that it is missing.
        let Some(scope) = Scope::of(request) else { return Ok(()) };
        let protocol = wire::protocol(request);
        let session = cloud.inspect(|world| world.sts.secret(&scope.access_key)).await;
        let secret = keys.get(&scope.access_key).cloned().or(session);
        let secret = secret.ok_or_else(|| refusal(protocol, &scope, &Refused::Key))?;
        let clocks = [(cloud.now(), cloud.speed()), (wall(), 1)];
        let verified =
            Signature::of(request).and_then(|signature| signature.verify(request, secret.expose(), &clocks));
        verified.map_err(|fault| refusal(protocol, &scope, &Refused::Signature(fault)))
    }
}

/// The reason for which the signer of a call is not taken.
enum Refused {
    Key,
    Signature(Fault),
}

/// The refusal, in the words and codes of each protocol.
fn refusal(protocol: Protocol, scope: &Scope, refused: &Refused) -> ApiError {
    let is_ec2 = Service::with_query_scope(&scope.service) == Some(Service::Ec2);
    let is_json = protocol == Protocol::Json;
    let (code, message) = match refused {
        _ if is_ec2 && !matches!(refused, Refused::Signature(Fault::Time { .. })) => {
            let message = "AWS was not able to validate the provided access credentials";
            return ApiError::new("AuthFailure", message).with_status(401);
        }
        Refused::Key => (
            if is_json { "UnrecognizedClientException" } else { "InvalidClientTokenId" },
            "The security token included in the request is invalid.".to_owned(),
        ),
        Refused::Signature(Fault::Incomplete(part)) => (
            if is_json { "IncompleteSignatureException" } else { "IncompleteSignature" },
            format!("The signature of the request has no valid {part}."),
        ),
        Refused::Signature(Fault::Mismatch) => (
            if is_json { "InvalidSignatureException" } else { "SignatureDoesNotMatch" },
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        ),
        Refused::Signature(Fault::Time { signed }) => (
            match (is_ec2, is_json) {
                (true, _) => "RequestExpired",
                (false, true) => "InvalidSignatureException",
                (false, false) => "SignatureDoesNotMatch",
            },
            format!("Signature expired: {signed} is more than five minutes from the time of the simulated cloud."),
        ),
    };
    ApiError::new(code, message).with_status(403)
}

fn denied(message: impl Into<String>) -> ApiError {
    ApiError::new("AccessDeniedException", message).with_status(403)
}

/// True for the address that a connection has reached, and for names and addresses of the loopback, with this port, and
/// without a port where it is HTTP's own. No page can make its own name lead to an address that stands in numbers.
fn is_address(host: &str, local: SocketAddr) -> bool {
    let (name, given) = split(host);
    let is_port = match given {
        Some(given) => given.parse() == Ok(local.port()),
        None => local.port() == 80,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_own = |address: IpAddr| {
        let address = address.to_canonical();
        address.is_loopback() || address.is_unspecified() || address == local.ip().to_canonical()
    };
    is_port && (name == "localhost" || address.is_ok_and(is_own))
}

/// A host without its port, and the port.
fn split(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn wall() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(access: &Access, headers: &[(&'static str, &str)]) -> Result<(), String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let local = "10.0.0.5:4566".parse().unwrap();
        access.check_source(&map, local, |host| host == "ghcr.io").map_err(|error| error.message)
    }

    #[test]
    fn own_addresses_with_the_port_are_answered() {
        let access = Access::of_any_key();
        for host in [
            "127.0.0.1:4566",
            "localhost:4566",
            "LOCALHOST:4566",
            "[::1]:4566",
            "[::ffff:127.0.0.1]:4566",
            "127.9.9.9:4566",
            "0.0.0.0:4566",
            "10.0.0.5:4566",
            "ghcr.io",
        ] {
            assert_eq!(checked(&access, &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "attacker.example:4566",
            "localhost.attacker.example:4566",
            "127.0.0.1.attacker.example:4566",
            "127.0.0.1:80",
            "localhost",
            "10.0.0.1:4566",
            "",
        ] {
            assert!(checked(&access, &[("host", host)]).is_err(), "{host}");
        }
        assert!(checked(&access, &[]).is_err());
        assert!(checked(&access, &[("host", "localhost:4566"), ("host", "attacker.example")]).is_err());
    }

    #[test]
    fn allowed_hosts_have_any_port_and_may_be_origins() {
        let access = Access::of_any_key().for_hosts(["cloud.test".to_owned()]).with_advice("allow it");
        assert_eq!(checked(&access, &[("host", "cloud.test:9")]), Ok(()));
        let page = [("host", "localhost:4566"), ("origin", "https://cloud.test")];
        assert_eq!(checked(&access, &page), Ok(()));
        let refused = checked(&access, &[("host", "other.test")]).unwrap_err();
        assert!(refused.contains("\"other.test\"") && refused.ends_with("allow it"), "{refused}");
    }

    #[test]
    fn pages_are_refused() {
        let access = Access::of_any_key();
        for page in [
            ("origin", "https://attacker.example"),
            ("origin", "http://localhost:4566"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(checked(&access, &[("host", "localhost:4566"), page]).is_err(), "{page:?}");
        }
    }
}
