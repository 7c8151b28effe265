//! Verifies Signature Version 4, in the `Authorization` header and in the query of a presigned request.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, Request};
use sha2::{Digest as _, Sha256};

use crate::{Moment, wire::query};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// How far a signature's time may be from the server's, in milliseconds.
const SKEW: u64 = 5 * 60 * 1000;

/// The most seconds for which a presigned request is good.
const LONGEST: u64 = 7 * 24 * 3600;

/// The reason for which a signature is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A part of the signature is missing or malformed.
    Incomplete(&'static str),
    /// The signature is of another key or of another request.
    Mismatch,
    /// The signature's time is too far from the server's.
    Time {
        /// The time of the signature, as it stands in the request.
        signed: String,
    },
}

/// A signature as a request has it.
#[derive(Debug)]
pub(super) struct Signature {
    /// `DATE/REGION/SERVICE/aws4_request`
    scope: String,
    signed_headers: String,
    signature: String,
    date: String,
    /// The seconds for which a presigned request is good.
    expires: Option<u64>,
    is_presigned: bool,
}

impl Signature {
    /// Reads the signature of a request.
    pub(super) fn of(request: &Request<Bytes>) -> Result<Self, Fault> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        if let Some(parameters) = header("authorization").and_then(|text| text.strip_prefix(ALGORITHM)) {
            let part = |name: &'static str| {
                let part =
                    parameters.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
                part.map(str::to_owned).ok_or(Fault::Incomplete(name))
            };
            return Ok(Self {
                scope: scope(&part("Credential")?)?,
                signed_headers: part("SignedHeaders")?,
                signature: part("Signature")?,
                date: header("x-amz-date").ok_or(Fault::Incomplete("X-Amz-Date"))?.to_owned(),
                expires: None,
                is_presigned: false,
            });
        }
        let parameters = query::pairs(request.uri().query().unwrap_or_default().as_bytes());
        let part = |name: &'static str| {
            let found = parameters.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).ok_or(Fault::Incomplete(name))
        };
        if part("X-Amz-Algorithm")? != ALGORITHM {
            return Err(Fault::Incomplete("X-Amz-Algorithm"));
        }
        let expires = part("X-Amz-Expires")?.parse().map_err(|_| Fault::Incomplete("X-Amz-Expires"))?;
        Ok(Self {
            scope: scope(&part("X-Amz-Credential")?)?,
            signed_headers: part("X-Amz-SignedHeaders")?,
            signature: part("X-Amz-Signature")?,
            date: part("X-Amz-Date")?,
            expires: Some(expires),
            is_presigned: true,
        })
    }

    /// Verifies the signature with the secret of its access key. A time near any of `clocks` is right, each with its speed.
    pub(super) fn verify(
        &self,
        request: &Request<Bytes>,
        secret: &str,
        clocks: &[(Moment, u32)],
    ) -> Result<(), Fault> {
        let day = self.scope.split('/').next().unwrap_or_default();
        let signed = moment(&self.date).filter(|_| self.date.starts_with(day));
        let signed = signed.ok_or(Fault::Incomplete("X-Amz-Date"))?;
        let is_near = |(now, speed): &(Moment, u32)| {
            let skew = SKEW * u64::from(*speed);
            let good_for = self.expires.map_or(skew, |seconds| seconds.min(LONGEST).saturating_mul(1000));
            signed <= now.0.saturating_add(skew) && now.0 <= signed.saturating_add(good_for)
        };
        if !clocks.iter().any(is_near) {
            return Err(Fault::Time { signed: self.date.clone() });
        }
        if !self.signed_headers.split(';').any(|name| name == "host") {
            return Err(Fault::Incomplete("SignedHeaders"));
        }
        let canonical = Sha256::digest(self.canonical(request));
        let text = format!("{ALGORITHM}\n{}\n{}\n{}", self.date, self.scope, hex(&canonical));
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in self.scope.split('/') {
            key = hmac(&key, part.as_bytes()).to_vec();
        }
        let expected = hex(&hmac(&key, text.as_bytes()));
        if is_same(expected.as_bytes(), self.signature.as_bytes()) { Ok(()) } else { Err(Fault::Mismatch) }
    }

    /// The canonical request.
    fn canonical(&self, request: &Request<Bytes>) -> String {
        let pairs = query::pairs(request.uri().query().unwrap_or_default().as_bytes());
        let mut pairs: Vec<_> = pairs
            .iter()
            .filter(|(key, _)| !(self.is_presigned && key == "X-Amz-Signature"))
            .map(|(key, value)| (escaped(key, false), escaped(value, false)))
            .collect();
        pairs.sort_unstable();
        let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        let path = Some(request.uri().path()).filter(|path| !path.is_empty()).unwrap_or("/");
        let mut text = format!("{}\n{}\n{}\n", request.method(), escaped(path, true), pairs.join("&"));
        for name in self.signed_headers.split(';') {
            let _ = writeln!(text, "{name}:{}", header_value(request.headers(), name));
        }
        let _ = write!(text, "\n{}\n{}", self.signed_headers, hex(&Sha256::digest(request.body())));
        text
    }
}

/// The scope without the access key.
fn scope(credential: &str) -> Result<String, Fault> {
    let scope = credential.split_once('/').map(|(_, scope)| scope);
    scope
        .filter(|scope| scope.split('/').count() == 4)
        .map(str::to_owned)
        .ok_or(Fault::Incomplete("Credential"))
}

/// The values of a header, each with single spaces.
fn header_value(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    });
    values.collect::<Vec<_>>().join(",")
}

/// Text with everything escaped but unreserved characters, and slashes in a path.
fn escaped(text: &str, is_path: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || (is_path && byte == b'/') {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// The moment that a text such as `20261130T171500Z` names, in milliseconds.
fn moment(text: &str) -> Option<u64> {
    let parsed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let zoned = parsed.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    u64::try_from(zoned.timestamp().as_millisecond()).ok()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5C)).chain_update(inner).finalize().into()
}

/// Compares in a time that depends on the lengths alone.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation, and of its test suite (`get-vanilla-query-order-key`).
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    #[test]
    fn hmac_gives_the_values_of_the_rfc() {
        // RFC 4231, test cases 2 and 6.
        let short = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&short), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = hmac(&[0xAA; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    fn example(authorization: &str) -> Request<Bytes> {
        Request::get("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
            .header("host", "iam.amazonaws.com")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization)
            .body(Bytes::new())
            .unwrap()
    }

    #[test]
    fn documented_example_verifies_near_its_time_alone() {
        let request = example(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        );
        let signature = Signature::of(&request).unwrap();
        let at = moment("20150830T123600Z").unwrap();
        let verify = |secret: &str, now: u64| signature.verify(&request, secret, &[(Moment(now), 1)]);
        assert_eq!(verify(SECRET, at), Ok(()));
        assert_eq!(verify(SECRET, at + SKEW), Ok(()));
        assert_eq!(verify("another", at), Err(Fault::Mismatch));
        for now in [at + SKEW + 1, at - SKEW - 1] {
            assert_eq!(verify(SECRET, now), Err(Fault::Time { signed: "20150830T123600Z".to_owned() }));
        }
    }

    #[test]
    fn broken_signatures_name_what_is_missing() {
        for (authorization, part) in [
            ("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0", "Credential"),
            (
                "AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/iam/aws4_request, Signature=0",
                "SignedHeaders",
            ),
            ("AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host, Signature=0", "Credential"),
            ("Basic AAAA", "X-Amz-Algorithm"),
        ] {
            assert_eq!(Signature::of(&example(authorization)).unwrap_err(), Fault::Incomplete(part));
        }
    }
}
