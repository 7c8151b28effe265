//! The pacer against token buckets as AWS has them.

use std::{sync::Mutex, time::Duration};

use longshore_effort::Urgency;
use longshore_simcloud::{
    Blueprint,
    quota::{Quotas, Source},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::*;

/// AWS's bucket for a class of calls, of which other callers may take a share.
struct Bucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    counted: Instant,
}

impl Bucket {
    fn new(rate: Rate, ours: f64) -> Self {
        let (burst, per_second) = (f64::from(rate.burst) * ours, rate.per_second * ours);
        Self { burst, per_second, tokens: burst, counted: Instant::now() }
    }

    fn takes(&mut self) -> bool {
        let now = Instant::now();
        let since = now.duration_since(self.counted).as_secs_f64();
        self.tokens = (self.tokens + since * self.per_second).min(self.burst);
        self.counted = now;
        let takes = self.tokens >= 1.0;
        if takes {
            self.tokens -= 1.0;
        }
        takes
    }
}

/// What became of many calls.
#[derive(Debug)]
struct Course {
    throttled: u32,
    took: f64,
}

/// Makes `calls` calls of an operation of ECS, all at once, each until it is accepted. An attempt takes 80 ms and up to
/// 40 ms more or less.
async fn call(operation: &'static str, calls: u32, ours: f64) -> Course {
    let pacer = Arc::new(Pacer::new(&BTreeMap::new(), Chance::from_seed(1)));
    let chance = Arc::new(Chance::from_seed(2));
    let bucket = Arc::new(Mutex::new(Bucket::new(CLASSES[index_of("ECS", operation)].rate, ours)));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for position in 0..calls {
        let (pacer, chance, bucket) = (pacer.clone(), chance.clone(), bucket.clone());
        tasks.spawn(async move {
            let effort = Effort::new(Urgency::new(1, u64::from(position)), CancellationToken::new());
            let mut throttled = 0;
            loop {
                let turn = pacer.turn(&effort, "ECS", operation).await.unwrap();
                sleep(Duration::from_millis(20).mul_f64(1.0 + 2.0 * chance.fraction())).await;
                let accepted = bucket.lock().unwrap().takes();
                sleep(Duration::from_millis(20).mul_f64(1.0 + 2.0 * chance.fraction())).await;
                if accepted {
                    pacer.answered(&turn);
                    return throttled;
                }
                pacer.throttled(&turn);
                throttled += 1;
            }
        });
    }
    let throttled = tasks.join_all().await.into_iter().sum();
    Course { throttled, took: start.elapsed().as_secs_f64() }
}

#[tokio::test(start_paused = true)]
async fn alone_nothing_is_throttled_and_hardly_any_time_lost() {
    for (operation, burst, per_second) in [
        ("RegisterTaskDefinition", 20.0, 1.0),
        ("UpdateService", 50.0, 5.0),
        ("DescribeServices", 100.0, 20.0),
        ("TagResource", 20.0, 10.0),
    ] {
        let calls = 1000;
        let course = call(operation, calls, 1.0).await;
        let bound = (f64::from(calls) - burst) / per_second;
        assert_eq!(course.throttled, 0, "{operation}");
        assert!(course.took < bound * 1.03, "{operation}: {course:?}, at least {bound}");
    }
}

#[tokio::test(start_paused = true)]
async fn beside_somebody_who_eats_half_few_are_throttled_and_all_get_through() {
    for (operation, burst, per_second) in [
        ("RegisterTaskDefinition", 10.0, 0.5),
        ("UpdateService", 25.0, 2.5),
        ("DescribeServices", 50.0, 10.0),
        ("TagResource", 10.0, 5.0),
    ] {
        let calls = 1000;
        let course = call(operation, calls, 0.5).await;
        let bound = (f64::from(calls) - burst) / per_second;
        assert!(course.throttled <= 10, "{operation}: {course:?}");
        assert!(course.took < bound * 1.02, "{operation}: {course:?}, at least {bound}");
        // The first throttle tells what is left, so that a small stack runs into hardly another.
        let course = call(operation, 2 * burst as u32 + 10, 0.5).await;
        assert!((1..=2).contains(&course.throttled), "{operation}: {course:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_interrupted_and_whoever_need_not_wait_goes() {
    let rates = [("iam-read".to_owned(), CallRate { burst: Some(1), per_second: Some(0.01) })];
    let pacer = Pacer::new(&rates.into(), Chance::from_seed(1));
    let interrupt = CancellationToken::new();
    let effort = Effort::new(Urgency::new(1, 1), interrupt.clone());
    interrupt.cancel();
    assert!(pacer.turn(&effort, "IAM", "GetRole").await.is_ok());
    let start = Instant::now();
    assert_eq!(pacer.turn(&effort, "IAM", "GetRole").await.err(), Some(Interrupted::Queueing));
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Another class is not concerned.
    assert!(pacer.turn(&effort, "STS", "GetCallerIdentity").await.is_ok());
}

#[test]
fn a_class_that_is_not_there_is_said_with_those_that_are() {
    let rate = CallRate { burst: Some(1), per_second: None };
    let rates = [("iam-read", rate), ("ecs-service-modfiy", rate), ("s3", rate)];
    let problems = check_rates(&rates.map(|(name, rate)| (name.to_owned(), rate)).into());
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// Operations of which AWS takes fewer calls than of the rest of their services. Longshore does not call them.
const NOT_CALLED: [&str; 3] = ["logs:FilterLogEvents", "tag:GetTagKeys", "tag:GetTagValues"];

#[test]
fn rates_are_those_of_the_simulated_cloud() {
    let names = [
        ("application-autoscaling", "Application Auto Scaling"),
        ("ec2", "EC2"),
        ("ecr", "ECR"),
        ("ecs", "ECS"),
        ("elasticloadbalancing", "Elastic Load Balancing v2"),
        ("iam", "IAM"),
        ("kms", "KMS"),
        ("logs", "CloudWatch Logs"),
        ("secretsmanager", "Secrets Manager"),
        ("ssm", "SSM"),
        ("sts", "STS"),
        ("tag", "Resource Groups Tagging API"),
    ];
    let quotas = Quotas::of(&Blueprint::default()).unwrap();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../simcloud/src/members/table.txt");
    let table = std::fs::read_to_string(table).unwrap();
    let operations =
        table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'));
    let mut compared = 0;
    for (prefix, operation) in operations.filter_map(|(operation, _)| operation.split_once('.')) {
        let (_, service) = names.iter().find(|(name, _)| *name == prefix).unwrap();
        let name = format!("{prefix}:{operation}");
        let (class, quota) = (&CLASSES[index_of(service, operation)], quotas.class_of(&name).unwrap());
        let (ours, aws) = (class.rate, quota.rate);
        let is_faster = ours.burst > aws.burst || ours.per_second > f64::from(aws.per_second);
        if class.takes_some() {
            let aws = Rate { burst: aws.burst, per_second: f64::from(aws.per_second) };
            assert_eq!(ours, aws, "{name}: {} and {}", class.name, quota.name);
            compared += 1;
        } else if quota.source == Source::Documented && !NOT_CALLED.contains(&&*name) {
            assert!(!is_faster, "{name}: {} is faster than {}", class.name, quota.name);
        }
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn the_documentation_has_every_class() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    for class in CLASSES {
        let (begin, end) = (
            format!("| `{}` | ", class.name),
            format!(" | {} | {} |", class.rate.burst, class.rate.per_second),
        );
        assert!(page.lines().any(|line| line.starts_with(&begin) && line.ends_with(&end)), "{begin}…{end}");
    }
}
