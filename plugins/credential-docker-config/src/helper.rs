//! Docker credential helpers.

use std::{path::PathBuf, time::Duration};

use longshore_credential::{Environment, Finished, Program};
use longshore_model::{Failure, FailureKind, Secret, without_tokens};
use longshore_net::Words;
use longshore_plugin::{Context, Credential, Result};
use serde::de::{Deserializer, MapAccess};

use crate::{
    go::{self, Decode, Struct, Value, decode_struct},
    server::Server,
};

/// The common prefix of all helpers' names.
const PREFIX: &str = "docker-credential-";
/// The time limit for a helper, in real time: a user may have to allow it to open a key chain.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The message of helpers that do not have a credential (docker-credential-helpers, `credentials/error.go`).
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name of an identity token (docker/cli, `config/credentials/native_store.go`).
const TOKEN: &str = "<token>";
/// The number of characters of a helper's message that are shown.
const QUOTED: usize = 300;

/// A helper: the program `docker-credential-NAME`.
#[derive(Clone, Debug)]
pub(crate) struct Helper {
    program: String,
    timeout: Duration,
}

/// A helper's answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A user name and a password.
    Credential(Credential),
    /// A token that is no password.
    IdentityToken,
    /// It does not have the credential.
    NotFound,
}

#[derive(Default)]
struct Output {
    username: String,
    secret: Option<Secret<String>>,
}

impl Decode for Output {
    fn decode<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> std::result::Result<(), D::Error> {
        decode_struct(self, deserializer)
    }
}

impl Struct for Output {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        value: Value<'_, A>,
    ) -> std::result::Result<(), A::Error> {
        match name {
            "username" => value.decode_into(&mut self.username),
            "secret" => value.decode_into(self.secret.get_or_insert_with(|| Secret::new(String::new()))),
            _ => value.ignore(),
        }
    }
}

impl Helper {
    /// The helper `name`, unless that is something else than a name: it becomes the name of a program.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        is_name.then(|| Self { program: format!("{PREFIX}{name}"), timeout: TIMEOUT })
    }

    #[cfg(test)]
    pub(crate) const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The program's name, which may hold anything.
    fn shown(&self) -> String {
        let name = self.program.trim_start_matches(PREFIX);
        format!("{PREFIX}{}", without_tokens(name))
    }

    /// Returns the helper's display name.
    pub(crate) fn title(&self) -> String {
        format!("credential helper {}", self.shown())
    }

    /// Asks for the credential of `server`, which goes over standard input. Helpers are found as commands are, on the
    /// `PATH` of `environment`.
    pub(crate) async fn get(
        &self,
        context: &Context,
        environment: &Environment,
        server: &Server,
    ) -> Result<Answer> {
        let path = self.find(environment).await?;
        let program =
            Program::new(self.title(), path).arguments(["get"]).input(server.key()).within(environment);
        let finished = program.timeout(self.timeout).run(context).await?;
        if !finished.status().success() {
            return self.failed(&finished, environment.shows_errors());
        }
        let wrong = |what: &str| {
            let help = "it must answer with JSON that has Username and Secret; if it does, log in again";
            self.fail(FailureKind::Invalid, what).help(help)
        };
        let output: Option<Output> = go::read(finished.stdout()).unwrap_or_default();
        let Output { username, secret } =
            output.ok_or_else(|| wrong("answers with something that is no credential"))?;
        let password = secret.unwrap_or_else(|| Secret::new(String::new()));
        match (username.as_str(), password.expose().as_str()) {
            ("", "") => Ok(Answer::NotFound),
            (TOKEN, _) => Ok(Answer::IdentityToken),
            ("", _) => Err(wrong("answers with no user name")),
            (_, "") => Err(wrong("answers with no password")),
            _ => Ok(Answer::Credential(Credential { username, password })),
        }
    }

    async fn find(&self, environment: &Environment) -> Result<PathBuf> {
        if environment.get("PATH").is_none() {
            return Ok(format!("{}{}", self.program, std::env::consts::EXE_SUFFIX).into());
        }
        if let Some(path) = environment.find_program(&self.program).await {
            return Ok(path);
        }
        let help = "install it, or take it out of the Docker configuration";
        Err(self.fail(FailureKind::NotFound, "is in no directory of PATH").help(help))
    }

    /// By the protocol, a helper says on standard output why it fails. Whatever it says may be the secret.
    fn failed(&self, finished: &Finished, shows_errors: bool) -> Result<Answer> {
        let output = Secret::new(String::from_utf8_lossy(finished.stdout()).into_owned());
        if output.expose().contains(NOT_FOUND) {
            return Ok(Answer::NotFound);
        }
        let mut words = if shows_errors { finished.said() } else { String::new() };
        if shows_errors && is_a_sentence(output.expose()) {
            words = without_tokens(&Words::default().quote(output.expose(), QUOTED));
        }
        let mut message = format!("failed with {}", finished.status());
        if !words.is_empty() {
            message.push_str(&format!(": {words}"));
        }
        let help = format!("see what `{} get` needs, or log in again", self.shown());
        Err(self.fail(FailureKind::Denied, &message).help(help))
    }

    fn fail(&self, kind: FailureKind, what: &str) -> Failure {
        Failure::new(kind, format!("the {} {what}", self.title()))
    }
}

/// A secret is one word mostly, and an answer with one is JSON: what is neither is meant for people.
fn is_a_sentence(text: &str) -> bool {
    !text.contains(['{', '"']) && text.split_whitespace().count() >= 3
}
