//! The simulated cloud as the configuration's table `[cloud]` describes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use longshore_credential::{Environment, SecretInput};
use longshore_model::{AwsTarget, Failure, Fields, ImageReference, Name, Options, Problem, Stack, StepId};
use longshore_plugin::{Context, Reporter};
use longshore_simcloud::{
    Blueprint,
    ecs::{InstanceArchitecture, InstanceOs, InstanceSpec},
    quota::{Quotas, Rate},
    registry::{Fault, Improvised, Password, RegistrySpec, RepositorySpec, TagSpec, UserSpec, Visibility},
};
use tokio_util::sync::CancellationToken;

/// A blueprint whose users still lack their passwords, because the table only says where these are found.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) blueprint: Blueprint,
    users: Vec<User>,
}

#[derive(Clone, Debug)]
struct User {
    registry: String,
    name: String,
    password: SecretInput,
}

/// Reads the table `[cloud]`. Account and region default to those of `[aws]`, so that a stack which is bound to an
/// account can be tried out without one.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub(crate) fn draft(options: Option<&Options>, aws: &AwsTarget) -> Result<Draft, Vec<Problem>> {
    let mut users = Vec::new();
    let table = match options {
        Some(options) => options.read(|fields| Some(read(fields, &mut users)))?,
        None => Table::default(),
    };
    let default = Blueprint::default();
    let blueprint = Blueprint {
        account: table.account.or_else(|| aws.account.clone()).unwrap_or(default.account),
        region: table.region.or_else(|| aws.region.clone()).unwrap_or(default.region),
        seed: table.seed.map_or(default.seed, u64::from),
        latency_ms: table.latency_ms.map_or(default.latency_ms, u64::from),
        latency_jitter_ms: table.latency_jitter_ms.map_or(default.latency_jitter_ms, u64::from),
        throttling: table.throttling.unwrap_or(default.throttling),
        co_tenant_percent: table.co_tenant_percent.unwrap_or(default.co_tenant_percent),
        quotas: table.quotas,
        iam_propagation_ms: table.iam_propagation_ms.map_or(default.iam_propagation_ms, u64::from),
        speed: table.speed.unwrap_or(default.speed),
        container_instances: table.container_instances,
        registries: table.registries,
        improvised: Some(Improvised { real: table.real_registries, ..Improvised::default() }),
    };
    Ok(Draft { blueprint, users })
}

impl Draft {
    /// The same for `stack`: where it has a registry, the registry asks for a credential.
    pub(crate) fn improvising(mut self, stack: &Stack) -> Self {
        let registries = stack.registries.values().filter(|registry| !registry.removed);
        if let Some(improvised) = &mut self.blueprint.improvised {
            improvised.private = registries.map(|registry| registry.prefix.to_string()).collect();
        }
        self
    }

    /// Fetches the passwords of the users. The names are those of the stack and its environment.
    ///
    /// # Errors
    /// Each one that is not found.
    pub(crate) async fn resolve(
        mut self,
        [stack, name]: [&Name; 2],
        environment: &Environment,
        interrupt: &CancellationToken,
    ) -> Result<Blueprint, Vec<Failure>> {
        let step = StepId::new("cloud", "users");
        let context = Context::new(stack.clone(), name.clone(), step, interrupt.clone(), Arc::new(Silent));
        let mut failures = Vec::new();
        for user in &self.users {
            match user.password.fetch_password(&context, environment).await {
                Ok(password) => {
                    let spec = UserSpec { password: Password::new(password.expose().as_str()) };
                    let registry = self.blueprint.registries.entry(user.registry.clone()).or_default();
                    registry.users.insert(user.name.clone(), spec);
                }
                Err(failure) => failures.push(failure),
            }
        }
        if failures.is_empty() { Ok(self.blueprint) } else { Err(failures) }
    }
}

/// The reporter of work that is no step of the stack, such as fetching a password.
pub(crate) struct Silent;

impl Reporter for Silent {
    fn progress(&self, _step: &StepId, _message: &str) {}

    fn warning(&self, _step: &StepId, message: &str) {
        tracing::warn!("{message}");
    }
}

#[derive(Default)]
struct Table {
    account: Option<String>,
    region: Option<String>,
    seed: Option<u32>,
    latency_ms: Option<u32>,
    latency_jitter_ms: Option<u32>,
    throttling: Option<bool>,
    co_tenant_percent: Option<u32>,
    quotas: BTreeMap<String, Rate>,
    iam_propagation_ms: Option<u32>,
    speed: Option<u32>,
    container_instances: BTreeMap<String, InstanceSpec>,
    registries: BTreeMap<String, RegistrySpec>,
    real_registries: BTreeSet<String>,
}

const HOUR_MS: u32 = 3_600_000;

fn read(fields: &mut Fields<'_>, users: &mut Vec<User>) -> Table {
    let account = fields.text("account").filter(|account| {
        let good = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !good {
            fields.problem(
                "account",
                format!("found `{account}`"),
                "must be the twelve digits of an account",
            );
        }
        good
    });
    Table {
        account,
        region: fields.text("region"),
        seed: fields.number("seed", 0..=u32::MAX),
        latency_ms: fields.number("latency-ms", 0..=HOUR_MS),
        latency_jitter_ms: fields.number("latency-jitter-ms", 0..=HOUR_MS),
        throttling: fields.flag("throttling"),
        co_tenant_percent: fields.number("co-tenant-percent", 0..=99),
        quotas: quotas(fields),
        iam_propagation_ms: fields.number("iam-propagation-ms", 0..=HOUR_MS),
        speed: fields.number("speed", 1..=1000),
        container_instances: named(fields, "container-instances", |_, fields| container_instances(fields)),
        registries: named(fields, "registries", |host, fields| registry(host, fields, users)),
        real_registries: real_registries(fields),
    }
}

/// The largest number of container instances of one kind, of CPU units and of MiB.
const MOST_INSTANCES: u32 = 100;
const MOST_CPU: u32 = 1 << 20;
const MOST_MEMORY: u32 = 1 << 25;

/// Container instances of one kind.
fn container_instances(fields: &mut Fields<'_>) -> InstanceSpec {
    let default = InstanceSpec::default();
    let attributes = fields.table("attributes", |fields| {
        let names = fields.names().into_iter();
        Some(names.filter_map(|name| Some((name.clone(), fields.text(&name)?))).collect())
    });
    InstanceSpec {
        cluster: fields.text("cluster").unwrap_or(default.cluster),
        count: fields.number("count", 1..=MOST_INSTANCES).unwrap_or(default.count),
        instance_type: fields.text("instance-type").unwrap_or(default.instance_type),
        cpu: fields.number("cpu", 1..=MOST_CPU).unwrap_or(default.cpu),
        memory: fields.number("memory", 1..=MOST_MEMORY).unwrap_or(default.memory),
        architecture: fields
            .choice(
                "architecture",
                &[("amd64", InstanceArchitecture::Amd64), ("arm64", InstanceArchitecture::Arm64)],
            )
            .unwrap_or_default(),
        os: fields
            .choice("os", &[("linux", InstanceOs::Linux), ("windows", InstanceOs::Windows)])
            .unwrap_or_default(),
        attributes: attributes.unwrap_or_default(),
    }
}

/// The hosts that are asked over the network.
fn real_registries(fields: &mut Fields<'_>) -> BTreeSet<String> {
    let hosts = fields.texts("real-registries").unwrap_or_default();
    for host in &hosts {
        // A text that names no host would be taken as part of a repository on Docker Hub.
        let image = format!("{host}/a/b").parse::<ImageReference>();
        if !image.is_ok_and(|image| image.repository() == "a/b") {
            fields.problem(
                "real-registries",
                format!("found \"{host}\""),
                "must be hosts as they stand in image references, such as \"ghcr.io\"",
            );
        }
    }
    hosts.into_iter().collect()
}

/// The tables in the table `field`, by name.
fn named<'a, T>(
    fields: &mut Fields<'a>,
    field: &str,
    mut read: impl FnMut(&str, &mut Fields<'a>) -> T,
) -> BTreeMap<String, T> {
    let read = fields.table(field, |fields| {
        let tables = fields.names().into_iter().filter_map(|name| {
            let table = fields.table(&name, |fields| Some(read(&name, fields)))?;
            Some((name, table))
        });
        Some(tables.collect())
    });
    read.unwrap_or_default()
}

/// The quotas that differ from AWS's, by class of operations.
fn quotas(fields: &mut Fields<'_>) -> BTreeMap<String, Rate> {
    let known = Quotas::of(&Blueprint::default()).unwrap_or_default();
    let known: BTreeMap<&str, Rate> = known.classes().iter().map(|class| (class.name, class.rate)).collect();
    let read = fields.table("quotas", |fields| {
        let quotas = fields.names().into_iter().filter_map(|name| {
            let given = fields.table(&name, |fields| {
                let burst = fields.number("burst", 1..=u32::MAX);
                Some((burst, fields.number("per-second", 1..=u32::MAX)))
            });
            let Some(usual) = known.get(name.as_str()) else {
                let names = known.keys().copied().collect::<Vec<_>>().join(", ");
                fields.problem(&name, "unknown class of operations", format!("must be one of {names}"));
                return None;
            };
            let (burst, per_second) = given?;
            let rate = Rate {
                burst: burst.unwrap_or(usual.burst),
                per_second: per_second.unwrap_or(usual.per_second),
            };
            Some((name, rate))
        });
        Some(quotas.collect())
    });
    read.unwrap_or_default()
}

fn registry(host: &str, fields: &mut Fields<'_>, users: &mut Vec<User>) -> RegistrySpec {
    named(fields, "users", |name, fields| {
        let password = SecretInput::read(fields, "password");
        users.extend(password.map(|password| User {
            registry: host.to_owned(),
            name: name.to_owned(),
            password,
        }));
    });
    RegistrySpec {
        users: BTreeMap::new(),
        repositories: named(fields, "repositories", |_, fields| repository(fields)),
        fault: fields
            .choice("fault", &[("unreachable", Fault::Unreachable), ("throttled", Fault::Throttled)]),
    }
}

fn repository(fields: &mut Fields<'_>) -> RepositorySpec {
    let mut users = |field: &str| fields.texts(field).map(BTreeSet::from_iter).unwrap_or_default();
    let (readers, writers) = (users("readers"), users("writers"));
    RepositorySpec {
        visibility: fields
            .choice("visibility", &[("private", Visibility::Private), ("public", Visibility::Public)])
            .unwrap_or_default(),
        readers,
        writers,
        tags: named(fields, "tags", |_, fields| tag(fields)),
    }
}

fn tag(fields: &mut Fields<'_>) -> TagSpec {
    TagSpec {
        platforms: fields.texts("platforms").unwrap_or_default(),
        index: fields.flag("index"),
        exits: fields.number("exits", 0..=255).and_then(|code| i32::try_from(code).ok()),
        exits_after_seconds: fields.number("exits-after-seconds", 0..=u32::MAX).map(u64::from),
        needs_memory_mib: fields.number("needs-memory-mib", 1..=u32::MAX).map(u64::from),
        health_status: fields
            .number("health-status", 100..=599)
            .and_then(|status| u16::try_from(status).ok()),
        alarms: fields.texts("alarms").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn options(values: Value) -> Options {
        let Value::Object(values) = values else { unreachable!() };
        Options { key: "cloud".into(), values, ..Options::default() }
    }

    #[test]
    fn account_and_region_follow_the_stack() {
        let aws = AwsTarget {
            account: Some("111122223333".into()),
            region: Some("eu-west-1".into()),
            ..AwsTarget::default()
        };
        let read = |options: Option<&Options>, aws: &AwsTarget| {
            let blueprint = draft(options, aws).unwrap().blueprint;
            (blueprint.account, blueprint.region)
        };
        assert_eq!(read(None, &aws), ("111122223333".into(), "eu-west-1".into()));
        let own = options(json!({"account": "000000000001", "region": "us-west-2"}));
        assert_eq!(read(Some(&own), &aws), ("000000000001".into(), "us-west-2".into()));
        assert_eq!(read(None, &AwsTarget::default()).0, Blueprint::default().account);
    }

    #[test]
    fn quotas_differ_from_those_of_aws_where_the_table_says_so() {
        let table = json!({
            "latency-jitter-ms": 20,
            "co-tenant-percent": 50,
            "quotas": {"ecs:service-modify": {"per-second": 10}},
        });
        let blueprint = draft(Some(&options(table)), &AwsTarget::default()).unwrap().blueprint;
        assert_eq!((blueprint.latency_jitter_ms, blueprint.co_tenant_percent), (20, 50));
        assert_eq!(blueprint.quotas["ecs:service-modify"], Rate { burst: 50, per_second: 10 });
        assert!(blueprint.throttling);
        let table = json!({"throttling": "no", "quotas": {"ecs:service": {}, "iam:modify": {"burst": 0}}});
        let problems = draft(Some(&options(table)), &AwsTarget::default()).unwrap_err();
        let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    async fn resolve(users: Value) -> Result<Blueprint, Vec<Failure>> {
        let environment = Environment::new(|name| (name == "TOKEN").then(|| "hunter2".into()));
        let options = options(json!({"registries": {"ghcr.io": {
            "users": users,
            "repositories": {"acme/api": {
                "readers": ["acme"],
                "tags": {"latest": {"platforms": ["linux/arm64"], "exits": 3, "exits-after-seconds": 10}},
            }},
        }}}));
        let draft = draft(Some(&options), &AwsTarget::default()).unwrap();
        let names = [&Name::new("shop").unwrap(), &Name::new("test").unwrap()];
        draft.resolve(names, &environment, &CancellationToken::new()).await
    }

    #[test]
    fn container_instances_have_defaults() {
        let table = json!({"container-instances": {
            "agents": {"count": 2, "architecture": "arm64", "attributes": {"stage": "test"}},
            "others": {"cluster": "batch"},
        }});
        let blueprint = draft(Some(&options(table)), &AwsTarget::default()).unwrap().blueprint;
        let agents = &blueprint.container_instances["agents"];
        let size = (agents.count, agents.cpu, agents.memory, agents.architecture);
        assert_eq!(size, (2, 2048, 3884, InstanceArchitecture::Arm64));
        assert_eq!((agents.cluster.as_str(), agents.attributes["stage"].as_str()), ("default", "test"));
        assert_eq!(blueprint.container_instances["others"].cluster, "batch");
    }

    #[tokio::test]
    async fn registries_are_read_and_the_passwords_of_their_users_fetched() {
        let blueprint = resolve(json!({"acme": {"password": {"env": "TOKEN"}}})).await.unwrap();
        let ghcr = &blueprint.registries["ghcr.io"];
        assert_eq!(ghcr.users["acme"].password, Password::new("hunter2"));
        let tag = &ghcr.repositories["acme/api"].tags["latest"];
        assert_eq!((tag.platforms.as_slice(), tag.exits), (&["linux/arm64".to_owned()][..], Some(3)));
        assert!(!format!("{blueprint:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn passwords_that_are_not_there_are_named_all_at_once() {
        let users = json!({
            "a": {"password": {"env": "NOT_SET"}},
            "b": {"password": {"file": "/nowhere/token"}},
        });
        let failures = resolve(users).await.unwrap_err();
        insta::assert_snapshot!(failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let options = options(json!({
            "account": "12",
            "latency-ms": "slow",
            "acount": "1",
            "registries": {"ghcr.io": {
                "fault": "tired",
                "users": {"a": {}, "b": {"password": "ghp_0123456789abcdef"}, "c": {"password": {}}},
                "repositories": {"acme/api": {"visibility": "secret", "tags": {"latest": {"exits": 256}}}},
            }},
        }));
        let problems = draft(Some(&options), &AwsTarget::default()).unwrap_err();
        let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"));
        assert!(!text.concat().contains("0123456789abcdef"));
    }
}
