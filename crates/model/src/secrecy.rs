//! Which values of a configuration must not be repeated, neither in an error nor in a listing.
//!
//! A configuration should hold no secret at all: it says where one is found (`token = { env = "GHCR_TOKEN" }`). A
//! secret in it is refused nevertheless, and nothing may show it on the way there.

use std::{
    collections::BTreeSet,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Map, Value};

use crate::key::split_key;

/// The replacement for a value that is not shown.
pub const REDACTED: &str = "(secret)";

/// Tables whose keys are names that people choose: a service that is called `token` is no secret.
const KEYED_BY_NAME: [&str; 8] =
    ["containers", "managed-policies", "ports", "registries", "repositories", "services", "stores", "tags"];

/// The keys below a secret's key that name its source.
const SOURCES: [&str; 8] = ["command", "env", "field", "file", "program", "secretsmanager", "ssm", "use"];

/// The keys of a variable in a container's `secrets` that name its place.
const VARIABLE: [&str; 3] = ["arn", "kms-key", "store"];

/// Beginnings of tokens that are known before any plugin is: those of GitHub, Docker Hub and GitLab.
const TOKEN_PREFIXES: [&str; 12] = [
    "ghp_",
    "ghs_",
    "gho_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "dckr_pat_",
    "dckr_oat_",
    "glpat-",
    "gldt-",
    "glcbt-",
    "glrt-",
];

/// Beginnings of tokens that plugins have added.
static ADDED_PREFIXES: RwLock<BTreeSet<&'static str>> = RwLock::new(BTreeSet::new());
/// True if there are any.
static HAS_ADDED: AtomicBool = AtomicBool::new(false);

/// Returns true if the value of `field`, in the table at the dotted key `table`, must not be repeated.
#[must_use]
pub fn hides(table: &str, field: &str) -> bool {
    hidden(&split_key(table), field)
}

/// Returns true if there is something in `text` that looks like a token.
#[must_use]
pub fn holds_a_token(text: &str) -> bool {
    text.split(|c| !is_part_of_a_token(c)).any(is_a_token)
}

/// `text` with [`REDACTED`] in the place of everything that looks like a token.
#[must_use]
pub fn without_tokens(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = &rest[..rest.find(|c| !is_part_of_a_token(c)).unwrap_or(rest.len())];
        clean.push_str(if is_a_token(word) { REDACTED } else { word });
        rest = &rest[word.len()..];
        let gap = &rest[..rest.find(is_part_of_a_token).unwrap_or(rest.len())];
        clean.push_str(gap);
        rest = &rest[gap.len()..];
    }
    clean
}

fn is_part_of_a_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn is_a_token(word: &str) -> bool {
    let has = |prefix: &&str| word.strip_prefix(*prefix).is_some_and(|rest| rest.len() >= 8);
    // Most processes have none, and every word of a configuration comes by here.
    TOKEN_PREFIXES.iter().any(has)
        || HAS_ADDED.load(Ordering::Relaxed)
            && ADDED_PREFIXES.read().unwrap_or_else(PoisonError::into_inner).iter().any(has)
}

/// Adds beginnings of tokens, for the rest of the process: plugins register those of their registries. One of fewer than
/// three characters is ignored: it would hide ordinary words.
pub fn add_token_prefixes(prefixes: &[&'static str]) {
    let mut added = ADDED_PREFIXES.write().unwrap_or_else(PoisonError::into_inner);
    added.extend(prefixes.iter().filter(|prefix| prefix.len() >= 3));
    HAS_ADDED.store(!added.is_empty(), Ordering::Relaxed);
}

/// The entries of the table at the dotted key `table`, with [`REDACTED`] in the place of what must not be repeated.
#[must_use]
pub fn redacted(table: &str, values: &Map<String, Value>) -> Map<String, Value> {
    redact_table(&mut split_key(table), values)
}

fn redact_table(table: &mut Vec<String>, values: &Map<String, Value>) -> Map<String, Value> {
    let redact = |(field, value): (&String, &Value)| {
        let shown = match value {
            Value::Object(values) => {
                table.push(field.clone());
                let values = redact_table(table, values);
                table.pop();
                Value::Object(values)
            }
            value if hidden(table, field) || value_holds_a_token(value) => Value::from(REDACTED),
            value => value.clone(),
        };
        (field.clone(), shown)
    };
    values.iter().map(redact).collect()
}

fn value_holds_a_token(value: &Value) -> bool {
    match value {
        Value::String(text) => holds_a_token(text),
        Value::Array(items) => items.iter().any(value_holds_a_token),
        Value::Object(values) => values.values().any(value_holds_a_token),
        _ => false,
    }
}

fn hidden(table: &[String], field: &str) -> bool {
    if let Some(variable) = variable_of_a_container(table) {
        return match variable {
            [] => true,
            [_] => !VARIABLE.contains(&field),
            [..] => !SOURCES.contains(&field),
        };
    }
    let in_a_secret = (0..table.len()).any(|index| is_secret(&table[..index], &table[index]));
    if in_a_secret { !SOURCES.contains(&field) } else { is_secret(table, field) }
}

/// Returns the part of a table's path below a container's `secrets`: the variable, and the keys below it.
fn variable_of_a_container(table: &[String]) -> Option<&[String]> {
    let at = match table.first()?.as_str() {
        "services" if table.get(2)? == "secrets" => 3,
        "services" if table[2] == "containers" && table.get(4)? == "secrets" => 5,
        _ => return None,
    };
    Some(&table[at..])
}

fn is_secret(table: &[String], field: &str) -> bool {
    !table.last().is_some_and(|parent| KEYED_BY_NAME.contains(&parent.as_str())) && names_a_secret(field)
}

/// Returns true if a key names a secret itself (`token`, `DB_PASSWORD`, `apiKey`), rather than something about one
/// (`secret-name`, `token-file`, `kms-key`).
fn names_a_secret(field: &str) -> bool {
    const SECRETS: [&str; 12] = [
        "token",
        "tokens",
        "password",
        "passwd",
        "passphrase",
        "secret",
        "credential",
        "credentials",
        "accesskey",
        "apikey",
        "privatekey",
        "secretkey",
    ];
    let (before, last) = field.rsplit_once(['-', '_']).unwrap_or(("", field));
    let is_a_key =
        last.eq_ignore_ascii_case("key") && !ends_with(before, "kms") && !ends_with(before, "public");
    is_a_key || SECRETS.iter().any(|secret| ends_with(field, secret))
}

/// Returns true if `text` ends with `end`, in upper or lower case.
fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start.and_then(|start| text.get(start..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_add_forms_of_tokens() {
        let text = "sent acmetok_0123456789 to acmetok_1";
        assert_eq!(without_tokens(text), text);
        add_token_prefixes(&["acmetok_", "s"]);
        assert_eq!(without_tokens(text), "sent (secret) to acmetok_1");
    }
    use serde_json::json;

    #[test]
    fn tells_secrets_from_what_is_said_about_them() {
        for (table, field) in [
            ("registries.ghcr", "token"),
            ("registries.ghcr", "accessToken"),
            ("registries.ghcr.token", "value"),
            ("registries.ghcr.token.value", "inner"),
            ("registries.token", "password"),
            ("services.api.environment", "DB_PASSWORD"),
            ("stores.default", "api-key"),
            ("stores.default", "key"),
            ("services.api.secrets", "DATABASE_URL"),
            ("services.api.secrets.DATABASE_URL", "value"),
            ("services.api.secrets.DATABASE_URL.value", "text"),
            ("services.api.containers.side.secrets", "X"),
        ] {
            assert!(hides(table, field), "{table}.{field}");
        }
        for (table, field) in [
            ("registries.ghcr.token", "env"),
            ("registries.ghcr.token", "secretsmanager"),
            ("registries.ghcr.token", "field"),
            ("services.api.secrets.DATABASE_URL.value", "ssm"),
            ("registries.ghcr.token", "file"),
            ("registries.ghcr", "secret-name"),
            ("registries.ghcr", "username"),
            ("stores.default", "kms-key"),
            ("services.token", "image"),
            ("services.secrets", "image"),
            ("services.api.secrets.API_KEY", "arn"),
            ("services.api.secrets.API_KEY", "kms-key"),
            ("services.api.secrets.API_KEY", "store"),
            ("services.api.containers.side.secrets.API_KEY.value", "env"),
            ("services.api.containers.secrets", "memory"),
            ("services.api.ports", "token"),
            ("services", "token"),
            ("services.api.containers.secret", "memory"),
        ] {
            assert!(!hides(table, field), "{table}.{field}");
        }
    }

    #[test]
    fn takes_tokens_out_of_texts() {
        for (text, clean) in [
            ("", ""),
            ("`ghp_0123456789ab` is not a name", "`(secret)` is not a name"),
            ("ghcr.io/a/glpat-0123456789:x, ghs_01234567", "ghcr.io/a/(secret):x, (secret)"),
            ("begin with ghp_, ü, ghp_short", "begin with ghp_, ü, ghp_short"),
        ] {
            assert_eq!(without_tokens(text), clean);
            assert_eq!(holds_a_token(text), text != clean, "{text}");
        }
    }

    #[test]
    fn redacts_at_every_depth() {
        let values = json!({
            "username": "acme",
            "token": {"env": "GHCR_TOKEN", "value": "hunter2", "file": "ghp_0123456789abcdef"},
            "fallback": {"password": ["hunter2"], "args": ["glpat-0123456789abcdef"], "port": 3},
        });
        let Value::Object(values) = values else { unreachable!() };
        assert_eq!(
            Value::Object(redacted("registries.ghcr", &values)),
            json!({
                "username": "acme",
                "token": {"env": "GHCR_TOKEN", "value": "(secret)", "file": "(secret)"},
                "fallback": {"password": "(secret)", "args": "(secret)", "port": 3},
            })
        );
    }
}
