//! The HTTP client: one TLS stack, one idea of proxies and one set of errors for registries and AWS.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::{HeaderMap, header};
use longshore_model::{Failure, FailureKind};
use reqwest::{Client, ClientBuilder, redirect};

use crate::{Proxies, Reach, Trust, reach::Resolver};

/// Returns an HTTP client that trusts `trust` and takes the proxies that the environment names. It follows no redirect and
/// tries nothing twice.
///
/// # Errors
/// If a variable that should name a proxy does not.
pub fn http_client(trust: &Trust, connect_timeout: Option<Duration>) -> Result<Client, Failure> {
    builder(trust, connect_timeout, Proxies::of_environment()?)?
        .build()
        .map_err(|error| no_client(root(&error)))
}

/// HTTP clients as [`http_client`] returns them, whose requests go where a [`Reach`] allows it.
#[derive(Debug)]
pub struct GuardedClients {
    local: Client,
    remote: Client,
}

impl GuardedClients {
    /// Creates them.
    ///
    /// # Errors
    /// If a variable that should name a proxy does not.
    pub fn new(trust: &Trust, connect_timeout: Duration) -> Result<Self, Failure> {
        let proxies = Proxies::of_environment()?;
        let client = |reach| {
            let resolver = Resolver { reach, proxies: proxies.hosts().map(str::to_owned).collect() };
            let builder = builder(trust, Some(connect_timeout), proxies.clone())?;
            builder.dns_resolver(Arc::new(resolver)).build().map_err(|error| no_client(root(&error)))
        };
        Ok(Self { local: client(Reach::Local)?, remote: client(Reach::Remote)? })
    }

    /// Returns the client for requests that go no further than `reach`, whose host must be an address within it or a name.
    #[must_use]
    pub const fn within(&self, reach: Reach) -> &Client {
        match reach {
            Reach::Local => &self.local,
            Reach::Remote => &self.remote,
        }
    }
}

fn builder(
    trust: &Trust,
    connect_timeout: Option<Duration>,
    proxies: Proxies,
) -> Result<ClientBuilder, Failure> {
    let tls = trust.client_config().map_err(|error| no_client(error.to_string()))?;
    let builder = Client::builder()
        .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
        .use_preconfigured_tls(tls)
        .proxy(reqwest::Proxy::custom(move |url| proxies.of(url).cloned()))
        .redirect(redirect::Policy::none())
        .referer(false);
    Ok(match connect_timeout {
        Some(timeout) => builder.connect_timeout(timeout),
        None => builder,
    })
}

fn no_client(why: String) -> Failure {
    Failure::new(FailureKind::Internal, format!("the HTTP client does not start: {why}"))
}

/// The error of a request that got no response. The message contains neither the URL nor headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError {
    /// The kind of error.
    pub kind: NetworkErrorKind,
    /// A short description of the error: `connection refused`.
    pub message: String,
}

/// The kind of a [`NetworkError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkErrorKind {
    /// The host's name has no address.
    Name,
    /// There is no connection, or it broke.
    Connection,
    /// The other side took too long.
    Timeout,
    /// The other side's certificate is not trusted.
    Distrust,
    /// The other side speaks no TLS, or none that fits.
    Tls,
    /// The request cannot be sent.
    Request,
}

impl NetworkError {
    /// Returns an error of reqwest without its own frame, which repeats the URL.
    #[must_use]
    pub fn of(error: &reqwest::Error) -> Self {
        let has_io_kind = |kind| {
            chain(error)
                .filter_map(|error| error.downcast_ref::<io::Error>())
                .any(|error| error.kind() == kind)
        };
        let is_distrust = chain(error).any(|error| {
            matches!(error.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_)))
        });
        // The resolver's own error type is not public.
        let is_name = chain(error).any(|error| error.to_string() == "dns error");
        let (kind, message) = if is_name {
            (NetworkErrorKind::Name, format!("no address: {}", root(error)))
        } else if error.is_timeout() {
            (NetworkErrorKind::Timeout, "the connection is not accepted in time".to_owned())
        } else if has_io_kind(io::ErrorKind::ConnectionRefused) {
            (NetworkErrorKind::Connection, "connection refused".to_owned())
        } else if is_distrust {
            (NetworkErrorKind::Distrust, format!("no secure connection: {}", root(error)))
        } else if has_io_kind(io::ErrorKind::InvalidData) {
            // rustls reports its other errors as invalid data.
            (NetworkErrorKind::Tls, format!("no secure connection: {}", root(error)))
        } else if error.is_builder() {
            (NetworkErrorKind::Request, root(error))
        } else {
            (NetworkErrorKind::Connection, root(error))
        };
        Self { kind, message }
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for NetworkError {}

/// Returns an error and its causes. I/O errors count the error that they wrap as one, other than [`Error::source`] does.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().map(io::Error::get_ref) {
            Some(Some(wrapped)) => Some(wrapped as &(dyn Error + 'static)),
            _ => error.source(),
        }
    })
}

/// Returns the innermost cause, which says what happened.
fn root(error: &(dyn Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}

/// Returns `true` if the headers say that the body is compressed with gzip.
#[must_use]
pub fn is_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"))
}

/// Returns a body that some proxies and registries compress without being asked, as it was before. Go's HTTP client,
/// which asks for it, takes nothing but gzip either. An empty body, as after HEAD, stays empty.
///
/// # Errors
/// If the body is damaged, or longer than `limit` bytes.
pub fn gunzip(headers: &mut HeaderMap, body: Bytes, limit: usize) -> io::Result<Bytes> {
    if body.is_empty() {
        return Ok(body);
    }
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    io::Read::read_to_end(&mut io::Read::take(GzDecoder::new(body.as_ref()), most), &mut plain)?;
    if plain.len() > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    Ok(plain.into())
}
