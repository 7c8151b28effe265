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

/// The largest difference between a signature's time and the server's, in milliseconds.
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

    /// The moment at which [`presigned`] requests are signed.
    const SIGNED: &str = "20261130T120000Z";

    /// A request that AWS's own signer has signed in its query, good for 15 minutes.
    fn presigned(path: &str, query: &str, host: &str) -> Request<Bytes> {
        use aws_sigv4::{
            http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
            sign::v4,
        };

        let credentials = aws_credential_types::Credentials::new(
            "AKIDEXAMPLE",
            SECRET,
            Some("a+session/token=".into()),
            None,
            "test",
        );
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(std::time::Duration::from_secs(900));
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(moment(SIGNED).unwrap());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-central-1")
            .name("sts")
            .time(time)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let url = format!("http://{host}{path}?{query}");
        let signable =
            SignableRequest::new("GET", &url, [("host", host)].into_iter(), SignableBody::Bytes(b""))
                .unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        let mut request = Request::get(&url).header("host", host).body(Bytes::new()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        request
    }

    #[test]
    fn presigned_requests_verify_until_they_expire() {
        const HOST: &str = "127.0.0.1:4566";
        let query = "Action=GetCallerIdentity&Version=2011-06-15&Note=a%20b%2Bc";
        let at = moment(SIGNED).unwrap();
        let end = at + 900 * 1000;
        let late = Err(Fault::Time { signed: SIGNED.to_owned() });
        let with_host = |host: &'static str| {
            move |request: &mut Request<Bytes>| {
                request.headers_mut().insert("host", http::HeaderValue::from_static(host));
            }
        };
        let replaced = |from: &'static str, to: &'static str| {
            move |request: &mut Request<Bytes>| {
                let uri = request.uri().to_string();
                assert!(uri.contains(from), "{uri}");
                *request.uri_mut() = uri.replace(from, to).parse().unwrap();
            }
        };
        type Change = Box<dyn Fn(&mut Request<Bytes>)>;
        let table: [(&str, Change, u64, Result<(), Fault>); 12] = [
            ("as signed", Box::new(|_| {}), at, Ok(())),
            ("before its end", Box::new(|_| {}), end, Ok(())),
            ("after its end", Box::new(|_| {}), end + 1, late.clone()),
            ("a clock that is behind", Box::new(|_| {}), at - SKEW, Ok(())),
            ("before it was signed", Box::new(|_| {}), at - SKEW - 1, late),
            ("for another host", Box::new(with_host("attacker.example")), at, Err(Fault::Mismatch)),
            (
                "with another action",
                Box::new(replaced("GetCallerIdentity", "GetSessionToken")),
                at,
                Err(Fault::Mismatch),
            ),
            (
                "good for longer",
                Box::new(replaced("X-Amz-Expires=900", "X-Amz-Expires=9000")),
                at,
                Err(Fault::Mismatch),
            ),
            ("by another user", Box::new(replaced("session", "passion")), at, Err(Fault::Mismatch)),
            ("for another region", Box::new(replaced("eu-central-1", "us-east-1")), at, Err(Fault::Mismatch)),
            (
                "with another method",
                Box::new(|request| *request.method_mut() = http::Method::DELETE),
                at,
                Err(Fault::Mismatch),
            ),
            (
                "with a body",
                Box::new(|request| *request.body_mut() = Bytes::from_static(b"x")),
                at,
                Err(Fault::Mismatch),
            ),
        ];
        for (name, change, now, verdict) in table {
            let mut request = presigned("/", query, HOST);
            change(&mut request);
            let signature = Signature::of(&request).unwrap();
            assert_eq!(signature.verify(&request, SECRET, &[(Moment(now), 1)]), verdict, "{name}");
        }
        let request = presigned("/", query, HOST);
        let signature = Signature::of(&request).unwrap();
        assert_eq!(signature.verify(&request, "another", &[(Moment(at), 1)]), Err(Fault::Mismatch));
    }

    #[test]
    fn presigned_requests_name_what_is_missing() {
        for part in [
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-SignedHeaders",
            "X-Amz-Date",
            "X-Amz-Expires",
            "X-Amz-Signature",
        ] {
            let mut request = presigned("/", "Action=GetCallerIdentity", "localhost");
            let uri = request.uri().to_string().replace(part, "X-Amz-Other");
            *request.uri_mut() = uri.parse().unwrap();
            assert_eq!(Signature::of(&request).unwrap_err(), Fault::Incomplete(part));
        }
    }
}
