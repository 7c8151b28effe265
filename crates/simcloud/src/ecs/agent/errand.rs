//! A pull from a real registry on this machine.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;

use super::{
    super::TaskKey,
    client::{Pull, Pulled, Unreachable},
};

/// The time limit of one request.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that a manifest or a configuration may have.
const LARGEST: usize = 4 << 20;

/// A pull that goes through a socket, to be carried out by the process that runs the cloud.
#[derive(Clone, Debug)]
pub struct Errand {
    pub(in crate::ecs) task: TaskKey,
    pub(in crate::ecs) container: usize,
    pull: Pull,
}

impl Errand {
    pub(super) fn new(task: TaskKey, container: usize, pull: Pull) -> Self {
        Self { task, container, pull }
    }

    /// Carries the errand out, in real time: sockets know nothing of a paused clock.
    pub async fn run(&self) -> Pulled {
        let pull = self.pull.clone();
        // A thread of its own with its own clock. While it works, tokio doesn't advance a paused one.
        let work = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(drive(pull)),
                Err(error) => give_up(pull, Unreachable::because(error)),
            }
        });
        match work.await {
            Ok(pulled) => pulled,
            Err(error) => give_up(self.pull.clone(), Unreachable::because(error)),
        }
    }
}

fn give_up(mut pull: Pull, why: Unreachable) -> Pulled {
    loop {
        if let Some(pulled) = pull.take(Err(why.clone())) {
            return pulled;
        }
    }
}

async fn drive(mut pull: Pull) -> Pulled {
    loop {
        let answer = match tokio::time::timeout(PATIENCE, exchange(pull.request())).await {
            Ok(answer) => answer,
            Err(_) => Err(Unreachable::because("i/o timeout")),
        };
        if let Some(pulled) = pull.take(answer) {
            return pulled;
        }
    }
}

/// One request over one connection, without TLS.
async fn exchange(request: Request<Bytes>) -> Result<Response<Bytes>, Unreachable> {
    let because = |error: &dyn std::fmt::Display| Unreachable::because(error);
    let Some(authority) = request.uri().authority().cloned() else {
        return Err(Unreachable::because("no host in the address"));
    };
    if request.uri().scheme_str() != Some("http") {
        return Err(Unreachable::because("only plain HTTP is spoken with a registry on this machine"));
    }
    let port = authority.port_u16().unwrap_or(80);
    let stream =
        tokio::net::TcpStream::connect((authority.host(), port)).await.map_err(|error| because(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| because(&error))?;
    let (mut parts, body) = request.into_parts();
    if let Ok(host) = header::HeaderValue::from_str(authority.as_str()) {
        parts.headers.insert(header::HOST, host);
    }
    // To an origin server a request names the path only (RFC 9112, section 3.2.1).
    let path = parts.uri.path_and_query().map(|path| path.as_str().to_owned()).unwrap_or_default();
    parts.uri = path.parse().map_err(|error: http::uri::InvalidUri| because(&error))?;
    // Errors of the connection show in the exchange.
    let driver = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
        let (parts, body) = response.into_parts();
        Ok::<_, hyper::Error>((parts, Limited::new(body, LARGEST).collect().await))
    }
    .await;
    driver.abort();
    let (parts, body) = answer.map_err(|error| because(&error))?;
    let body = body.map_err(|error| because(&error))?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
