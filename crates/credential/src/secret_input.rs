//! The source of a secret value.

use std::path::PathBuf;

use longshore_model::{Failure, FailureKind, Fields, Secret, holds_a_token};
use longshore_plugin::{Context, Result, is_basic_password};
use serde_json::Value;

use crate::{
    Environment, VALUE_LIMIT,
    command::{self, Output},
    file,
    kept::{Keeper, Kept},
};

/// The ways of giving a secret value.
const WAYS: [&str; 5] = ["env", "file", "command", "ssm", "secretsmanager"];

/// The source of a secret value, as a table of the configuration says: in an environment variable (`env`), in a file
/// (`file`), in the output of a command (`command`), in an SSM parameter (`ssm`) or in a Secrets Manager secret
/// (`secretsmanager`), of which `field` may name a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInput {
    /// The table's dotted key.
    key: String,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Environment { name: String },
    File { path: PathBuf },
    Command { program: String, arguments: Vec<String> },
    Kept(Kept),
}

impl SecretInput {
    /// Reads the table `field`, which has to be there. A value that was written down in its place is refused and never
    /// repeated; so is one that stands where a variable, a file or an argument is to be named.
    pub fn read(fields: &mut Fields<'_>, field: &str) -> Option<Self> {
        let help = format!(
            "use {field} = {{ env = \"NAME\" }}, {{ file = \"PATH\" }}, {{ command = [\"PROGRAM\", …] }}, {{ ssm = \"NAME\" }} or \
             {{ secretsmanager = \"NAME\" }}"
        );
        match fields.peek(field) {
            Some(Value::Object(_)) => {}
            found => {
                let message = match found {
                    None => "is missing".to_owned(),
                    Some(Value::String(_)) => format!("a {field} must not stand in a configuration file"),
                    Some(_) => "is no table".to_owned(),
                };
                fields.problem(field, message, help);
                fields.skip(field);
                return None;
            }
        }
        let key = fields.key_of(field);
        let place = fields.table(field, |table| read_place(table, &help))?;
        Some(Self { key, place })
    }

    /// The place in a few words, such as `environment variable GHCR_TOKEN`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.place {
            Place::Environment { name } => format!("environment variable {name}"),
            Place::File { path } => format!("file {}", path.display()),
            // The arguments stay private: they may tell where else secrets are.
            Place::Command { program, .. } => format!("command {program}"),
            Place::Kept(kept) => kept.to_string(),
        }
    }

    /// Fetches a token or another value of one line, without the white space around it. A command's value is its first
    /// line of output. It may take 30 s of real time, and is run without a shell, input or terminal, in the working
    /// directory.
    ///
    /// # Errors
    /// When it is not there, empty or not one line of text, or when the command fails. The value is never shown.
    pub async fn fetch(&self, context: &Context, environment: &Environment) -> Result<Secret<String>> {
        self.fetch_as(Form::Line, context, environment).await
    }

    /// Fetches a password, which may have several lines, as `docker login --password-stdin` reads it: without one line
    /// break at its end.
    ///
    /// # Errors
    /// As [`SecretInput::fetch`]; and when it has a control character that is neither a line break nor a tab, because
    /// Basic authentication does not carry it.
    pub async fn fetch_password(
        &self,
        context: &Context,
        environment: &Environment,
    ) -> Result<Secret<String>> {
        self.fetch_as(Form::Password, context, environment).await
    }

    /// Fetches the content of an environment variable. Several lines arrive as they are, with the last line break: keys
    /// in PEM format end with one, and some programs refuse them without. The line break behind a single line is an
    /// editor's, and is dropped.
    ///
    /// # Errors
    /// As [`SecretInput::fetch`]; and when it has a NUL, which no environment variable can have.
    pub async fn fetch_content(
        &self,
        context: &Context,
        environment: &Environment,
    ) -> Result<Secret<String>> {
        self.fetch_as(Form::Content, context, environment).await
    }

    async fn fetch_as(
        &self,
        form: Form,
        context: &Context,
        environment: &Environment,
    ) -> Result<Secret<String>> {
        let found = match &self.place {
            Place::Environment { name } => from_environment(environment, name),
            Place::File { path } => file::read_file(path, VALUE_LIMIT).await,
            Place::Command { program, arguments } => {
                let printed = if form == Form::Line { Output::FirstLine } else { Output::Whole };
                command::output(context, environment, program, arguments, printed).await
            }
            Place::Kept(kept) => kept.fetch(environment.vault()).await,
        };
        found.and_then(|value| self.check(form, &value)).map_err(|failure| {
            // The call to AWS that failed, where it is one, is worth knowing beside the key.
            let at = failure.at.as_deref().map(|call| format!(" ({call})")).unwrap_or_default();
            failure.at(format!("{}{at}", self.key))
        })
    }

    fn check(&self, form: Form, value: &Secret<String>) -> Result<Secret<String>> {
        form.take(value.expose()).map(|value| Secret::new(value.to_owned())).map_err(|wrong| {
            let message = format!("what is in the {} {wrong}", self.describe());
            Failure::new(FailureKind::Invalid, message).help("it must be the secret value and nothing else")
        })
    }
}

/// The accepted form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Line,
    Password,
    Content,
}

impl Form {
    /// Returns the value in `text`, or the reason to refuse `text`.
    fn take(self, text: &str) -> std::result::Result<&str, &'static str> {
        if text.trim().is_empty() {
            return Err("is empty");
        }
        let ended = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        match self {
            Self::Line if text.trim().contains(char::is_control) => Err("is more than one line of text"),
            Self::Line => Ok(text.trim()),
            Self::Password if !is_basic_password(ended) => {
                Err("has a control character that no password can have")
            }
            Self::Password => Ok(ended),
            Self::Content if text.contains('\0') => {
                Err("has a NUL character, which no environment variable can have")
            }
            Self::Content if ended.contains('\n') => Ok(text),
            Self::Content => Ok(ended),
        }
    }
}

fn read_place(table: &mut Fields<'_>, help: &str) -> Option<Place> {
    let given: Vec<_> = WAYS.into_iter().filter(|way| table.has(way)).collect();
    if given.len() != 1 {
        match given.as_slice() {
            // Other keys are reported as unknown.
            [] if !table.names().is_empty() => {}
            [] => table.problem("", "says nowhere to find it", help),
            several => {
                let message = format!("says several places to find it: {}", several.join(" and "));
                table.problem("", message, help);
            }
        }
        // All are known, whichever are there.
        WAYS.into_iter().for_each(|way| table.skip(way));
        return None;
    }
    // The other ways' names, for a key that is misspelt.
    let way = given[0];
    WAYS.into_iter().filter(|other| *other != way).for_each(|other| table.skip(other));
    if let Some(keeper) = Keeper::of(way) {
        return Kept::read(table, keeper).map(Place::Kept);
    }
    match way {
        "env" => {
            let name = table.text("env")?;
            if is_a_value(&name) {
                refuse_value(table, "env", "name the variable that holds it");
                return None;
            }
            if !is_variable(&name) {
                table.problem("env", "is no name of an environment variable", "use letters, digits and `_`");
                return None;
            }
            Some(Place::Environment { name })
        }
        "file" => {
            let path = table.path("file")?;
            if is_a_value(path.file_name().unwrap_or_default().to_str().unwrap_or_default()) {
                refuse_value(table, "file", "name the file that holds it");
                return None;
            }
            Some(Place::File { path })
        }
        _ => {
            let mut arguments = table.texts("command")?;
            if arguments.iter().any(|argument| is_a_value(argument)) {
                // Everybody on the machine sees the arguments of a process.
                refuse_value(table, "command", "have the command print it, without being told it");
                return None;
            }
            if arguments.first().is_none_or(String::is_empty) {
                table.problem("command", "names no program", "write it as in [\"pass\", \"show\", \"ghcr\"]");
                return None;
            }
            let program = arguments.remove(0);
            Some(Place::Command { program, arguments })
        }
    }
}

pub(crate) fn refuse_value(table: &Fields<'_>, field: &str, help: &str) {
    table.problem(field, "looks like the secret value itself", help);
}

/// Returns true if a text looks like a secret value rather than like the place of one. Besides tokens with a prefix, these are
/// GitHub's old ones, and those of many others: long hexadecimal numbers.
pub(crate) fn is_a_value(text: &str) -> bool {
    let is_number = text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number || holds_a_token(text)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn from_environment(environment: &Environment, name: &str) -> Result<Secret<String>> {
    let fail =
        |what: &str| Failure::new(FailureKind::Invalid, format!("the environment variable {name} {what}"));
    let value = environment
        .get(name)
        .ok_or_else(|| fail("is not set").help(format!("export {name}, then run again")))?;
    value.into_string().map(Secret::new).map_err(|value| {
        drop(Secret::new(value.into_encoded_bytes()));
        fail("is no UTF-8 text")
    })
}

#[cfg(test)]
mod tests;
