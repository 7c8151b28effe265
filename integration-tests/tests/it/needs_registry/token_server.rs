//! A token server, which the registry trusts: the distribution project's "Token Authentication Specification" and "Token
//! Authentication Implementation". It is strict: a request that a registry's client has no reason to send is refused.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::{Value, json};
use url::Url;

use super::{PASSWORD, USER};

/// A request for a token, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Who asked; nothing for anonymous requests.
    pub(super) user: Option<String>,
    pub(super) scope: String,
    /// What the token allows, or why there is none.
    pub(super) granted: Result<Vec<&'static str>, &'static str>,
}

pub(super) struct TokenServer {
    signer: Arc<Signer>,
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

struct Signer {
    certificate: rcgen::Certificate,
    key: EcdsaKeyPair,
}

impl TokenServer {
    pub(super) const SERVICE: &str = "registry.test";
    pub(super) const ISSUER: &str = "the token server of a test";

    pub(super) fn start() -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &pair.serialize_der(),
            &SystemRandom::new(),
        );
        let signer = Arc::new(Signer { certificate, key: key.unwrap() });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (answering, noting) = (signer.clone(), asked.clone());
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answering, noting) = (answering.clone(), noting.clone());
                std::thread::spawn(move || serve(stream, &answering, &noting));
            }
        });
        Self { signer, port, asked }
    }

    /// Where clients are sent.
    pub(super) fn realm(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    /// The certificate of the key that tokens are signed with.
    pub(super) fn certificate(&self) -> String {
        self.signer.certificate.pem()
    }

    /// What it was asked since it was last looked at.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// A token for whoever holds it.
    pub(super) fn token(&self, user: &str, repository: &str, actions: &[&str]) -> String {
        self.signer.token(user, repository, actions)
    }
}

impl Signer {
    fn token(&self, user: &str, repository: &str, actions: &[&str]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let chain = [BASE64_STANDARD.encode(self.certificate.der())];
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": chain });
        let claims = json!({
            "iss": TokenServer::ISSUER,
            "sub": user,
            "aud": TokenServer::SERVICE,
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 300,
            "jti": format!("{user}-{repository}"),
            "access": [{ "type": "repository", "name": repository, "actions": actions }],
        });
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Reads one request, and answers it.
fn serve(mut stream: TcpStream, signer: &Signer, asked: &Mutex<Vec<Asked>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let mut authorization = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.trim().to_owned());
        }
    }
    let (status, body) = answer(&request, authorization.as_deref(), signer, asked);
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

fn answer(
    request: &str,
    authorization: Option<&str>,
    signer: &Signer,
    asked: &Mutex<Vec<Asked>>,
) -> (&'static str, Value) {
    let target = request.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let url = Url::parse("http://127.0.0.1").unwrap().join(target).unwrap();
    let parameters = |wanted: &str| -> Vec<String> {
        url.query_pairs().filter(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).collect()
    };
    let (user, verdict) = match authorization.map(basic) {
        None => (None, Ok(())),
        Some(Some((user, password))) if user == USER && password == PASSWORD => (Some(user), Ok(())),
        Some(Some((user, _))) => (Some(user), Err(("401 Unauthorized", "wrong password"))),
        Some(None) => (None, Err(("400 Bad Request", "not Basic"))),
    };
    let scope = parameters("scope").join(" ");
    let granted = verdict.and_then(|()| {
        if url.path() != "/token" {
            return Err(("404 Not Found", "another path"));
        }
        if parameters("service") != [TokenServer::SERVICE] {
            return Err(("400 Bad Request", "another service"));
        }
        let repository = scope.strip_prefix("repository:").and_then(|rest| rest.strip_suffix(":pull"));
        let Some(repository) = repository.filter(|name| !name.contains([':', ' '])) else {
            return Err(("400 Bad Request", "another scope than pulling from one repository"));
        };
        let may = repository == "acme/open" || user.is_some() && repository.starts_with("acme/");
        // A token that allows nothing is what real servers give, too.
        let actions = if may { vec!["pull"] } else { vec![] };
        Ok((signer.token(user.as_deref().unwrap_or_default(), repository, &actions), actions))
    });
    let (answer, granted) = match granted {
        Ok((token, actions)) => (("200 OK", json!({ "token": token, "expires_in": 300 })), Ok(actions)),
        Err((status, why)) => {
            let error =
                json!({ "code": "UNAUTHORIZED", "message": "authentication required", "detail": why });
            ((status, json!({ "errors": [error] })), Err(why))
        }
    };
    asked.lock().unwrap().push(Asked { user, scope, granted });
    answer
}

/// User name and password of a header.
fn basic(authorization: &str) -> Option<(String, String)> {
    let text = BASE64_STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
