//! `longshore plugin-test`.

mod bench;
mod source;
mod step;
mod store;
mod value;

use std::sync::Arc;

use longshore_model::{Failure, StepId};
use longshore_plugin::Context;
use longshore_process::{ErrorKind, Hello, Kind};
use longshore_testkit::{Report, Told};

use self::bench::Bench;
use super::{Invocation, stack};
use crate::{
    arguments,
    exit::Exit,
    interrupt::{Listener, until_interrupted},
    io::Interrupts,
};

/// Runs the suite of each kind of plugin that a program is.
pub(super) fn run(options: &arguments::PluginTest, mut invocation: Invocation) -> Exit {
    let interrupts = std::mem::replace(&mut invocation.interrupts, Interrupts::Never);
    let runtime = match stack::runtime(false, &invocation.logging) {
        Ok(runtime) => runtime,
        Err(failure) => return invocation.refuse(vec![failure]),
    };
    let bench = match Bench::new(options, &invocation.variables) {
        Ok(bench) => Arc::new(bench),
        Err(failures) => return invocation.refuse(failures),
    };
    let mut listener = match Listener::new(interrupts) {
        Ok(listener) => listener,
        Err(error) => return invocation.refuse(vec![stack::no_signals(&error)]),
    };
    let mut checks = Checks { is_json: invocation.is_json(), invocation, failed: 0 };
    runtime.block_on(async {
        if until_interrupted(&mut listener, test(&bench, &mut checks)).await.is_none() {
            bench.shut_down().await;
            return Exit::Interrupted;
        }
        if checks.failed == 0 { Exit::Done } else { Exit::Failed }
    })
}

async fn test(bench: &Arc<Bench>, checks: &mut Checks) {
    let Some(hello) = greeting(bench, checks).await else { return };
    for kind in hello.kinds.keys().copied() {
        if !protocol(bench, &hello, kind, checks).await {
            continue;
        }
        match kind {
            Kind::CredentialSource => source::test(bench, checks).await,
            Kind::SecretValue => value::test(bench, checks).await,
            Kind::SecretStore => store::test(bench, checks).await,
            Kind::Step => step::test(bench, &hello, checks).await,
        }
        let told = if bench.have_told_a_secret() {
            Err("an error, a note or an output of the program held a secret".to_owned())
        } else {
            Ok(())
        };
        checks.add(kind.name(), "tells_no_secret", told);
    }
    if hello.kinds.is_empty() {
        checks.add("protocol", "announces_a_kind", Err("the program is no kind of plugin".to_owned()));
    }
}

/// Checks the exchange of greetings.
async fn greeting(bench: &Bench, checks: &mut Checks) -> Option<Hello> {
    let context = context();
    // The kind does not matter for the greeting.
    let greeted = match bench.probe(Kind::CredentialSource) {
        Ok(probe) => probe.hello(&context).await,
        Err(failure) => Err(failure),
    };
    let (hello, ends) = match greeted {
        Ok(greeted) => greeted,
        Err(failure) => {
            checks.failure("protocol", "answers_hello", &failure);
            return None;
        }
    };
    checks.add("protocol", "answers_hello", Ok(()));
    let ended = if ends { Ok(()) } else { Err("the program did not end within 2 s".to_owned()) };
    checks.add("protocol", "ends_when_asked_to", ended);
    Some(hello)
}

/// Checks that the program refuses what it does not know. Returns true if the suite makes sense.
async fn protocol(bench: &Bench, hello: &Hello, kind: Kind, checks: &mut Checks) -> bool {
    let context = context();
    let method = match kind {
        Kind::CredentialSource => Some("credential-source.get"),
        Kind::SecretValue => Some("secret-value.get"),
        Kind::SecretStore => Some("secret-store.read"),
        Kind::Step => hello.kinds[&kind].capabilities.contains("plan").then_some("step.plan"),
    };
    let unknown =
        [("refuses_an_unknown_method", Some("no-such-method")), ("refuses_an_unknown_parameter", method)];
    for (check, method) in unknown {
        let Some(method) = method else {
            checks.leave_out(kind.name(), check, "the request could change something");
            continue;
        };
        let probe = match bench.probe(kind) {
            Ok(probe) => probe,
            Err(failure) => {
                checks.failure(kind.name(), check, &failure);
                return false;
            }
        };
        let answer = probe.request(&context, method).await;
        probe.ends().await;
        match answer {
            Ok(Some(error)) if error.kind == ErrorKind::Invalid => checks.add(kind.name(), check, Ok(())),
            Ok(Some(_)) => {
                let other = "the program answers with another error than `invalid`".to_owned();
                checks.add(kind.name(), check, Err(other));
            }
            Ok(None) => checks.add(kind.name(), check, Err("the program answers with a result".to_owned())),
            Err(failure) => {
                checks.failure(kind.name(), check, &failure);
                return false;
            }
        }
    }
    true
}

/// The context of requests that belong to no suite.
fn context() -> Context {
    let told = Arc::<Told>::default();
    told.context(&longshore_testkit::suite_name(), StepId::new("plugins", "test"))
}

/// Prints the outcome of each check.
struct Checks {
    invocation: Invocation,
    is_json: bool,
    failed: usize,
}

impl Checks {
    fn add(&mut self, suite: &str, check: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.print("passed", suite, check, None),
            Err(reason) => {
                self.failed += 1;
                self.print("failed", suite, check, Some(&reason));
            }
        }
    }

    fn failure(&mut self, suite: &str, check: &str, failure: &Failure) {
        self.add(suite, check, Err(failure.to_string()));
    }

    fn leave_out(&self, suite: &str, check: &str, reason: &str) {
        self.print("left out", suite, check, Some(reason));
    }

    fn report(&mut self, suite: &str, report: Report) {
        for case in report.passed {
            self.add(suite, case, Ok(()));
        }
        for (case, reason) in report.failed {
            self.add(suite, case, Err(reason));
        }
        for (case, reason) in report.left_out {
            self.leave_out(suite, case, reason);
        }
    }

    fn print(&self, outcome: &str, suite: &str, check: &str, reason: Option<&str>) {
        let stdout = &self.invocation.display.stdout;
        if self.is_json {
            let line =
                serde_json::json!({ "suite": suite, "check": check, "outcome": outcome, "reason": reason });
            stdout.line(line.to_string());
            return;
        }
        let reason = reason.map(|reason| format!(": {}", reason.replace('\n', " "))).unwrap_or_default();
        stdout.line(format!("{outcome:8}  {suite}  {check}{reason}"));
    }
}
