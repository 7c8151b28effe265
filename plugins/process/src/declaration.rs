//! The declaration of a program in the configuration.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use longshore_credential::SecretInput;
use longshore_model::{Fields, Options, holds_a_token};
use serde_json::Value;

/// The variables that every program gets, as far as they are set.
const USUAL: [&str; 5] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ"];

/// A program as the configuration declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declaration {
    /// The dotted key of the table, such as `registries.quay`.
    pub(crate) key: String,
    /// The program and its arguments.
    program: Vec<String>,
    /// The directory that it runs in, from which its path counts.
    pub(crate) directory: PathBuf,
    /// The SHA-256 digest of its file, in lower-case hexadecimal digits.
    pub(crate) sha256: Option<String>,
    /// The environment variables that it inherits.
    pub(crate) inherited: Vec<String>,
    /// The environment variables that it gets.
    pub(crate) variables: BTreeMap<String, String>,
    /// Secrets that it gets with each request.
    pub(crate) secrets: BTreeMap<String, SecretInput>,
    /// The longest time for one request.
    pub(crate) timeout: Duration,
    /// The options of its own, which only its schema can judge.
    pub(crate) options: Options,
}

impl Declaration {
    /// Reads the fields that every program has; all others but those that are taken already are its own options.
    pub(crate) fn read(fields: &mut Fields<'_>, timeout: Duration) -> Option<Self> {
        let directory = fields.directory_of("program").to_owned();
        let program = program(fields);
        let sha256 = sha256(fields);
        let mut inherited: Vec<_> = USUAL.map(str::to_owned).into();
        let mut variables = BTreeMap::new();
        if matches!(fields.peek("environment"), Some(Value::Array(_)) | None) {
            inherited.extend(inherited_variables(fields));
        } else {
            variables = fields.table("environment", |table| Some(given_variables(table))).unwrap_or_default();
        }
        let secrets = fields.table("secrets", |table| {
            let names = table.names().into_iter();
            Some(names.filter_map(|name| Some((name.clone(), SecretInput::read(table, &name)?))).collect())
        });
        let timeout = fields.time("timeout").unwrap_or(timeout);
        let options = fields.rest();
        refuse_tokens(fields, &options);
        Some(Self {
            key: options.key.clone(),
            program: program?,
            directory,
            sha256,
            inherited,
            variables,
            secrets: secrets.unwrap_or_default(),
            timeout,
            options,
        })
    }

    /// The program as people know it.
    pub(crate) fn title(&self) -> &str {
        &self.program[0]
    }

    /// The program's path from the directory, unless it is a name that is searched for.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let program = PathBuf::from(self.title());
        (program.components().count() > 1).then(|| self.directory.join(program))
    }

    pub(crate) fn arguments(&self) -> &[String] {
        &self.program[1..]
    }
}

fn program(fields: &mut Fields<'_>) -> Option<Vec<String>> {
    let help = "set it to the program and its arguments: [\"longshore-credential-vault\"]";
    if !fields.has("program") {
        fields.skip("program");
        fields.problem("program", "is missing", help);
        return None;
    }
    let program = fields.texts("program")?;
    if program.first().is_none_or(String::is_empty) {
        fields.problem("program", "names no program", help);
        return None;
    }
    if program.iter().any(|argument| holds_a_token(argument)) {
        // Every process on the machine sees the arguments of the others.
        let help = "let the program take it from `secrets`";
        fields.problem("program", "has an argument that looks like a secret value", help);
        return None;
    }
    Some(program)
}

fn sha256(fields: &mut Fields<'_>) -> Option<String> {
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digest = fields.text("sha256")?;
    if is_digest(&digest) {
        return Some(digest.to_ascii_lowercase());
    }
    fields.problem(
        "sha256",
        "is no SHA-256 digest",
        "set it to 64 hexadecimal digits, as `sha256sum` prints them",
    );
    None
}

fn inherited_variables(fields: &mut Fields<'_>) -> Vec<String> {
    if !fields.has("environment") {
        fields.skip("environment");
        return Vec::new();
    }
    let names = fields.texts("environment").unwrap_or_default();
    for name in names.iter().filter(|name| !is_variable(name)) {
        let message =
            if holds_a_token(name) { "holds a value" } else { "holds what is no name of a variable" };
        fields.problem(
            "environment",
            message,
            "list names, such as [\"VAULT_ADDR\"], or write a table of values",
        );
    }
    names
}

fn given_variables(table: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for name in table.names() {
        let Some(value) = table.text(&name) else { continue };
        if !is_variable(&name) {
            table.problem(&name, "is no name of an environment variable", "use letters, digits and `_`");
        } else if value.contains('\0') {
            table.problem(&name, "has a NUL character", "no environment variable can have one");
        } else if holds_a_token(&value) {
            table.problem(&name, "looks like a secret value", "let the program take it from `secrets`");
        } else {
            variables.insert(name, value);
        }
    }
    variables
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Notes the options that look like secret values: plans and listings may show options.
fn refuse_tokens(fields: &Fields<'_>, options: &Options) {
    for (name, value) in &options.values {
        if holds_a_token(&value.to_string()) {
            fields.problem(name, "looks like a secret value", "let the program take it from `secrets`");
        }
    }
}
