//! A token server that registries trust: the distribution project's "Token Authentication Specification" and "Token
//! Authentication Implementation". It is strict: a request that a registry's client has no reason to send is refused.
//!
//! One server serves the tests of a whole run, which are processes of their own, so it is told and asked over HTTP who may
//! pull what ([`Grant`]) and who wanted to ([`Asked`]).

mod answer;
mod signer;

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde::{Deserialize, Serialize};

use answer::{Request, Rules};
use signer::Signer;

/// Allows a user to pull. `POST /grants`, as the [pusher](crate::registry::PUSHER), with one of these as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The user; without one, everybody who does not log in.
    pub user: Option<String>,
    /// The password of the user.
    pub password: Option<String>,
    /// The repository; with a `/` at the end, all those below it.
    pub repository: String,
}

/// A request for a token, and what came of it. `GET /asked?below=PREFIX`, as the pusher, answers with those for
/// repositories whose name begins so, and forgets them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The user who asked; `None` for anonymous requests.
    pub user: Option<String>,
    /// The scope, as it was asked for.
    pub scope: String,
    /// The actions that the token allows, or the reason for the refusal.
    pub granted: Result<Vec<String>, String>,
}

/// A running server. It ends with the process.
#[derive(Debug)]
pub struct TokenServer {
    signer: Arc<Signer>,
    url: String,
}

impl TokenServer {
    /// The service that it gives tokens for.
    pub const SERVICE: &str = "registry.test";
    /// Its name in tokens.
    pub const ISSUER: &str = "the token server of a test";

    /// Starts one, with a new key, on a port of its own.
    ///
    /// # Errors
    /// When there is no port or no key to be had.
    pub fn start() -> io::Result<Self> {
        let signer = Arc::new(Signer::new()?);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let rules = Arc::<Mutex<Rules>>::default();
        let answering = signer.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (signer, rules) = (answering.clone(), rules.clone());
                // A client that hangs up early is not waited for.
                std::thread::spawn(move || serve(stream, &signer, &rules).ok());
            }
        });
        Ok(Self { signer, url })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL to which registries send clients.
    #[must_use]
    pub fn realm(&self) -> String {
        format!("{}/token", self.url)
    }

    /// The certificate of the key that tokens are signed with, as PEM.
    #[must_use]
    pub fn certificate(&self) -> String {
        self.signer.certificate()
    }
}

/// Reads one request, and answers it.
fn serve(mut stream: TcpStream, signer: &Signer, rules: &Mutex<Rules>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method: method.to_owned(), target: target.to_owned(), ..Request::default() };
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let Some((name, value)) = header.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    reader.take(length).read_to_string(&mut request.body)?;
    let (status, body) = answer::answer(&request, signer, rules);
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())
}
