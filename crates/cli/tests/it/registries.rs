//! Several credentials for parts of one registry, credentials of several lines, and registries that no service uses.

use longshore_aws::Aws;
use longshore_cli::Exit;
use longshore_model::{EventKind, PullStatus};

use crate::{
    assert_shown,
    hand::by_hand,
    project::{Project, Ran},
};

const KEY: &str = "{\n  \"type\": \"service_account\",\n  \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMIIEhunter2\\n-----END \
                   PRIVATE KEY-----\\n\"\n}\n";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIBhunter3\n-----END CERTIFICATE-----\n";

/// A project with `base` behind its configuration, and `local` behind that of the simulated cloud.
fn project(base: &str, local: &str) -> Project {
    let project = Project::new();
    for (file, more) in [("configs/base.toml", base), ("configs/local.toml", local)] {
        let text = std::fs::read_to_string(project.path(file)).unwrap();
        project.write(file, &format!("{text}{more}"));
    }
    project
}

fn done(project: &Project, arguments: &[&str]) -> Ran {
    let ran = project.run(arguments);
    assert_eq!(ran.exit, Exit::Done, "{}\n{}", ran.stdout, ran.stderr);
    ran
}

/// The current value of a secret, if there is one.
fn value(project: &Project, name: &str) -> Option<String> {
    by_hand(project, async |aws: &Aws| {
        let read = aws.secretsmanager().await.unwrap().get_secret_value().secret_id(name).send().await;
        read.ok().and_then(|read| read.secret_string)
    })
}

fn password(project: &Project, registry: &str) -> Option<String> {
    let text = value(project, &format!("longshore/shop/{registry}/pull"))?;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    Some(value["password"].as_str().unwrap().to_owned())
}

const PARTS: &str = r#"
[registries.everything]
use = "static"
host = "quay.io"
username = "bot"
password = { env = "QUAY" }

[registries.acme]
use = "static"
host = "quay.io/acme"
username = "acme+bot"
password = { env = "QUAY_ACME" }

[services.parts.containers]
api = { image = "quay.io/acme/api:1", memory = 128 }
worker = { image = "quay.io/acme/team/worker:1", memory = 128 }
proxy = { image = "quay.io/acmes/proxy:1", memory = 128 }
"#;

const QUAY: &str = r#"
[cloud.registries."quay.io".users]
bot.password = { env = "QUAY" }
"acme+bot".password = { env = "QUAY_ACME" }
[cloud.registries."quay.io".repositories]
"acme/api" = { readers = ["acme+bot"], tags.1 = {} }
"acme/team/worker" = { readers = ["acme+bot"], tags.1 = {} }
"acmes/proxy" = { readers = ["bot"], tags.1 = {} }
"#;

#[test]
fn parts_of_a_registry_have_credentials_of_their_own() {
    let project = project(PARTS, QUAY).variable("QUAY", "hunter2-all").variable("QUAY_ACME", "hunter2-acme");
    let deployed = done(&project, &["deploy"]);
    assert!(deployed.stdout.contains("parts: 1 of 1 task running"), "{}", deployed.stdout);
    assert_eq!(password(&project, "everything").as_deref(), Some("hunter2-all"));
    assert_eq!(password(&project, "acme").as_deref(), Some("hunter2-acme"));
    done(&project, &["plan", "--detailed-exitcode"]);
    let credentials = done(&project, &["credentials"]).stdout;
    assert!(credentials.contains("acme (quay.io/acme)"), "{credentials}");

    // Without a registry of their own, the images of the organisation are pulled with the other credential.
    let narrow = project.run(&["plan", "--set", "registries.acme.host=quay.io/acme/team"]);
    assert_eq!(narrow.exit, Exit::Failed);
    assert!(narrow.stderr.contains("user `bot` may not pull acme/api from quay.io"), "{}", narrow.stderr);
    assert!(!narrow.stderr.contains("may not pull acme/team/worker"), "{}", narrow.stderr);
}

#[test]
fn key_file_of_several_lines_is_stored_whole() {
    let google = r#"
[registries.google]
use = "static"
host = "europe-docker.pkg.dev"
username = "_json_key"
password = { file = "key.json" }
[services.api.secrets]
CERTIFICATE = { value = { file = "certificate.pem" } }
[services.worker]
image = "europe-docker.pkg.dev/acme/shop/worker:1"
memory = 256
"#;
    let cloud = r#"
[cloud.registries."europe-docker.pkg.dev"]
users._json_key.password = { file = "right-key.json" }
repositories."acme/shop/worker" = { readers = ["_json_key"], tags.1 = {} }
"#;
    let project = project(google, cloud);
    project.write("configs/key.json", KEY);
    project.write("configs/right-key.json", KEY);
    project.write("configs/certificate.pem", PEM);
    done(&project, &["deploy"]);
    assert_eq!(password(&project, "google").as_deref(), KEY.strip_suffix('\n'));
    assert_eq!(value(&project, "longshore/shop/api/api/CERTIFICATE").as_deref(), Some(PEM));
    done(&project, &["plan", "--detailed-exitcode"]);

    project.write("configs/key.json", &KEY.replace("MIIE", "WRONG"));
    let refused = project.run(&["plan", "-vvv"]);
    assert_eq!(refused.exit, Exit::Failed);
    assert!(refused.stderr.contains("refused the credential of user `_json_key`"), "{}", refused.stderr);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(!said.contains("hunter") && !said.contains("PRIVATE KEY"), "{said}");
}

#[test]
fn value_beyond_the_stores_limit_fails_the_plan() {
    let secrets = r#"
[stores.parameters]
use = "ssm"
[services.worker]
image = "ghcr.io/acme/api:1"
memory = 256
secrets.LONG = { store = "parameters", value = { env = "LONG" } }
"#;
    let project = project(secrets, "").variable("LONG", &"line\n".repeat(1000));
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Failed);
    assert!(plan.stderr.contains("has 5000 bytes; Parameter Store allows 1 to 4096"), "{}", plan.stderr);
}

const SPARE: &str = r#"
[registries.spare]
use = "static"
host = "quay.io"
username = "bot"
password = { env = "QUAY" }
"#;

fn status(project: &Project) -> (PullStatus, bool) {
    let watched = project.run(&["credentials", "--output", "json"]);
    let found = watched.events().into_iter().find_map(|event| match event.event {
        EventKind::Credentials { credentials } => {
            credentials.into_iter().find(|status| status.registry == "spare")
        }
        _ => None,
    });
    let status = found.unwrap();
    (status.pull, status.secret_arn.is_some())
}

#[test]
fn registry_that_no_service_uses_is_not_stored() {
    let project = project(SPARE, QUAY).variable("QUAY", "hunter2-all").variable("QUAY_ACME", "x");
    let plan = done(&project, &["plan"]).stdout;
    let note = "no service has an image at quay.io: the credential is not stored, because nothing proves it";
    assert!(plan.contains(note) && plan.contains("Plan: 6 to create"), "{plan}");
    done(&project, &["deploy"]);
    assert_eq!(password(&project, "spare"), None);
    done(&project, &["plan", "--detailed-exitcode"]);
    assert_eq!(status(&project), (PullStatus::Unused, false));
    done(&project, &["rotate"]);
    let rotated = project.run(&["rotate", "spare"]);
    assert_eq!(rotated.exit, Exit::Failed);
    assert_shown!(rotated.errors());

    // Once it is stored it stays, and is not proved any more when its last image has gone.
    let image = "services.api.image=quay.io/acmes/proxy:1";
    done(&project, &["deploy", "--set", image]);
    assert_eq!(password(&project, "spare").as_deref(), Some("hunter2-all"));
    done(&project, &["deploy"]);
    let plan = done(&project, &["plan", "--detailed-exitcode"]).stdout;
    assert!(plan.contains("no service has an image at quay.io: what is stored stays"), "{plan}");
    assert_eq!(status(&project), (PullStatus::Unused, true));
    let project = project.variable("QUAY", "hunter2-new");
    done(&project, &["rotate"]);
    assert_eq!(password(&project, "spare").as_deref(), Some("hunter2-all"));
    done(&project, &["credentials", "--fail-within", "1d"]);
    done(&project, &["destroy", "--yes"]);
    assert_eq!(password(&project, "spare"), None);
}
