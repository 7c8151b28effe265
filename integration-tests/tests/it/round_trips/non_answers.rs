//! Answers with HTTP 200 that are none, in the place of AWS's: each kind, for each operation that a deploy, an update, a
//! rotation and a removal call. A run says success only where the cloud is as declared. One error page of a proxy, at any
//! call, changes nothing.

use std::{collections::BTreeSet, fmt::Write as _};

use longshore_model::Outcome;
use longshore_simcloud::{Effect, Fault, NonAnswer};
use reqwest::StatusCode;

use super::{
    account::{Account, expect, expect_nothing},
    declaration::{Container, Declaration, Image, Registry, Role, Service, Variable},
    kept::{expect_values, left, values},
};

/// The work during which something answers in AWS's place.
#[derive(Clone, Copy, Debug)]
enum Work {
    Deploy,
    Update,
    Rotate,
    Destroy,
}

impl Work {
    /// An account in which the work can begin.
    async fn account(self) -> Account {
        let account = Account::simulated().await;
        if !matches!(self, Self::Deploy) {
            expect(account.deploy(&declared(0)).await.1);
        }
        account
    }

    async fn run(self, account: &Account) -> Outcome {
        match self {
            Self::Deploy => account.try_deploy(&declared(0)).await,
            Self::Update => account.try_deploy(&declared(1)).await,
            Self::Rotate => account.try_rotate(&rotated()).await,
            Self::Destroy => account.try_destroy(&declared(0)).await,
        }
    }

    /// Requires that the cloud is as the work leaves it.
    async fn require_done(self, account: &Account) {
        let declaration = match self {
            Self::Deploy => declared(0),
            Self::Update => declared(1),
            Self::Rotate => rotated(),
            Self::Destroy => return assert_eq!(left(account).await, Vec::<String>::new()),
        };
        expect_values(account.stack(), &declaration, &values(account).await);
        expect_nothing(account.plan(&declaration).await.values(), "after success");
    }
}

/// A stack that calls much of what can be called, in two versions.
fn declared(version: usize) -> Declaration {
    let secrets = [("DATABASE_URL", Variable::Secret(version)), ("API_KEY", Variable::Parameter(version))];
    let container = Container {
        image: Image::Private(0),
        tag: version,
        memory: 256,
        cpu: None,
        port: false,
        essential: true,
        command: false,
        environment: [("LEVEL", version)].into(),
        secrets: secrets.into(),
    };
    let service = Service {
        cluster: 0,
        desired_count: 1,
        arm: false,
        size: Some(version),
        network: None,
        task_role: None,
        role: Role::default(),
        logs: Some((true, version)),
        percents: version,
        breaker: Some(true),
        containers: [(true, container)].into(),
    };
    let mut declaration = Declaration { services: [("api", service)].into(), ..Declaration::default() };
    declaration.registries[0] = Registry { user: version, names_secret: false };
    declaration.store.team = Some(version);
    declaration
}

/// The first version with another token.
fn rotated() -> Declaration {
    let mut declaration = declared(0);
    declaration.registries[0].user = 1;
    declaration
}

/// The operations that the work calls.
async fn called(work: Work) -> BTreeSet<String> {
    let account = work.account().await;
    let before = account.cloud().calls();
    assert_eq!(work.run(&account).await, Outcome::Succeeded);
    work.require_done(&account).await;
    let calls = account.cloud().calls().into_iter();
    calls.filter(|(name, count)| before.get(name) != Some(count)).map(|(name, _)| name).collect()
}

/// Puts `kind` in the place of so many answers to the operation.
fn hinder(account: &Account, operation: &str, kind: NonAnswer, times: u32) {
    let effect = Effect::Answer(kind);
    account.cloud().inject(Fault { operation: operation.to_owned(), after: 0, times, effect });
}

/// Requires success of the work although the first answer to each operation is foreign. A change that was done and is repeated
/// may be refused instead, as that of a version's stage is: then the next run succeeds.
async fn require_repeated(work: Work, operations: &BTreeSet<String>, kind: NonAnswer) {
    let account = work.account().await;
    operations.iter().for_each(|operation| hinder(&account, operation, kind, 1));
    let outcome = work.run(&account).await;
    account.cloud().heal();
    if kind != NonAnswer::Truncated {
        assert_eq!(outcome, Outcome::Succeeded, "{kind:?}");
    } else if outcome != Outcome::Succeeded {
        assert_eq!(work.run(&account).await, Outcome::Succeeded, "{kind:?}, again");
    }
    work.require_done(&account).await;
}

/// The table of the outcomes: operations, and each kind of answer that they always get.
async fn table(work: Work) -> String {
    let operations = called(work).await;
    let mut table = String::new();
    let mut account = work.account().await;
    for operation in &operations {
        let _ = write!(table, "{operation:40}");
        for kind in NonAnswer::ALL {
            let before = account.cloud().writes();
            hinder(&account, operation, kind, u32::MAX);
            let outcome = work.run(&account).await;
            account.cloud().heal();
            if outcome == Outcome::Succeeded {
                work.require_done(&account).await;
            }
            let _ = write!(table, " {kind:?}: {outcome:?}");
            if account.cloud().writes() != before {
                account = work.account().await;
            }
        }
        table.push('\n');
    }
    for kind in NonAnswer::ALL {
        require_repeated(work, &operations, kind).await;
    }
    table
}

/// Requires that the work ends as without the proxy, whose error page takes the place of the answer to one call: the first
/// one, the second one, up to the last.
async fn require_despite_error_page(work: Work) {
    let undisturbed = work.account().await;
    let before = calls(&undisturbed);
    assert_eq!(work.run(&undisturbed).await, Outcome::Succeeded);
    let count = calls(&undisturbed) - before;
    let expected = resources(&undisturbed).await;
    for after in 0..count {
        let account = work.account().await;
        let effect = Effect::ErrorPage(StatusCode::INTERNAL_SERVER_ERROR);
        account.cloud().inject(Fault { operation: "*".to_owned(), after, times: 1, effect });
        assert_eq!(work.run(&account).await, Outcome::Succeeded, "call {after}: {}", account.said());
        account.cloud().heal();
        work.require_done(&account).await;
        assert_eq!(resources(&account).await, expected, "call {after}");
    }
}

/// The resources that are left, in the order of their names; tasks without their random ids.
async fn resources(account: &Account) -> Vec<String> {
    let cut =
        |name: String| name.split_once(":task/").map_or(name.clone(), |(begin, _)| format!("{begin}:task"));
    let mut resources: Vec<_> = left(account).await.into_iter().map(cut).collect();
    resources.sort();
    resources
}

/// The number of calls until now.
fn calls(account: &Account) -> u32 {
    u32::try_from(account.cloud().calls().values().sum::<u64>()).unwrap()
}

fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

fn tabulate(work: Work) -> String {
    in_virtual_time(table(work))
}

#[test]
fn one_error_page_of_a_proxy_changes_nothing() {
    in_virtual_time(async {
        for work in [Work::Deploy, Work::Update, Work::Rotate, Work::Destroy] {
            require_despite_error_page(work).await;
        }
    });
}

#[test]
fn deploy_succeeds_only_where_all_is_deployed() {
    insta::assert_snapshot!(tabulate(Work::Deploy));
}

#[test]
fn update_succeeds_only_where_all_is_updated() {
    insta::assert_snapshot!(tabulate(Work::Update));
}

#[test]
fn rotation_succeeds_only_where_credential_is_new() {
    insta::assert_snapshot!(tabulate(Work::Rotate));
}

#[test]
fn destroy_succeeds_only_where_nothing_is_left() {
    insta::assert_snapshot!(tabulate(Work::Destroy));
}
