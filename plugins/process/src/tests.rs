//! Programs behind the adapters.

mod broken;
mod kubelet;
mod page;
mod source;
mod step;
mod store;
mod value;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use longshore_credential::Environment;
use longshore_model::{Options, Plugin, Problem, StepId};
use longshore_plugin::{Context, CredentialSource, Extensions, Plugins, Reporter};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::Processes;

/// A password that looks like no token.
const PASSWORD: &str = "correct-horse-battery-staple";

/// Everything that a program says.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Reporter for Heard {
    fn progress(&self, _: &StepId, message: &str) {
        self.0.lock().unwrap().push(format!("progress: {message}"));
    }

    fn warning(&self, _: &StepId, message: &str) {
        self.0.lock().unwrap().push(format!("warning: {message}"));
    }
}

struct Bench {
    directory: tempfile::TempDir,
    heard: Arc<Heard>,
    processes: Processes,
    interrupt: CancellationToken,
    shows_errors: bool,
}

impl Bench {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            heard: Arc::default(),
            processes: Processes::default(),
            interrupt: CancellationToken::new(),
            shows_errors: false,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a shell script that answers the greeting with `kinds`, and then does `work` with each `$line`, whose number is
    /// `$id`.
    fn script(&self, kinds: &Value, work: &str) -> Vec<String> {
        let hello = json!({ "hello": { "protocol": 1, "name": "test", "version": "1", "kinds": kinds } });
        let script = format!(
            "while IFS= read -r line; do\nid=${{line#*:}}; id=${{id%%,*}}\ncase $line in\n\
             '{{\"hello\":'*) echo '{hello}' ;;\n'{{\"shutdown\":'*) exit ;;\n'{{\"cancel\":'*) ;;\n*) {work} ;;\nesac\ndone"
        );
        std::fs::write(self.path("script"), script).unwrap();
        vec!["sh".to_owned(), self.path("script").display().to_string()]
    }

    fn context(&self) -> Context {
        let step = StepId::new("credential", "quay");
        let (stack, environment) = ("shop".parse().unwrap(), "test".parse().unwrap());
        Context::new(stack, environment, step, self.interrupt.clone(), self.heard.clone())
    }

    fn options(&self, key: &str, values: Value) -> Options {
        let directory = self.directory.path().to_owned();
        let Value::Object(values) = values else { unreachable!() };
        Options {
            key: key.to_owned(),
            values,
            directories: ["program", "file"].map(|key| (key.to_owned(), directory.clone())).into(),
            taken: json!({ "host": "quay.io" }).as_object().unwrap().clone(),
            ..Options::default()
        }
    }

    fn extensions(&self) -> Extensions {
        let environment = Environment::new(|name| match name {
            "PATH" => std::env::var_os("PATH"),
            "INHERITED" => Some("yes".into()),
            "TOKEN" => Some(PASSWORD.into()),
            _ => None,
        });
        let environment = environment.hiding(["TOKEN".to_owned()]).showing_errors(self.shows_errors);
        Extensions::default().with(environment).with(self.processes.clone())
    }

    fn source(&self, values: Value) -> Result<Arc<dyn CredentialSource>, Vec<Problem>> {
        let mut plugins = Plugins::default();
        crate::register(&mut plugins);
        let options = self.options("registries.quay", values);
        plugins.credential_source(&Plugin { name: "process".to_owned(), options }, &self.extensions())
    }

    fn heard(&self) -> String {
        self.heard.0.lock().unwrap().join("\n")
    }
}

/// The path of an example.
fn example(name: &str) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugins");
    examples.join(name).canonicalize().unwrap().display().to_string()
}

/// Problems as they are read.
fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}
