use std::time::Duration;

use aws_sdk_ecs::{
    Client,
    types::{
        AwsVpcConfiguration, Compatibility, ContainerDefinition, LaunchType, NetworkConfiguration,
        NetworkMode,
    },
};
use aws_sdk_sts::config::retry::RetryConfig;

use super::{Quotas, Rate};
use crate::{
    Blueprint, Cloud,
    testing::{cloud_of, code, ec2, message, sdk, subnet, texts},
};

/// A cloud whose calls take no time, so that many arrive at once, and what makes clients that do not retry.
fn quick(blueprint: Blueprint) -> (Cloud, aws_types::SdkConfig) {
    let cloud = cloud_of(&Blueprint { latency_ms: 0, ..blueprint });
    let config = sdk(&cloud).to_builder().retry_config(RetryConfig::disabled()).build();
    (cloud, config)
}

#[test]
fn every_operation_has_one_class_and_rates_can_be_set() {
    let class =
        |quotas: &Quotas, operation: &str| quotas.class_of(operation).map(|class| (class.name, class.rate));
    let default = Quotas::of(&Blueprint::default()).unwrap();
    let rate = |burst, per_second| Rate { burst, per_second };
    for (operation, name, expected) in [
        ("ecs:RegisterTaskDefinition", "ecs:task-definition-modify", rate(20, 1)),
        ("ecs:UpdateService", "ecs:service-modify", rate(50, 5)),
        ("ecs:DescribeServices", "ecs:service-read", rate(100, 20)),
        ("ecs:ListAccountSettings", "ecs:other", rate(50, 10)),
        ("iam:GetRole", "iam:read", rate(50, 20)),
        ("iam:PutRolePolicy", "iam:modify", rate(20, 5)),
        ("secretsmanager:PutSecretValue", "secretsmanager:update", rate(50, 50)),
        ("tag:GetResources", "tag:resources", rate(15, 15)),
    ] {
        assert_eq!(class(&default, operation), Some((name, expected)), "{operation}");
    }
    let quotas = [("iam:modify".to_owned(), rate(3, 1))].into();
    let own = Quotas::of(&Blueprint { quotas, ..Blueprint::default() }).unwrap();
    assert_eq!(class(&own, "iam:CreateRole"), Some(("iam:modify", rate(3, 1))));
    assert_eq!(class(&own, "iam:GetRole"), Some(("iam:read", rate(50, 20))));
    let quotas = [("iam:write".to_owned(), rate(3, 1))].into();
    let error = Quotas::of(&Blueprint { quotas, ..Blueprint::default() }).unwrap_err().to_string();
    assert!(
        error.contains("no class of operations iam:write; the classes are ecs:cluster-modify,"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_class_shares_its_bucket_in_a_region() {
    let (cloud, config) = quick(Blueprint::default());
    let ecs = Client::new(&config);
    let elsewhere = config.to_builder().region(aws_sdk_sts::config::Region::new("eu-west-1")).build();
    let elsewhere = Client::new(&elsewhere);
    for call in 0..50 {
        // Deleting shares the bucket with creating and updating.
        let gone = ecs.delete_service().service("none").send().await;
        assert_eq!(code(&gone), "ClusterNotFoundException", "{call}");
    }
    let create = || ecs.create_service().service_name("api").task_definition("api");
    let refused = create().send().await;
    assert_eq!(
        (code(&refused).as_str(), message(&refused).as_str()),
        ("ThrottlingException", "Rate exceeded")
    );
    assert_eq!(code(&elsewhere.delete_service().service("none").send().await), "ClusterNotFoundException");
    ecs.describe_clusters().send().await.unwrap();
    // Five a second come back.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(code(&create().send().await), "ClusterNotFoundException");
    assert_eq!(code(&create().send().await), "ClusterNotFoundException");
    assert_eq!(code(&create().send().await), "ThrottlingException");
    assert_eq!(cloud.throttled(), [("ecs:CreateService".to_owned(), 2)].into());
    assert_eq!((cloud.calls()["ecs:CreateService"], cloud.calls()["ecs:DeleteService"]), (4, 51));
}

#[tokio::test(start_paused = true)]
async fn each_service_refuses_in_its_own_words() {
    let none = Rate { burst: 1, per_second: 0 };
    let classes = [
        "iam:read",
        "sts:all",
        "ec2:read",
        "ssm:other",
        "secretsmanager:list",
        "logs:describe-groups",
        "kms:read",
        "tag:resources",
    ];
    let quotas = classes.map(|class| (class.to_owned(), none)).into();
    let (cloud, config) = quick(Blueprint { quotas, ..Blueprint::default() });
    macro_rules! twice {
        ($client:expr, $call:ident) => {{
            let client = $client;
            client.$call().send().await.unwrap();
            let refused = client.$call().send().await;
            let status = refused.as_ref().unwrap_err().raw_response().unwrap().status().as_u16();
            (code(&refused), status)
        }};
    }
    let refusals = [
        twice!(aws_sdk_iam::Client::new(&config), list_roles),
        twice!(aws_sdk_sts::Client::new(&config), get_caller_identity),
        {
            assert_eq!(ec2(&cloud, "Action=DescribeVpcs").await.status(), 200);
            let refused = ec2(&cloud, "Action=DescribeVpcs").await;
            (texts(&refused, "Code")[0].to_owned(), refused.status().as_u16())
        },
        twice!(aws_sdk_ssm::Client::new(&config), describe_parameters),
        twice!(aws_sdk_secretsmanager::Client::new(&config), list_secrets),
        twice!(aws_sdk_cloudwatchlogs::Client::new(&config), describe_log_groups),
        twice!(aws_sdk_kms::Client::new(&config), list_aliases),
        twice!(aws_sdk_resourcegroupstagging::Client::new(&config), get_resources),
    ];
    let refusals = refusals.each_ref().map(|(code, status)| (code.as_str(), *status));
    assert_eq!(
        refusals,
        [
            ("Throttling", 400),
            ("Throttling", 400),
            ("RequestLimitExceeded", 503),
            ("ThrottlingException", 400),
            ("ThrottlingException", 400),
            ("ThrottlingException", 400),
            ("ThrottlingException", 400),
            ("ThrottledException", 400),
        ]
    );
    assert_eq!(cloud.throttled().values().sum::<u64>(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_co_tenant_leaves_its_share_and_quotas_can_be_switched_off() {
    let tries = async |blueprint: Blueprint| {
        let (_, config) = quick(blueprint);
        let ecs = Client::new(&config);
        let mut admitted = 0;
        for _ in 0..60 {
            let call = ecs.describe_task_definition().task_definition("none").send().await;
            admitted += usize::from(code(&call) == "ClientException");
        }
        admitted
    };
    assert_eq!(tries(Blueprint::default()).await, 50);
    assert_eq!(tries(Blueprint { co_tenant_percent: 50, ..Blueprint::default() }).await, 25);
    assert_eq!(tries(Blueprint { throttling: false, ..Blueprint::default() }).await, 60);
}

#[tokio::test(start_paused = true)]
async fn the_sdk_waits_and_tries_again() {
    let rate = Rate { burst: 1, per_second: 20 };
    let quotas = [("ecs:cluster-read".to_owned(), rate)].into();
    let cloud = cloud_of(&Blueprint { quotas, ..Blueprint::default() });
    let config = sdk(&cloud).to_builder().retry_config(RetryConfig::standard().with_max_attempts(6)).build();
    let ecs = Client::new(&config);
    ecs.describe_clusters().send().await.unwrap();
    ecs.describe_clusters().send().await.unwrap();
    assert!(cloud.throttled()["ecs:DescribeClusters"] >= 1);
}

#[tokio::test(start_paused = true)]
async fn latency_varies_around_its_mean_and_follows_the_seed() {
    let run = async |seed: u64| {
        let blueprint = Blueprint { seed, latency_ms: 80, latency_jitter_ms: 30, ..Blueprint::default() };
        let cloud = cloud_of(&blueprint);
        let ecs = Client::new(&sdk(&cloud));
        let mut took = Vec::new();
        for _ in 0..40 {
            let before = cloud.now();
            ecs.describe_clusters().send().await.unwrap();
            took.push(cloud.now().since(before).as_millis());
        }
        took
    };
    let took = run(1).await;
    // Tokio's timers round up to the next millisecond.
    assert!(took.iter().all(|took| (50..=111).contains(took)), "{took:?}");
    assert!(took.iter().min() < Some(&65) && took.iter().max() > Some(&95), "{took:?}");
    assert_eq!(run(1).await, took);
    assert_ne!(run(2).await, took);
}

#[tokio::test(start_paused = true)]
async fn launches_on_fargate_wait_for_their_turn() {
    let provisioning = async |blueprint: Blueprint| {
        let (cloud, config) = quick(blueprint);
        let ecs = Client::new(&config);
        ecs.create_cluster().cluster_name("main").send().await.unwrap();
        let container = ContainerDefinition::builder().name("api").image("nginx:1").build();
        ecs.register_task_definition()
            .family("api")
            .requires_compatibilities(Compatibility::Fargate)
            .network_mode(NetworkMode::Awsvpc)
            .cpu("256")
            .memory("512")
            .container_definitions(container)
            .send()
            .await
            .unwrap();
        let network = AwsVpcConfiguration::builder().subnets(subnet(&cloud).await).build().unwrap();
        let network = NetworkConfiguration::builder().awsvpc_configuration(network).build();
        let mut tasks = Vec::new();
        for _ in 0..3 {
            let run = ecs.run_task().cluster("main").task_definition("api").count(10);
            let run = run.launch_type(LaunchType::Fargate).network_configuration(network.clone());
            tasks.extend(run.send().await.unwrap().tasks.unwrap_or_default());
        }
        // One launch takes at most twelve seconds.
        tokio::time::sleep(Duration::from_secs(15)).await;
        let arns = tasks.into_iter().filter_map(|task| task.task_arn).collect();
        let tasks = ecs.describe_tasks().cluster("main").set_tasks(Some(arns)).send().await.unwrap();
        tasks.tasks().iter().filter(|task| task.last_status() == Some("PROVISIONING")).count()
    };
    assert_eq!(provisioning(Blueprint::default()).await, 0);
    let quotas = || [("ecs:fargate-launch".to_owned(), Rate { burst: 5, per_second: 1 })].into();
    let waiting = provisioning(Blueprint { quotas: quotas(), ..Blueprint::default() }).await;
    // Eight to thirteen are through after fifteen seconds.
    assert!((17..=22).contains(&waiting), "{waiting}");
    let unlimited = Blueprint { quotas: quotas(), throttling: false, ..Blueprint::default() };
    assert_eq!(provisioning(unlimited).await, 0);
}
