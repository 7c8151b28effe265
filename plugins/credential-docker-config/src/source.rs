//! The credential source.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use longshore_credential::{Environment, ShortLived, read_file};
use longshore_model::{Failure, FailureKind, Options, Problem, without_tokens};
use longshore_outside::Words;
use longshore_plugin::{Context, Credential, CredentialSource, Result};

use crate::{
    configuration::Configuration,
    entry::{Entry, Unusable},
    helper::{Answer, Helper},
    server::Server,
};

/// How long a Docker configuration may be, in bytes.
const FILE_LIMIT: usize = 262_144;
/// How many characters of a key of the file are shown.
const KEY_LIMIT: usize = 100;

/// The credential that Docker would use for a registry.
#[derive(Clone, Debug)]
pub(crate) struct DockerConfigSource {
    /// The options' key, such as `registries.quay`.
    key: String,
    /// The registry. Without it the configuration is refused before anything is fetched.
    server: Option<Server>,
    file: Option<PathBuf>,
    allow_short_lived: bool,
    environment: Environment,
}

/// A credential, and where it was.
type Found = (Credential, String);

impl DockerConfigSource {
    pub(crate) fn read(
        options: &Options,
        environment: Environment,
    ) -> std::result::Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let file = fields.path("file");
            let allow_short_lived = fields.flag("allow-short-lived").unwrap_or_default();
            Some(Self {
                key: options.key.clone(),
                server: options.taken_text("host").map(Server::new),
                file,
                allow_short_lived,
                environment,
            })
        })
    }

    /// The file: the one that the configuration names, or Docker's own.
    fn path(&self) -> Option<PathBuf> {
        if let Some(file) = &self.file {
            return Some(file.clone());
        }
        let variable = |name: &str| self.environment.get(name).filter(|value| !value.is_empty());
        let directory = variable("DOCKER_CONFIG").map(PathBuf::from).or_else(|| {
            let home = variable("HOME").map(PathBuf::from).or_else(std::env::home_dir)?;
            Some(home.join(".docker"))
        });
        Some(directory?.join("config.json"))
    }

    async fn find(&self, context: &Context) -> Result<Found> {
        let invalid = |message: &str| Failure::new(FailureKind::Invalid, message);
        let server = self.server.as_ref().ok_or_else(|| invalid("the registry has no host"))?;
        let path = self.path().ok_or_else(|| {
            invalid("there is no home directory in which Docker's configuration would be").help("set file")
        })?;
        let configuration = read(&path, server).await?;
        let mut asked = String::new();
        for helper in configuration.helpers(server) {
            let key = helper.key;
            let helper = Helper::new(helper.name).ok_or_else(|| {
                let message = format!("`{key}` in {} is no name of a credential helper", path.display());
                invalid(&message).help("a name has letters, digits, `-`, `_` and `.` only")
            })?;
            match helper.get(context, &self.environment, server).await? {
                Answer::Credential(credential) => return Ok((credential, helper.title())),
                Answer::IdentityToken => return Err(token("an identity token", &helper.title(), server)),
                Answer::NotFound => asked.push_str(&format!(", nor has the {}", helper.title())),
            }
        }
        let file = format!("Docker configuration {}", path.display());
        match configuration.entries(server).as_slice() {
            [] => {
                let message = format!("the {file} has no credential for {}{asked}", server.host());
                Err(Failure::new(FailureKind::NotFound, message).help(log_in(server)))
            }
            [(_, entry)] => Ok((pair(entry, &file, server)?, file)),
            several => {
                let keys = several.iter().map(|(key, _)| format!("`{}`", shown(key)));
                let keys = keys.collect::<Vec<_>>().join(", ");
                let message = format!("the {file} has several credentials for {}: {keys}", server.host());
                let help = format!(
                    "a registry has one credential: log in to {} itself, or name another file with file",
                    server.host()
                );
                Err(invalid(&message).help(help))
            }
        }
    }
}

async fn read(path: &Path, server: &Server) -> Result<Configuration> {
    let text = match read_file(path, FILE_LIMIT).await {
        Ok(text) => text,
        // What is wrong is told; what to do depends on Docker.
        Err(failure) if matches!(tokio::fs::try_exists(path).await, Ok(false)) => {
            return Err(failure.help(log_in(server)));
        }
        Err(failure) => return Err(failure),
    };
    Configuration::parse(text.expose()).map_err(|(line, column)| {
        let message = format!("the file {}:{line}:{column} is no configuration of Docker", path.display());
        Failure::new(FailureKind::Invalid, message).help("it must be JSON as `docker login` writes it")
    })
}

fn pair(entry: &Entry, file: &str, server: &Server) -> Result<Credential> {
    let nothing = || Failure::new(FailureKind::NotFound, format!("the {file} has no credential"));
    match entry.credential() {
        Ok(credential) => credential.ok_or_else(nothing),
        Err(Unusable::Token(kind)) => Err(token(kind, file, server)),
        Err(Unusable::Malformed(how)) => {
            let message = format!("`auth` for {} in the {file} {how}", server.host());
            Err(Failure::new(FailureKind::Invalid, message).help(log_in(server)))
        }
    }
}

fn token(kind: &str, place: &str, server: &Server) -> Failure {
    let message = format!(
        "what the {place} has for {} is {kind}, from a sign-in: the ECS agent cannot use it, for it logs in with a user \
         name and a password",
        server.host()
    );
    Failure::new(FailureKind::Invalid, message).help(format!(
        "log in with a user name and an access token, as with `docker login --username NAME {}`",
        server.host()
    ))
}

fn log_in(server: &Server) -> String {
    format!("run `docker login {}` as the user who deploys, or name another file with file", server.host())
}

fn shown(key: &str) -> String {
    without_tokens(&Words::default().quote(key, KEY_LIMIT))
}

#[async_trait]
impl CredentialSource for DockerConfigSource {
    fn describe(&self) -> String {
        match self.path() {
            Some(path) => format!("Docker configuration {}", path.display()),
            None => "Docker configuration".to_owned(),
        }
    }

    async fn fetch(&self, context: &Context) -> Result<Credential> {
        let (credential, place) = self.find(context).await.map_err(|failure| failure.at(&self.key))?;
        if credential.username.chars().any(|c| c == ':' || c.is_control()) {
            let message = format!("the user name in the {place} has a colon or a control character");
            return Err(Failure::new(FailureKind::Invalid, message).at(&self.key).help("log in again"));
        }
        ShortLived::check(context, &credential, &place, self.allow_short_lived)
            .map_err(|failure| failure.at(&self.key))?;
        Ok(credential)
    }
}
