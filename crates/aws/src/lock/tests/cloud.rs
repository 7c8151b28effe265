//! The lock through the real SDK, with its retries and the fence in its HTTP client, on the simulated cloud.

use std::{sync::Arc, time::Duration};

use aws_sdk_ssm::types::ParameterType;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use longshore_effort::{Effort, Urgency};
use longshore_model::{Failure, FailureKind, LockHolder, Name};
use longshore_simcloud::{ApiError, Blueprint, Cloud, Effect, Fault, Moment, TokioClock};
use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    START, Wall,
    dice::Dice,
    races::{hold, number},
    run::{End, Mishaps, Unlucky},
};
use crate::{
    Aws, Embedded, Held, Lock, Target, Waiting, failure,
    lock::{Shut, Timing},
};

/// How many races a test run holds. `LOCK_CLOUD_RACES` raises it, `LOCK_RACES_SEED` begins elsewhere.
const RACES: u64 = 400;

/// What the runs of a race change: its versions are the changes, in the order in which they took effect.
const CHANGED: &str = "/changed";

fn cloud() -> Cloud {
    let clock = TokioClock::starting_at(Moment(START.as_millis() as u64));
    Cloud::new(&Blueprint::default(), Arc::new(clock)).unwrap()
}

/// What was sent is on its way, whether its sender is stopped meanwhile or not.
#[derive(Debug)]
struct Wire(SharedHttpClient);

#[derive(Debug)]
struct WireConnector(SharedHttpConnector);

impl HttpClient for Wire {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(WireConnector(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for WireConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sent = tokio::spawn(self.0.call(request));
        HttpConnectorFuture::new(async move {
            sent.await.unwrap_or_else(|error| Err(ConnectorError::other(error.into(), None)))
        })
    }
}

fn aws(cloud: &Cloud, wall: Wall) -> Aws {
    let embedded = Embedded {
        http_client: SharedHttpClient::new(Wire(SharedHttpClient::new(cloud.connector()))),
        time_source: SharedTimeSource::new(wall),
    };
    Aws::connect(Target { region: Some("eu-central-1".to_owned()), ..Target::default() }, Some(embedded))
}

async fn lock(aws: &Aws, name: &str) -> Lock {
    let holder = LockHolder {
        command: "deploy".into(),
        environment: "production".into(),
        who: name.into(),
        job: None,
        url: None,
        since: "2026-11-23T00:00:00Z".into(),
    };
    Lock::of(aws, &Name::new("shop").unwrap(), holder, name.into()).await.unwrap()
}

async fn acquire(lock: &Lock, timeout: Duration) -> Result<Held, Failure> {
    lock.acquire(&Waiting { timeout, interrupt: &CancellationToken::new(), tell: &|_| {} }).await
}

async fn change(aws: &Aws, epoch: u64) -> Result<(), Failure> {
    let put = aws.ssm().await?.put_parameter().name(CHANGED).value(epoch.to_string());
    let put = put.r#type(ParameterType::String).overwrite(true).send().await;
    put.map(drop).map_err(|error| failure(&error, format!("ssm:PutParameter {CHANGED}")))
}

#[tokio::test(start_paused = true)]
async fn a_run_without_others_makes_four_calls_and_renews_as_time_passes() {
    let cloud = cloud();
    let aws = aws(&cloud, Wall::exact());
    let held = acquire(&lock(&aws, "run").await, Duration::ZERO).await.unwrap();
    let keeper = tokio::spawn(held.keep());
    held.release().await.unwrap();
    assert_eq!(keeper.await.unwrap(), None);
    let calls =
        |number| [("ssm:GetParametersByPath".to_owned(), number), ("ssm:PutParameter".to_owned(), number)];
    assert_eq!(cloud.calls(), calls(2).into());

    let held = acquire(&lock(&aws, "other").await, Duration::ZERO).await.unwrap();
    let keeper = tokio::spawn(held.keep());
    sleep(Timing::AWS.renew * 4 + Duration::from_secs(5)).await;
    held.release().await.unwrap();
    assert_eq!(keeper.await.unwrap(), None);
    assert_eq!(cloud.calls(), calls(2 + 2 + 4).into(), "four renewals of two calls each");
    let names =
        cloud.inspect(|world| world.ssm.all().map(|found| found.name.clone()).collect::<Vec<_>>()).await;
    assert_eq!(names, ["/longshore/shop/lock/000001", "/longshore/shop/lock/000002"]);
}

#[tokio::test(start_paused = true)]
async fn the_state_says_who_held_the_lock_last() {
    let cloud = cloud();
    let aws = aws(&cloud, Wall::exact());
    let lock = lock(&aws, "jo@laptop").await;
    assert_eq!(lock.state().await.unwrap(), None);
    let held = acquire(&lock, Duration::ZERO).await.unwrap();
    let state = lock.state().await.unwrap().unwrap();
    assert!(state.held && state.epoch == 1 && state.lease == 60, "{state:?}");
    held.release().await.unwrap();
    let state = lock.state().await.unwrap().unwrap();
    assert!(!state.held && state.who().contains("jo@laptop"), "{state:?}");
    assert!(state.renewed.starts_with("2026-11-23T00:00:00"), "{state:?}");
}

#[tokio::test(start_paused = true)]
async fn what_else_stands_there_is_left_alone_and_all_pages_are_read() {
    let cloud = cloud();
    let aws = aws(&cloud, Wall::exact());
    let ssm = aws.ssm().await.unwrap();
    let put = |name: String| ssm.put_parameter().name(name).value("-").r#type(ParameterType::String);
    put("/longshore/shop/lock/note".into()).send().await.unwrap();
    put("/longshore/shop/lock/7/x".into()).send().await.unwrap();
    for number in 1..=25 {
        put(format!("/longshore/shop/lock/{number:06}")).send().await.unwrap();
    }
    // An entry that is not understood counts as held by an unknown run.
    let began = Instant::now();
    let held = acquire(&lock(&aws, "run").await, Duration::from_secs(600)).await.unwrap();
    assert_eq!(held.epoch(), 26);
    assert!(began.elapsed() >= Timing::AWS.lease, "{:?}", began.elapsed());
    let keeper = tokio::spawn(held.keep());
    sleep(Duration::from_secs(10)).await;
    held.release().await.unwrap();
    keeper.await.unwrap();
    let names =
        cloud.inspect(|world| world.ssm.all().map(|found| found.name.clone()).collect::<Vec<_>>()).await;
    insta::assert_snapshot!(names.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_sends_nothing_more() {
    let cloud = cloud();
    let first = aws(&cloud, Wall::exact());
    let held = acquire(&lock(&first, "stopped").await, Duration::ZERO).await.unwrap();
    change(&first, held.epoch()).await.unwrap();
    let next = aws(&cloud, Wall::exact());
    let taken = acquire(&lock(&next, "next@ci").await, Duration::from_secs(600)).await.unwrap();
    change(&next, taken.epoch()).await.unwrap();
    // It wakes up, and wants to go on.
    let keeper = tokio::spawn(held.keep());
    let before = cloud.calls()["ssm:PutParameter"];
    let refused = change(&first, held.epoch()).await.unwrap_err();
    assert_eq!(cloud.calls()["ssm:PutParameter"], before + 1, "that was the renewal");
    assert_eq!(keeper.await.unwrap().map(|failure| failure.message), Some(refused.message.clone()));
    insta::assert_snapshot!(refused);
}

#[tokio::test(start_paused = true)]
async fn changes_that_wait_for_the_renewal_do_not_hold_it_up() {
    let cloud = cloud();
    let aws = aws(&cloud, Wall::exact());
    let held = acquire(&lock(&aws, "stopped").await, Duration::ZERO).await.unwrap();
    // It is stopped for longer than its lease, and wakes up with as many changes as are ever under way.
    sleep(Timing::AWS.lease * 2).await;
    let mut changes = JoinSet::new();
    for position in 0..20 {
        let (aws, epoch) = (aws.clone(), held.epoch());
        let effort = Effort::new(Urgency::new(1, position), CancellationToken::new());
        changes.spawn(effort.run(async move { change(&aws, epoch).await }));
    }
    let keeper = tokio::spawn(held.keep());
    let began = Instant::now();
    for changed in changes.join_all().await {
        changed.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    held.release().await.unwrap();
    assert_eq!(keeper.await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_may_not_use_parameter_store_learns_what_to_allow() {
    let cloud = cloud();
    let aws = aws(&cloud, Wall::exact());
    let refuse = |operation: &str, error: ApiError| {
        cloud.heal();
        cloud.inject(Fault {
            operation: operation.to_owned(),
            after: 0,
            times: 9,
            effect: Effect::Refuse(error),
        });
    };
    let lock = lock(&aws, "run").await;
    let mut failures = Vec::new();
    for operation in ["ssm:GetParametersByPath", "ssm:PutParameter"] {
        let message =
            format!("User: arn:aws:iam::123456789012:user/ci is not authorized to perform: {operation}");
        refuse(operation, ApiError::new("AccessDeniedException", message));
        failures.push(acquire(&lock, Duration::from_secs(600)).await.unwrap_err().to_string());
    }
    refuse("ssm:*", ApiError::new("UnknownOperationException", "").with_status(404));
    failures.push(acquire(&lock, Duration::from_secs(600)).await.unwrap_err().to_string());
    insta::assert_snapshot!(failures.join("\n"));
}

/// Holds the race of a seed.
///
/// # Errors
/// What went wrong.
fn race(seed: u64) -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut dice = Dice::new(seed);
        let cloud = cloud();
        let mut runs = JoinSet::new();
        for index in 0..2 + dice.below(2) {
            let (ahead, behind) = (dice.millis(0..60_000), dice.millis(0..60_000));
            let aws = aws(&cloud, Wall { ahead, behind, ..Wall::exact() });
            let start = dice.millis(0..20_000);
            let mishaps = Mishaps {
                pauses: (0..dice.below(2))
                    .map(|_| (dice.below(80) as u32, dice.millis(0..150_000)))
                    .collect(),
                crash: dice.percent(30).then(|| dice.below(80) as u32),
            };
            let unlucky = Unlucky::new(run(aws, index, dice.split()), mishaps);
            runs.spawn(async move {
                sleep(start).await;
                unlucky.await
            });
        }
        // While they run, calls are refused or take long, and answers are lost.
        let troubled = async {
            for _ in 0..dice.below(12) {
                sleep(dice.millis(0..20_000)).await;
                cloud.inject(fault(&mut dice));
            }
        };
        let ends = async { while runs.join_next().await.is_some() {} };
        tokio::join!(troubled, ends);
        cloud.heal();
        let began = Instant::now();
        let aws = aws(&cloud, Wall::exact());
        let held = acquire(&lock(&aws, "last").await, Duration::from_secs(600)).await;
        let held = held.map_err(|failure| format!("nobody gets on: {failure}"))?;
        let waited = began.elapsed();
        if waited > Timing::AWS.lease + Duration::from_secs(12) {
            return Err(format!("the last run waited for {waited:?}"));
        }
        change(&aws, held.epoch()).await.map_err(|failure| failure.to_string())?;
        let versions = |world: &longshore_simcloud::World| {
            let changed = world.ssm.find("eu-central-1", "123456789012", CHANGED);
            let versions = changed
                .map(|changed| changed.versions.iter().map(|version| version.value.expose().to_owned()));
            versions.into_iter().flatten().filter_map(|value| value.parse::<u64>().ok()).collect::<Vec<_>>()
        };
        let epochs = cloud.inspect(versions).await;
        if epochs.is_sorted() {
            Ok(())
        } else {
            Err(format!("changes took effect in this order: {epochs:?}"))
        }
    })
}

fn fault(dice: &mut Dice) -> Fault {
    let operation = ["ssm:PutParameter", "ssm:GetParametersByPath", "ssm:*"][dice.below(3) as usize];
    let effect = match dice.below(4) {
        0 => Effect::LoseAnswer,
        1 => Effect::Refuse(ApiError::new("ThrottlingException", "Rate exceeded")),
        2 => Effect::Refuse(ApiError::new("InternalServerError", "").with_status(500)),
        _ => Effect::Delay(dice.millis(0..14_000)),
    };
    Fault { operation: operation.to_owned(), after: 0, times: 1 + dice.below(3) as u32, effect }
}

async fn run(aws: Aws, index: u64, mut dice: Dice) -> End {
    let lock = lock(&aws, &format!("run-{index}")).await;
    let Ok(held) = acquire(&lock, dice.millis(0..300_000)).await else { return End::GaveUp };
    let work = async {
        for _ in 0..dice.below(6) {
            sleep(dice.millis(0..20_000)).await;
            if change(&aws, held.epoch()).await.is_err_and(|failure| failure.kind == FailureKind::Conflict) {
                break;
            }
        }
        let _: Result<(), Failure> = held.release().await;
    };
    let (lost, ()) = tokio::join!(held.keep(), work);
    assert!(matches!(lock.fence().check(), Err(Shut::Ended(_))));
    if lost.is_some() { End::Lost } else { End::Released }
}

#[test]
fn changes_that_take_effect_never_go_back_to_an_earlier_holder() {
    hold(number("LOCK_CLOUD_RACES", RACES), "LOCK_CLOUD_RACES", race);
}
