use std::{fs, path::Path};

use longshore_model::Options;
use serde_json::json;

use super::*;
use crate::testing::context;

const SECRET: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

/// Reads `token` from options whose file is in `directory`.
fn read(token: Value, directory: &Path) -> std::result::Result<SecretInput, String> {
    let mut options = Options { key: "registries.ghcr".to_owned(), ..Options::default() };
    if !token.is_null() {
        options.values.insert("token".to_owned(), token);
    }
    options.directories.insert("token.file".to_owned(), directory.to_owned());
    let lines = |problem: &longshore_model::Problem| format!("{problem}\n");
    options
        .read(|fields| SecretInput::read(fields, "token"))
        .map_err(|problems| problems.iter().map(lines).collect())
}

async fn fetch(token: Value, directory: &Path, environment: &Environment) -> Result<Secret<String>> {
    read(token, directory).unwrap().fetch(&context(), environment).await
}

#[test]
fn says_what_is_wrong_and_repeats_no_value() {
    let cases = [
        json!(null),
        json!(SECRET),
        json!("hunter2"),
        json!(20_261_123),
        json!([SECRET]),
        json!({}),
        json!({ "value": SECRET }),
        json!({ "enf": "GHCR_TOKEN" }),
        json!({ "env": "GHCR_TOKEN", "file": "token" }),
        json!({ "env": SECRET }),
        json!({ "env": "da39a3ee5e6b4b0d3255bfef95601890afd80709" }),
        json!({ "env": "GHCR-TOKEN" }),
        json!({ "env": 7 }),
        json!({ "file": SECRET }),
        json!({ "file": "" }),
        json!({ "command": [] }),
        json!({ "command": "echo x" }),
        json!({ "command": ["echo", SECRET] }),
        json!({ "command": ["echo", format!("--token={SECRET}")] }),
        json!({ "ssm": SECRET }),
        json!({ "ssm": "not a name" }),
        json!({ "ssm": "/acme/ghcr", "secretsmanager": "acme/ghcr" }),
        json!({ "ssm": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/ghcr-AbCdEf" }),
        json!({ "secretsmanager": "" }),
        json!({ "secretsmanager": "acme/ghcr", "field": "" }),
        json!({ "secretsmanager": "acme/ghcr", "feild": "token" }),
        json!({ "env": "GHCR_TOKEN", "field": "token" }),
    ];
    let problems: String = cases.map(|case| read(case, Path::new("/stack")).unwrap_err()).concat();
    for value in [SECRET, "hunter2", "20261123", "da39a3ee"] {
        assert!(!problems.contains(value), "{problems}");
    }
    insta::assert_snapshot!(problems);
}

#[tokio::test]
async fn fetches_the_value_from_each_place() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("token"), format!("{SECRET}\r\n")).unwrap();
    let environment = Environment::new(|name| (name == "GHCR_TOKEN").then(|| format!(" {SECRET}\n").into()));
    for (token, place) in [
        (json!({ "env": "GHCR_TOKEN" }), "environment variable GHCR_TOKEN".to_owned()),
        (json!({ "file": "token" }), format!("file {}", directory.path().join("token").display())),
        #[cfg(unix)]
        (json!({ "command": ["cat", directory.path().join("token")] }), "command cat".to_owned()),
    ] {
        let input = read(token, directory.path()).unwrap();
        assert_eq!(input.describe(), place);
        let value = input.fetch(&context(), &environment).await.unwrap();
        assert_eq!(value.expose(), SECRET);
        assert_eq!(format!("{value:?}"), "[secret]");
    }
}

#[tokio::test]
async fn values_of_several_lines_arrive_whole() {
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("value");
    let input = |place: Value| read(place, directory.path()).unwrap();
    for (text, password, content) in [
        (KEY, Some(KEY.strip_suffix('\n').unwrap()), Some(KEY)),
        ("{\r\n\t\"a\": 1\r\n}", Some("{\r\n\t\"a\": 1\r\n}"), Some("{\r\n\t\"a\": 1\r\n}")),
        ("one line\n", Some("one line"), Some("one line")),
        (" one line \r\n", Some(" one line "), Some(" one line ")),
        ("a\n\n", Some("a\n"), Some("a\n\n")),
        ("\u{1b}[0m", None, Some("\u{1b}[0m")),
        ("a\0b", None, None),
        ("\r\n", None, None),
    ] {
        fs::write(&path, text).unwrap();
        let environment = Environment::new(move |name| (name == "VALUE").then(|| text.into()));
        for place in [
            json!({ "file": "value" }),
            json!({ "env": "VALUE" }),
            #[cfg(unix)]
            json!({ "command": ["cat", path] }),
        ] {
            let input = input(place);
            let found = input.fetch_password(&context(), &environment).await;
            assert_eq!(found.as_ref().ok().map(|found| found.expose().as_str()), password, "{text:?}");
            let found = input.fetch_content(&context(), &environment).await;
            assert_eq!(found.as_ref().ok().map(|found| found.expose().as_str()), content, "{text:?}");
        }
    }
}

#[tokio::test]
async fn says_why_there_is_no_value() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::write(path.join("empty"), " \n").unwrap();
    fs::write(path.join("long"), SECRET.repeat(2000)).unwrap();
    fs::write(path.join("binary"), b"ghp_\xff").unwrap();
    fs::write(path.join("two-lines"), format!("user\n{SECRET}\n")).unwrap();
    fs::create_dir(path.join("directory")).unwrap();
    let environment = Environment::new(|name| (name == "EMPTY").then(|| "".into()));
    let cases = [
        json!({ "env": "GHCR_TOKEN" }),
        json!({ "env": "EMPTY" }),
        json!({ "file": "missing" }),
        json!({ "file": "empty" }),
        json!({ "file": "long" }),
        json!({ "file": "binary" }),
        json!({ "file": "two-lines" }),
        json!({ "file": "directory" }),
        // This environment has no reader of AWS's secrets.
        json!({ "ssm": "/acme/ghcr" }),
    ];
    let mut failures = String::new();
    for case in cases {
        let failure = fetch(case, path, &environment).await.unwrap_err();
        assert!(!format!("{failure:?}").contains(SECRET));
        failures.push_str(&format!("{:?}: {failure}\n", failure.kind));
    }
    fs::write(path.join("nul"), format!("{SECRET}\0")).unwrap();
    let nul = read(json!({ "file": "nul" }), path).unwrap();
    for found in [
        nul.fetch_password(&context(), &environment).await,
        nul.fetch_content(&context(), &environment).await,
    ] {
        failures.push_str(&format!("{}\n", found.unwrap_err()));
    }
    assert!(!failures.contains(SECRET));
    insta::assert_snapshot!(failures.replace(&path.display().to_string(), "DIRECTORY"));
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_stops_the_command() {
    let input = read(json!({ "command": ["sleep", "20"] }), Path::new("")).unwrap();
    let context = context();
    context.interrupt.cancel();
    let failure = input.fetch(&context, &Environment::default()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Interrupted);
}
