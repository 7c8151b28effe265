//! Secret stores.

use async_trait::async_trait;
use longshore_model::{Action, Secret, Shown};
use longshore_plugin::{SecretSpec, SecretStore};
use longshore_testkit::store;

use super::*;

const STORE: &str = include_str!("store.sh");

struct Files {
    bench: Bench,
    store: Arc<dyn SecretStore>,
}

fn built(bench: &Bench, script: &str, more: Value) -> Result<Arc<dyn SecretStore>, Vec<Problem>> {
    std::fs::write(bench.path("store.sh"), script).unwrap();
    let mut values = json!({ "program": ["sh", "store.sh"], "dir": bench.directory.path() });
    values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let options = bench.options("stores.files", values);
    plugins.secret_store(&Plugin { name: "process".to_owned(), options }, &bench.extensions())
}

impl Files {
    fn new() -> Self {
        let bench = Bench::new();
        let store = built(&bench, STORE, json!({})).unwrap();
        Self { bench, store }
    }

    fn file(&self, secret: &SecretSpec) -> std::path::PathBuf {
        self.bench.path(&secret.path.replace('/', "_"))
    }
}

#[async_trait]
impl store::Harness for Files {
    fn store(&self) -> Arc<dyn SecretStore> {
        self.store.clone()
    }

    async fn stored(&self, secret: &SecretSpec) -> Option<String> {
        let text = std::fs::read_to_string(self.file(secret)).ok()?;
        let value = text.lines().nth(1)?;
        Some(serde_json::from_str(&format!("\"{value}\"")).unwrap())
    }

    async fn put_foreign(&self, secret: &SecretSpec, value: &str) {
        std::fs::write(self.file(secret), format!("nobody\n{value}\n")).unwrap();
    }

    async fn writes(&self) -> String {
        let files = std::fs::read_dir(self.bench.directory.path()).unwrap();
        let mut files: Vec<_> = files
            .map(|file| file.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        format!("{files:?}")
    }

    async fn cut_off_after(&self, _: u32) -> bool {
        false
    }
}

#[tokio::test]
async fn program_passes_the_suite_of_stores() {
    let report = store::suite(async || Files::new()).await;
    assert_eq!(report.left_out.len(), 3, "{report}");
}

#[tokio::test]
async fn changed_value_is_taken_back_and_not_shown() {
    let files = Files::new();
    let (context, spec) =
        (files.bench.context(), SecretSpec { path: "a".to_owned(), ..SecretSpec::default() });
    let [old, new] = ["old", "new"].map(|value| Secret::new(format!("{PASSWORD} {value}")));
    files.store.apply(&context, &spec, &old).await.unwrap();
    let plan = files.store.plan(&context, &spec, &new).await.unwrap();
    assert_eq!(plan.changes[0].new, Some(Shown::Secret));
    files.store.apply(&context, &spec, &new).await.unwrap();
    files.store.undo(&context, &spec, &plan).await.unwrap();
    assert!(files.store.plan(&context, &spec, &old).await.unwrap().action == Action::NoChange);
    let protects = context.protecting(true);
    files.store.remove(&protects, &spec).await.unwrap_err();
}

#[tokio::test]
async fn faults_of_stores_are_told_without_the_value() {
    let spec = SecretSpec { path: "a".to_owned(), ..SecretSpec::default() };
    let value = Secret::new(format!("{{\"username\":\"robot\",\"password\":\"{PASSWORD}\"}}"));
    let mut told = Vec::new();
    for (from, to) in [
        ("arn=arn:aws:secretsmanager", "arn=secretsmanager"),
        ("\"container-secrets\",\"pull-credentials\",", "\"container-secrets\","),
        ("refuse conflict", "refuse surprise"),
        ("'\"result\":{}' ;;", "'\"result\":{\"more\":1}' ;;"),
        ("\\\"arn\\\":\\\"$arn\\\"}\" ;;", "\\\"arn\\\":\\\"$value\\\"}\" ;;"),
        ("\"secret-arn\\\":", "\"name\\\":"),
    ] {
        let bench = Bench::new();
        let script = STORE.replace(from, to);
        assert_ne!(script, STORE, "{from}");
        let store = built(&bench, &script, json!({})).unwrap();
        let context = bench.context();
        let work = async {
            store.plan(&context, &spec, &value).await?;
            store.apply(&context, &spec, &value).await?;
            store.plan(&context, &spec, &value).await?;
            store.remove(&context, &spec).await?;
            std::fs::write(bench.path("a"), "other\nx\n").unwrap();
            store.apply(&context, &spec, &value).await.map(drop)
        };
        told.push(work.await.unwrap_err().to_string());
    }
    let bench = Bench::new();
    told.push(lines(&built(&bench, STORE, json!({ "keeps": ["all"] })).err().unwrap()));
    let told = told.join("\n");
    assert!(!told.contains(PASSWORD), "{told}");
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn value_that_is_read_is_taken_out_of_progress() {
    let bench = Bench::new();
    let secret = json!({
        "arn": "arn:aws:ssm:eu-central-1:123456789012:parameter/a", "name": "a", "version": "1",
        "value": json!({ "username": "bot", "password": PASSWORD }).to_string(),
    });
    let answer = format!("{{\"id\":,\"result\":{{\"secret\":{secret}}}}}\n");
    std::fs::write(bench.path("answer"), answer).unwrap();
    let tell = format!("echo \"{{\\\"id\\\":$id,\\\"progress\\\":\\\"read {PASSWORD}\\\"}}\"");
    let work = format!("{tell}; sed \"s/\\\"id\\\":/\\\"id\\\":$id/\" {}", bench.path("answer").display());
    let announced = json!({ "capabilities": ["container-secrets"], "options": {} });
    let program = bench.script(&json!({ "secret-store": announced }), &work);
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let options =
        bench.options("stores.files", json!({ "program": program, "keeps": ["container-secrets"] }));
    let store =
        plugins.secret_store(&Plugin { name: "process".to_owned(), options }, &bench.extensions()).unwrap();
    let spec = SecretSpec { path: "a".to_owned(), ..SecretSpec::default() };
    let read = store.read(&bench.context(), &spec).await.unwrap().unwrap();
    assert!(read.value.expose().contains(PASSWORD));
    assert_eq!(bench.heard(), "progress: read [secret]");
}
