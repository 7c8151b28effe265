//! Credential sources.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use longshore_testkit::source::{self, Given};

use super::*;

const SOURCE: &str =
    r#"{ "credential-source": { "options": { "additionalProperties": { "type": "string" } } } }"#;

fn kinds() -> Value {
    serde_json::from_str(SOURCE).unwrap()
}

/// Answers with a credential.
fn yields(password: &str) -> String {
    format!(
        "echo \"{{\\\"id\\\":$id,\\\"result\\\":{{\\\"username\\\":\\\"robot\\\",\\\"password\\\":\\\"{password}\\\"}}}}\""
    )
}

struct Files {
    bench: Bench,
}

#[async_trait]
impl source::Harness for Files {
    async fn good(&self) -> Given {
        std::fs::write(self.bench.path("pair"), format!("robot$acme:{PASSWORD}\\\"")).unwrap();
        let values = json!({ "program": [example("longshore-credential-file")], "file": "pair" });
        Given {
            source: self.bench.source(values).unwrap(),
            username: "robot$acme".to_owned(),
            password: format!("{PASSWORD}\\\""),
        }
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        let values = json!({ "program": [example("longshore-credential-file")], "file": "none" });
        vec![self.bench.source(values).unwrap()]
    }

    async fn unstorable(&self) -> Vec<Given> {
        std::fs::write(self.bench.path("job"), format!("gitlab-ci-token:{PASSWORD}")).unwrap();
        let values = json!({ "program": [example("longshore-credential-file")], "file": "job" });
        vec![Given {
            source: self.bench.source(values).unwrap(),
            username: "gitlab-ci-token".to_owned(),
            password: PASSWORD.to_owned(),
        }]
    }
}

#[tokio::test]
async fn program_passes_the_suite_of_sources() {
    let report = source::suite(async || Files { bench: Bench::new() }).await;
    assert_eq!(report.left_out.len(), 0, "{report}");
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_on_paused_clock() {
    let bench = Bench::new();
    let program = bench.script(&kinds(), &format!("sleep 0.2; {}", yields(PASSWORD)));
    let source = bench.source(json!({ "program": program })).unwrap();
    assert_eq!(source.fetch(&bench.context()).await.unwrap().username, "robot");
}

#[tokio::test]
async fn one_process_serves_requests_at_once() {
    let bench = Bench::new();
    let work = format!("echo x >> {}; {}", bench.path("asked").display(), yields("$$"));
    let program = bench.script(&kinds(), &work);
    let source = bench.source(json!({ "program": program })).unwrap();
    let context = bench.context();
    let (one, other) = tokio::join!(source.fetch(&context), source.fetch(&context));
    assert_eq!(one.unwrap().password, other.unwrap().password);
    assert_eq!(std::fs::read_to_string(bench.path("asked")).unwrap().lines().count(), 2);
    bench.processes.shut_down().await;
    let failure = source.fetch(&context).await.unwrap_err();
    assert!(failure.message.contains("was asked to end"), "{failure}");
}

#[tokio::test]
async fn received_secret_is_taken_out_of_everything() {
    let bench = Bench::new();
    let tell = format!("echo \"{{\\\"id\\\":$id,\\\"progress\\\":\\\"have {PASSWORD}\\\"}}\"");
    let fail = format!(
        "echo \"{{\\\"id\\\":$id,\\\"error\\\":{{\\\"kind\\\":\\\"denied\\\",\\\"message\\\":\\\"{PASSWORD} is bad\\\"}}}}\""
    );
    let work = format!("if [ $id = 1 ]; then {tell}; {}; else {fail}; fi", yields(PASSWORD));
    let program = bench.script(&kinds(), &work);
    let source = bench.source(json!({ "program": program })).unwrap();
    let context = bench.context();
    source.fetch(&context).await.unwrap();
    assert_eq!(bench.heard(), "progress: have [secret]");
    let failure = source.fetch(&context).await.unwrap_err();
    assert!(failure.message.ends_with("failed at `credential-source.get`: [secret] is bad"), "{failure}");
}

#[tokio::test]
async fn standard_error_is_shown_on_demand() {
    for shows_errors in [false, true] {
        let bench = Bench { shows_errors, ..Bench::new() };
        let program = bench.script(&kinds(), "echo 'the reason' >&2; exit 3");
        let source = bench.source(json!({ "program": program })).unwrap();
        let failure = source.fetch(&bench.context()).await.unwrap_err();
        assert_eq!(failure.message.contains("the reason"), shows_errors, "{failure}");
        assert!(failure.message.contains("ended with exit status: 3"), "{failure}");
    }
}

#[tokio::test]
async fn environment_is_what_the_configuration_passes() {
    let bench = Bench::new();
    let work = format!(
        "env > {}; printf '%s\\n' \"$line\" > {}; {}",
        bench.path("env").display(),
        bench.path("line").display(),
        yields("x")
    );
    let program = bench.script(&kinds(), &work);
    let values = json!({
        "program": program, "environment": ["INHERITED"], "secrets": { "vault": { "env": "TOKEN" } }, "a": "b",
    });
    bench.source(values).unwrap().fetch(&bench.context()).await.unwrap();
    let variables = std::fs::read_to_string(bench.path("env")).unwrap();
    let names: Vec<_> = variables.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(
        names.contains(&"INHERITED") && !names.contains(&"TOKEN") && !names.contains(&"CARGO"),
        "{variables}"
    );
    let line = std::fs::read_to_string(bench.path("line")).unwrap();
    assert_eq!(
        line.trim(),
        format!(
            r#"{{"id":1,"method":"credential-source.get","params":{{"context":{{"stack":"shop","environment":"test","step":"credential.quay"}},"options":{{"a":"b"}},"secrets":{{"vault":"{PASSWORD}"}},"host":"quay.io"}},"deadline_ms":30000}}"#
        )
    );
    let values = json!({ "program": program, "environment": ["TOKEN"] });
    let failure = bench.source(values).unwrap().fetch(&bench.context()).await.unwrap_err();
    assert!(failure.message.contains("must not inherit TOKEN"), "{failure}");
}

#[tokio::test]
async fn digest_pins_the_program() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let path = bench.path("plugin");
    std::fs::copy(example("longshore-credential-file"), &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(bench.path("pair"), format!("robot:{PASSWORD}")).unwrap();
    let values = json!({ "program": ["./plugin"], "file": "pair", "sha256": "0".repeat(64) });
    let failure = bench.source(values).unwrap().fetch(&bench.context()).await.unwrap_err();
    let digest = failure.message.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(digest.len(), 64, "{failure}");
    let bench = Bench { directory: bench.directory, ..Bench::new() };
    let values = json!({ "program": ["./plugin"], "file": "pair", "sha256": digest });
    bench.source(values).unwrap().fetch(&bench.context()).await.unwrap();
}

#[tokio::test]
async fn program_ends_with_the_run() {
    for ends in ["interrupt", "drop", "deadline"] {
        let bench = Bench::new();
        let pid = bench.path("pid");
        let program = bench.script(&kinds(), &format!("sleep 60 & echo $! > {}; wait", pid.display()));
        let timeout = if ends == "deadline" { "1s" } else { "60s" };
        let source = bench.source(json!({ "program": program, "timeout": timeout })).unwrap();
        let context = bench.context();
        let started = Instant::now();
        let stop = async {
            while !pid.exists() || std::fs::read_to_string(&pid).unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if ends == "interrupt" {
                bench.interrupt.cancel();
            }
        };
        if ends == "drop" {
            tokio::select! { _ = source.fetch(&context) => unreachable!(), () = stop => {} }
        } else {
            let (fetched, ()) = tokio::join!(source.fetch(&context), stop);
            fetched.unwrap_err();
        }
        let child = std::fs::read_to_string(&pid).unwrap();
        drop((source, bench));
        let is_running = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        while is_running() && started.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(!is_running(), "{ends}");
    }
}

#[tokio::test]
async fn wrong_options_are_named_by_key() {
    let bench = Bench::new();
    let values = json!({
        "program": ["sh", "ghp_0123456789abcdef0123"], "sha256": "x", "environment": { "A B": "x" }, "timeout": "soon",
        "secrets": { "token": "hunter2" }, "path": "glpat-0123456789abcdef",
    });
    let mut text = lines(&bench.source(values).err().unwrap());
    text += &lines(&bench.source(json!({ "prgram": ["x"] })).err().unwrap());
    let values = json!({ "program": [example("longshore-credential-file")], "fil": "x" });
    bench.source(values).unwrap();
    text += &lines(&bench.processes.check(&bench.context()).await.unwrap_err().0);
    assert!(!text.contains("hunter2") && !text.contains("0123456789abcdef"));
    insta::assert_snapshot!(text);
}
