//! The credential source.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use longshore_credential::{Environment, ShortLived, read_bytes};
use longshore_model::{Failure, FailureKind, Options, Problem, Secret, without_tokens};
use longshore_net::Words;
use longshore_plugin::{Context, Credential, CredentialSource, Result};

use crate::{
    configuration::Configuration,
    entry::{Entry, Unusable},
    helper::{Answer, Helper},
    server::{Match, Server},
};

/// The variable in which Docker, since version 28, and GitLab look for a configuration before any file.
const VARIABLE: &str = "DOCKER_AUTH_CONFIG";

/// The maximum size of a Docker configuration, in bytes.
const FILE_LIMIT: usize = 262_144;
/// The number of characters of a key of the file that are shown.
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

    /// The configuration in [`VARIABLE`]. As Docker does, passes over one that cannot be read.
    fn variable(&self, context: &Context) -> Option<Configuration> {
        let text = self.variable_text()?;
        match Configuration::parse(text.expose()) {
            Ok(configuration) => Some(configuration),
            Err((line, column)) => {
                context.warn(format!(
                    "what is in the environment variable {VARIABLE} is no configuration of Docker ({line}:{column}), \
                     and is not used"
                ));
                None
            }
        }
    }

    /// The content of [`VARIABLE`], unless a file is declared.
    fn variable_text(&self) -> Option<Secret<Vec<u8>>> {
        if self.file.is_some() {
            return None;
        }
        let text = self.environment.get(VARIABLE).filter(|text| !text.is_empty())?;
        Some(Secret::new(text.into_encoded_bytes()))
    }

    async fn find(&self, context: &Context) -> Result<Found> {
        let invalid = |message: &str| Failure::new(FailureKind::Invalid, message);
        let server = self.server.as_ref().ok_or_else(|| invalid("the registry has no host"))?;
        let mut empty = Vec::new();
        if let Some(configuration) = self.variable(context) {
            let place = format!("environment variable {VARIABLE}");
            if let Some(found) = self.look(context, server, &configuration, &place, &mut empty).await? {
                return Ok(found);
            }
        }
        let path = self.path().ok_or_else(|| {
            invalid("there is no home directory in which Docker's configuration would be").help("set file")
        })?;
        let configuration = read(&path, server).await.map_err(|mut failure| {
            let others: String = empty
                .iter()
                .map(|place| format!(", and the {place} has no credential for {server}"))
                .collect();
            failure.message.push_str(&others);
            failure
        })?;
        let place = format!("Docker configuration {}", path.display());
        if let Some(found) = self.look(context, server, &configuration, &place, &mut empty).await? {
            return Ok(found);
        }
        let (first, others) = (&empty[0], &empty[1..]);
        let others: String = others.iter().map(|place| format!(", nor has the {place}")).collect();
        let message = format!("the {first} has no credential for {server}{others}");
        Err(Failure::new(FailureKind::NotFound, message).help(log_in(server)))
    }

    /// Looks for the credential in `configuration`, which is in the `place`, and with its helpers. Adds the places
    /// without one to `empty`.
    async fn look(
        &self,
        context: &Context,
        server: &Server,
        configuration: &Configuration,
        place: &str,
        empty: &mut Vec<String>,
    ) -> Result<Option<Found>> {
        empty.push(place.to_owned());
        let entries = configuration.entries(server);
        // Helpers are asked for a host: what is there for a part of it is nearer.
        if let Some((Match::Part(_), entries)) = &entries {
            return only(entries, place, server).map(Some);
        }
        for helper in configuration.helpers(server) {
            let key = helper.key;
            let helper = Helper::new(helper.name).ok_or_else(|| {
                let message = format!("`{key}` in the {place} is no name of a credential helper");
                let help = "a name has letters, digits, `-`, `_` and `.` only";
                Failure::new(FailureKind::Invalid, message).help(help)
            })?;
            match helper.get(context, &self.environment, server).await? {
                Answer::Credential(credential) => return Ok(Some((credential, helper.title()))),
                Answer::IdentityToken => return Err(token("an identity token", &helper.title(), server)),
                Answer::NotFound => empty.push(helper.title()),
            }
        }
        entries.map(|(_, entries)| only(&entries, place, server)).transpose()
    }
}

/// The credential of `entries`, if they are one.
fn only(entries: &[(&str, &Entry)], place: &str, server: &Server) -> Result<Found> {
    if let [(_, entry)] = entries {
        return Ok((pair(entry, place, server)?, place.to_owned()));
    }
    let keys: Vec<_> = entries.iter().map(|(key, _)| format!("`{}`", shown(key))).collect();
    let message = format!("the {place} has several credentials for {server}: {}", keys.join(", "));
    let help = format!(
        "a registry has one credential: log in to {} itself, or declare a registry for each part, with host = {}",
        server.host(),
        keys[0].replace('`', "\"")
    );
    Err(Failure::new(FailureKind::Invalid, message).help(help))
}

async fn read(path: &Path, server: &Server) -> Result<Configuration> {
    let text = match read_bytes(path, FILE_LIMIT).await {
        Ok(text) => text,
        // The failure names the error; the hint depends on Docker.
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
            let message = format!("`auth` for {server} in the {file} {how}");
            Err(Failure::new(FailureKind::Invalid, message).help(log_in(server)))
        }
    }
}

fn token(kind: &str, place: &str, server: &Server) -> Failure {
    let message = format!(
        "what the {place} has for {server} is {kind}, from a sign-in: the ECS agent cannot use it, for it logs in with a \
         user name and a password"
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
        let file = match self.path() {
            Some(path) => format!("Docker configuration {}", path.display()),
            None => "Docker configuration".to_owned(),
        };
        match self.variable_text() {
            Some(_) => format!("environment variable {VARIABLE}, or {file}"),
            None => file,
        }
    }

    async fn fetch(&self, context: &Context) -> Result<Credential> {
        let (credential, place) = self.find(context).await.map_err(|failure| failure.at(&self.key))?;
        if let Some(unfit) = credential.unfit() {
            let message = format!("the credential in the {place} cannot be used: {unfit}");
            return Err(Failure::new(FailureKind::Invalid, message).at(&self.key).help("log in again"));
        }
        ShortLived::check(context, &credential, &place, self.allow_short_lived)
            .map_err(|failure| failure.at(&self.key))?;
        Ok(credential)
    }
}
