mod suite;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use longshore_credential::Environment;
use longshore_model::{Options, Plugin, Problem, StepId};
use longshore_plugin::{Context, Credential, CredentialSource, Extensions, Plugins, Reporter, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const SECRET: &str = "correct-horse-battery-staple";
/// `acme:correct-horse-battery-staple`.
const AUTH: &str = "YWNtZTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl";

#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Reporter for Warnings {
    fn progress(&self, _step: &StepId, _message: &str) {}

    fn warning(&self, _step: &StepId, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

/// A home with Docker configurations, and helpers on the `PATH`.
struct Home {
    directory: TempDir,
    variables: Vec<(&'static str, PathBuf)>,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let helpers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/helpers");
        let variables = vec![("HOME", directory.path().to_owned()), ("PATH", helpers)];
        Self { directory, variables }
    }

    fn write(self, path: &str, text: &str) -> Self {
        let path = self.directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Docker's own file.
    fn docker(value: &Value) -> Self {
        Self::new().write(".docker/config.json", &value.to_string())
    }

    fn build(
        &self,
        host: &str,
        options: Value,
    ) -> std::result::Result<Arc<dyn CredentialSource>, Vec<Problem>> {
        let mut plugins = Plugins::default();
        crate::register(&mut plugins);
        let Value::Object(values) = options else { unreachable!() };
        let taken = [("host".to_owned(), json!(host))].into_iter().collect();
        let directories = [("file".to_owned(), self.directory.path().to_owned())].into();
        let key = "registries.quay".to_owned();
        let options = Options { key, values, directories, taken, ..Options::default() };
        let plugin = Plugin { name: "docker-config".to_owned(), options };
        let variables = self.variables.clone();
        let environment = Environment::new(move |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        });
        plugins.credential_source(&plugin, &Extensions::default().with(environment))
    }

    async fn fetch(&self, host: &str, options: Value) -> (Result<Credential>, Vec<String>) {
        let warnings = Arc::<Warnings>::default();
        let context = context(warnings.clone(), CancellationToken::new());
        let result = self.build(host, options).unwrap().fetch(&context).await;
        let warnings = warnings.0.lock().unwrap().clone();
        (result, warnings)
    }

    /// The user name with the password, or the failure.
    async fn shown(&self, host: &str, options: Value) -> String {
        let (result, warnings) = self.fetch(host, options).await;
        let text = match result {
            Ok(credential) => {
                assert!(!format!("{credential:?}").contains(SECRET));
                format!("{} with {}", credential.username, credential.password.expose())
            }
            Err(failure) => {
                let text = format!("{:?}: {failure}", failure.kind);
                assert!(!format!("{text} {failure:?}").contains(SECRET), "{text}");
                text
            }
        };
        assert!(!warnings.concat().contains(SECRET));
        let warnings: String = warnings.iter().map(|warning| format!("\n  warning: {warning}")).collect();
        format!("{text}{warnings}").replace(&self.directory.path().display().to_string(), "HOME")
    }
}

fn context(reporter: Arc<Warnings>, interrupt: CancellationToken) -> Context {
    Context::new(
        "shop".parse().unwrap(),
        "test".parse().unwrap(),
        StepId::new("registry", "quay"),
        interrupt,
        reporter,
    )
}

#[tokio::test]
async fn the_file_is_dockers_or_the_one_that_is_named() {
    let file =
        |user: &str| json!({ "auths": { "quay.io": { "username": user, "password": SECRET } } }).to_string();
    let mut home = Home::new()
        .write(".docker/config.json", &file("home"))
        .write("elsewhere/config.json", &file("elsewhere"))
        .write("containers/auth.json", &file("podman"));
    let user = async |home: &Home, options| home.fetch("quay.io", options).await.0.unwrap().username;
    assert_eq!(user(&home, json!({})).await, "home");
    assert_eq!(user(&home, json!({ "file": "containers/auth.json" })).await, "podman");
    home.variables.push(("DOCKER_CONFIG", PathBuf::new()));
    assert_eq!(user(&home, json!({})).await, "home");
    home.variables.pop();
    home.variables.push(("DOCKER_CONFIG", home.directory.path().join("elsewhere")));
    assert_eq!(user(&home, json!({})).await, "elsewhere");
    assert_eq!(user(&home, json!({ "file": "containers/auth.json" })).await, "podman");
    let described = home.build("quay.io", json!({})).unwrap().describe();
    let path = home.directory.path().join("elsewhere").join("config.json");
    assert_eq!(described, format!("Docker configuration {}", path.display()));
}

#[tokio::test]
async fn keys_are_found_as_docker_writes_them() {
    let entry = json!({ "auth": AUTH });
    for (host, key) in [
        ("docker.io", "https://index.docker.io/v1/"),
        ("registry-1.docker.io", "docker.io"),
        ("ghcr.io", "https://ghcr.io"),
        ("git.example.com:5050", "git.example.com:5050"),
        ("quay.io", "quay.io/acme"),
    ] {
        let home = Home::docker(&json!({ "auths": { "other.example.com": {}, key: entry } }));
        assert_eq!(home.shown(host, json!({})).await, format!("acme with {SECRET}"), "{host} {key}");
    }
}

#[tokio::test]
async fn variable_with_a_configuration_goes_before_files() {
    let file =
        |user: &str| json!({ "auths": { "quay.io": { "username": user, "password": SECRET } } }).to_string();
    let mut home = Home::new().write(".docker/config.json", &file("home")).write("auth.json", &file("named"));
    let of = |home: &Home, text: &str| {
        let mut variables = home.variables.clone();
        variables.push(("DOCKER_AUTH_CONFIG", text.into()));
        variables
    };
    let plain = home.variables.clone();
    let mut said = String::new();
    for (variable, host, options) in [
        (file("variable"), "quay.io", json!({})),
        (file("variable"), "quay.io", json!({ "file": "auth.json" })),
        (file("variable"), "ghcr.io", json!({})),
        (String::new(), "quay.io", json!({})),
        (format!("{{\"auths\": \"{SECRET}\"}}"), "quay.io", json!({})),
        (json!({ "auths": { "quay.io": { "auth": SECRET } } }).to_string(), "quay.io", json!({})),
    ] {
        home.variables = of(&home, &variable);
        said.push_str(&format!("{}\n", home.shown(host, options.clone()).await));
        said.push_str(&format!("  from the {}\n", home.build(host, options).unwrap().describe()));
        home.variables = plain.clone();
    }
    let none = Home::new();
    let none = Home { variables: of(&none, "{}"), ..none };
    said.push_str(&none.shown("quay.io", json!({})).await);
    let said = said.replace(&home.directory.path().display().to_string(), "HOME");
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn part_of_a_registry_has_the_credential_of_the_longest_key() {
    let entry = |user: &str| json!({ "username": user, "password": SECRET });
    let mut file = json!({ "auths": {
        "quay.io": entry("host"), "quay.io/acme": entry("acme"), "quay.io/acme/team": entry("team"),
    }});
    for with_store in [false, cfg!(unix)] {
        if with_store {
            file["credsStore"] = json!("good");
        }
        let home = Home::docker(&file);
        for (host, user) in [
            ("quay.io/acme/team", "team"),
            ("quay.io/acme/teams", "acme"),
            ("quay.io/acme", "acme"),
            ("quay.io/other", if with_store { "acme at quay.io" } else { "host" }),
        ] {
            assert_eq!(home.shown(host, json!({})).await, format!("{user} with {SECRET}"), "{host}");
        }
    }
}

#[tokio::test]
async fn file_may_hold_more_than_utf8() {
    let home = Home::docker(&json!({}));
    let text =
        format!("{{\"HttpHeaders\":{{\"X\":\"\u{fc}\"}},\"auths\":{{\"quay.io\":{{\"auth\":\"{AUTH}\"}}}}}}");
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    fs::write(home.directory.path().join(".docker/config.json"), latin).unwrap();
    assert_eq!(home.shown("quay.io", json!({})).await, format!("acme with {SECRET}"));
}

#[tokio::test]
async fn says_what_is_wrong_with_the_file() {
    let texts = [
        format!("{{\"auths\": \"{SECRET}\"}}"),
        format!("{{\"auths\": {{\"quay.io\": {{\"auth\": [\"{SECRET}\"]}}}}}}"),
        format!("{{\n  {SECRET}"),
        "{}".to_owned(),
        json!({ "auths": { "quay.io": { "auth": SECRET } } }).to_string(),
        json!({ "auths": { "quay.io": { "auth": "YWNtZQ==" } } }).to_string(),
        json!({ "auths": { "quay.io": { "auth": AUTH, "identitytoken": SECRET } } }).to_string(),
        json!({ "auths": { "quay.io": { "registrytoken": SECRET } } }).to_string(),
        json!({ "auths": { "quay.io/a": { "auth": AUTH }, "quay.io/b": { "auth": AUTH } } }).to_string(),
        // `a\nb:x`
        json!({ "auths": { "quay.io": { "auth": "YQpiOng=" } } }).to_string(),
        json!({ "auths": {}, "credsStore": SECRET.repeat(4000), "credHelpers": { "quay.io": "../x" } })
            .to_string(),
        SECRET.repeat(10_000),
    ];
    let mut text = String::new();
    for file in texts {
        let home = Home::new().write(".docker/config.json", &file);
        text.push_str(&format!("{}\n", home.shown("quay.io", json!({})).await));
    }
    text.push_str(&format!("{}\n", Home::new().shown("quay.io", json!({})).await));
    text.push_str(&format!("{}\n", Home::new().shown("quay.io", json!({ "file": "auth.json" })).await));
    insta::assert_snapshot!(text);
}

#[test]
fn wrong_options_are_reported() {
    let case = json!({ "file": 3, "filename": "x", "username": "acme", "allow-short-lived": "yes" });
    let problems = Home::new().build("quay.io", case).err().unwrap();
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[cfg(unix)]
mod helpers {
    use std::time::Duration;

    use longshore_model::FailureKind;

    use super::*;
    use crate::{helper::Helper, server::Server};

    #[tokio::test(start_paused = true)]
    async fn places_are_asked_in_order_until_one_has_it() {
        let auths = json!({ "quay.io": { "auth": AUTH }, "https://index.docker.io/v1/": { "auth": AUTH } });
        let entry = format!("acme with {SECRET}");
        for (host, helper, store, expected) in [
            ("quay.io", Some("good"), Some("token"), format!("acme at quay.io with {SECRET}")),
            ("docker.io", Some("good"), None, format!("acme at index.docker.io/v1/ with {SECRET}")),
            ("quay.io", Some("empty"), Some("good"), format!("acme at quay.io with {SECRET}")),
            ("quay.io", None, Some("good"), format!("acme at quay.io with {SECRET}")),
            ("quay.io", Some("blank"), Some("empty"), entry.clone()),
            ("quay.io", Some(""), Some("good"), entry.clone()),
            ("quay.io", None, None, entry),
        ] {
            let mut file = json!({ "auths": auths });
            if let Some(helper) = helper {
                file["credHelpers"] = json!({ host: helper });
            }
            if let Some(store) = store {
                file["credsStore"] = json!(store);
            }
            let home = Home::docker(&file);
            assert_eq!(home.shown(host, json!({})).await, expected, "{host} {helper:?} {store:?}");
        }
    }

    #[tokio::test]
    async fn says_why_a_helper_yields_nothing_without_what_it_printed() {
        let mut text = String::new();
        for name in ["lowercase", "late", "twice"] {
            let home = Home::docker(&json!({ "credsStore": name }));
            assert_eq!(home.shown("quay.io", json!({})).await, format!("acme with {SECRET}"), "{name}");
        }
        for name in [
            "early",
            "silent",
            "token",
            "google",
            "half",
            "locked",
            "careless",
            "bare",
            "raw",
            "not-there",
            "../good",
            "ghp_0123456789",
        ] {
            let home = Home::docker(&json!({ "credsStore": name }));
            text.push_str(&format!("{name}: {}\n", home.shown("quay.io", json!({})).await));
        }
        let file = json!({ "credsStore": "blank", "credHelpers": { "quay.io": "empty" } });
        text.push_str(&format!("nowhere: {}\n", Home::docker(&file).shown("quay.io", json!({})).await));
        insta::assert_snapshot!(text);
    }

    #[tokio::test]
    async fn what_ends_soon_can_be_allowed() {
        let home = Home::docker(&json!({ "credsStore": "google" }));
        let shown = home.shown("quay.io", json!({ "allow-short-lived": true })).await;
        assert!(shown.starts_with("oauth2accesstoken with ya29."), "{shown}");
        assert!(
            shown.contains("warning: what is in the credential helper docker-credential-google"),
            "{shown}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_helper_that_waits_for_somebody_is_stopped() {
        let started = std::time::Instant::now();
        let helper = Helper::new("slow").unwrap().timeout(Duration::from_millis(200));
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/helpers");
        let environment = Environment::new(move |name| (name == "PATH").then(|| directory.clone().into()));
        let context = context(Arc::default(), CancellationToken::new());
        let failure = helper.get(&context, &environment, &Server::new("quay.io")).await.unwrap_err();
        assert_eq!(failure.message, "the credential helper docker-credential-slow did not end within 0.2 s");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn an_interrupt_stops_the_helper() {
        let home = Home::docker(&json!({ "credsStore": "slow" }));
        let interrupt = CancellationToken::new();
        let context = context(Arc::default(), interrupt.clone());
        interrupt.cancel();
        let failure = home.build("quay.io", json!({})).unwrap().fetch(&context).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Interrupted);
    }
}

mod properties {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(SECRET.to_owned()),
            Just(AUTH.to_owned()),
            Just(String::new()),
            "\\PC{0,8}".prop_map(|text| BASE64_STANDARD.encode(format!("{text}:{SECRET}"))),
            "\\PC{0,8}",
        ]
        .prop_map(Value::from)
    }

    fn table(
        key: impl Strategy<Value = String>,
        value: impl Strategy<Value = Value>,
    ) -> impl Strategy<Value = Value> {
        prop::collection::btree_map(key, value, 0..4)
            .prop_map(|entries| Value::Object(entries.into_iter().collect()))
    }

    fn host() -> impl Strategy<Value = String> {
        prop_oneof!["quay\\.io", "https://quay\\.io/v1/", "quay\\.io/[ab]", "\\PC{0,6}"]
    }

    /// Any JSON, most often one that resembles a Docker configuration, with secrets in it.
    fn json() -> impl Strategy<Value = Value> {
        let field = || prop_oneof!["auth", "username", "password", "identitytoken", "\\PC{0,6}"];
        let leaf =
            || prop_oneof![8 => text(), 1 => any::<i32>().prop_map(Value::from), 1 => Just(Value::Null)];
        let tree = leaf().prop_recursive(3, 16, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                table(field(), inner)
            ]
        });
        let entry = prop_oneof![4 => table(field(), text()), 1 => tree.clone()];
        let auths = prop_oneof![4 => table(host(), entry), 1 => tree];
        // The names of helpers are no secrets.
        let helper = || prop_oneof![3 => Just(Value::Null), 1 => "[a-z./]{0,6}".prop_map(Value::from)];
        (auths, table(host(), helper()), helper()).prop_map(
            |(auths, helpers, store)| json!({ "auths": auths, "credHelpers": helpers, "credsStore": store }),
        )
    }

    fn shown(file: &str) -> String {
        let mut home = Home::new().write(".docker/config.json", file);
        // No helper is there to be run.
        home.variables.retain(|(name, _)| *name != "PATH");
        home.variables.push(("PATH", home.directory.path().to_owned()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (result, warnings) = runtime.block_on(home.fetch("quay.io", json!({})));
        // The password is where it belongs, if anywhere.
        match result {
            Ok(Credential { username, .. }) if username == SECRET || username == AUTH => String::new(),
            result => format!("{result:?} {warnings:?}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn no_file_makes_it_panic_or_leak(file in json(), cut in any::<prop::sample::Index>()) {
            let file = file.to_string();
            let cut = file.char_indices().map(|(index, _)| index).nth(cut.index(file.chars().count())).unwrap();
            for text in [&file, &file[..cut]] {
                let shown = shown(text);
                prop_assert!(!shown.contains(SECRET) && !shown.contains(AUTH), "{}", shown);
            }
        }

        #[test]
        fn what_docker_login_writes_is_read(username in "[!-9;-~]{1,20}", password in "[ -~]{1,40}") {
            prop_assume!(username != "AWS");
            let auth = BASE64_STANDARD.encode(format!("{username}:{password}"));
            let home = Home::docker(&json!({ "auths": { "quay.io": { "auth": auth } } }));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let credential = runtime.block_on(home.fetch("quay.io", json!({}))).0.unwrap();
            prop_assert_eq!((credential.username, credential.password.expose()), (username, &password));
        }
    }
}
