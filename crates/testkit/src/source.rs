//! The suite of credential sources.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{FailureKind, StepId};
use longshore_plugin::{Context, Credential, CredentialSource};

use crate::{
    Report, Told,
    report::cases,
    told::{name, ok, refused},
};

/// A source, and what it has to yield or must not tell.
#[derive(Clone)]
pub struct Given {
    /// The source.
    pub source: Arc<dyn CredentialSource>,
    /// The user name that it has to yield.
    pub username: String,
    /// The password that it finds: long and unlike any other text.
    pub password: String,
}

/// Sources to be tested, each with what it finds.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A source that finds a credential which may be stored.
    async fn good(&self) -> Given;

    /// Sources that find nothing where they look. If there are none, their case is left out.
    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>>;

    /// Sources that find what must not be stored, such as the token of a job. Empty where any text may be a password.
    async fn unstorable(&self) -> Vec<Given>;
}

struct Bench<H> {
    harness: H,
    told: Arc<Told>,
    context: Context,
}

/// Runs all cases that apply, and ends the test when one of them fails.
///
/// # Panics
/// With the name and the reason of each case that failed.
pub async fn suite<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let report = run(make).await;
    report.assert();
    report
}

/// Runs all cases that apply.
pub async fn run<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let mut report = Report::of("credential source");
    let made = async || {
        let told = Arc::<Told>::default();
        let context = told.context(&name("suite"), StepId::new("credential", "first"));
        Bench { harness: make().await, told, context }
    };
    cases! { report, made:
        yields_user_and_password,
        yields_what_ecs_can_read,
        yields_the_same_again,
        says_where_it_looks_and_not_what_it_finds,
        tells_nobody_the_password,
    }
    if made().await.harness.absent().await.is_empty() {
        report
            .leave_out("says_what_to_do_when_there_is_none", "the harness has no source that finds nothing");
    } else {
        cases! { report, made: says_what_to_do_when_there_is_none }
    }
    if made().await.harness.unstorable().await.is_empty() {
        report.leave_out("refuses_what_must_not_be_stored", "whatever the source finds may be stored");
    } else {
        cases! { report, made: refuses_what_must_not_be_stored }
    }
    report
}

/// Fetches, and keeps what the source tells on its way.
async fn fetch<H>(
    bench: &Bench<H>,
    source: &Arc<dyn CredentialSource>,
) -> longshore_plugin::Result<Credential> {
    let result = source.fetch(&bench.context).await;
    bench.told.result(&result);
    result
}

async fn yields_user_and_password<H: Harness>(bench: &Bench<H>) {
    let given = bench.harness.good().await;
    let credential = ok(fetch(bench, &given.source).await, "fetch");
    assert_eq!(credential.username, given.username, "the user name");
    assert!(*credential.password.expose() == given.password, "the password is another one");
}

async fn yields_what_ecs_can_read<H: Harness>(bench: &Bench<H>) {
    let given = bench.harness.good().await;
    let credential = ok(fetch(bench, &given.source).await, "fetch");
    let Some(read) = Credential::from_secret_string(&credential.to_secret_string()) else {
        panic!("ECS could not read a user name and a password");
    };
    assert!(read.username == given.username && *read.password.expose() == given.password, "ECS reads others");
}

async fn yields_the_same_again<H: Harness>(bench: &Bench<H>) {
    let given = bench.harness.good().await;
    for _ in 0..3 {
        let credential = ok(fetch(bench, &given.source).await, "fetch");
        assert!(*credential.password.expose() == given.password, "another password the next time");
    }
}

async fn says_where_it_looks_and_not_what_it_finds<H: Harness>(bench: &Bench<H>) {
    let mut sources = vec![bench.harness.good().await];
    sources.extend(bench.harness.unstorable().await);
    for given in sources {
        let before = given.source.describe();
        bench.told.result(&given.source.fetch(&bench.context).await);
        for text in [before, given.source.describe()] {
            assert!(
                !text.trim().is_empty() && text.lines().count() == 1,
                "a few words on one line: {text:?}"
            );
            bench.told.text(text);
        }
        bench.told.assert_unseen(&given.password);
    }
}

async fn tells_nobody_the_password<H: Harness>(bench: &Bench<H>) {
    let given = bench.harness.good().await;
    let credential = ok(fetch(bench, &given.source).await, "fetch");
    bench.told.text(format!("{credential:?} {credential:#?}"));
    bench.told.result(&given.source.facts(&bench.context, &credential).await);
    bench.told.assert_unseen(&given.password);
}

async fn says_what_to_do_when_there_is_none<H: Harness>(bench: &Bench<H>) {
    for source in bench.harness.absent().await {
        let what = source.describe();
        let failure = refused(fetch(bench, &source).await, &what);
        assert_ne!(
            failure.kind,
            FailureKind::Internal,
            "{what}: a credential that is missing is no fault: {failure}"
        );
    }
}

async fn refuses_what_must_not_be_stored<H: Harness>(bench: &Bench<H>) {
    for given in bench.harness.unstorable().await {
        let what = given.source.describe();
        let failure = refused(fetch(bench, &given.source).await, &what);
        assert!(
            matches!(failure.kind, FailureKind::Invalid | FailureKind::Denied),
            "{what}: only another credential helps: {failure:?}"
        );
        bench.told.assert_unseen(&given.password);
    }
}
