//! The credential scope of a signature: access key, region and service.

use http::Request;

use super::{header, query};

/// The credential scope of a Signature Version 4, and the session token that came with it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) token: Option<String>,
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Scope")
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl Scope {
    /// The scope in the `Authorization` header, or in the query of a presigned request.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        let authorization = header(request, "authorization");
        if let Some(parameters) = authorization.strip_prefix("AWS4-HMAC-SHA256") {
            let credential =
                parameters.split(',').find_map(|part| part.trim().strip_prefix("Credential="))?;
            let token = header(request, "x-amz-security-token");
            return Self::parse(credential, (!token.is_empty()).then(|| token.to_owned()));
        }
        let parameters = query::pairs(request.uri().query().unwrap_or_default().as_bytes());
        let get = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        Self::parse(&get("X-Amz-Credential")?, get("X-Amz-Security-Token"))
    }

    /// `KEY/DATE/REGION/SERVICE/aws4_request`
    fn parse(credential: &str, token: Option<String>) -> Option<Self> {
        let mut parts = credential.split('/');
        let access_key = parts.next()?.to_owned();
        let _date = parts.next()?;
        let region = parts.next()?.to_owned();
        let service = parts.next()?.to_owned();
        (parts.next() == Some("aws4_request")).then_some(Self { access_key, region, service, token })
    }
}
