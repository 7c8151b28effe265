//! Checks that the resources that a service refers to exist, before any change.
//!
//! Only resources that a change will use are checked: a service that runs as declared needs no check.

use futures_util::future::join_all;
use longshore_aws::{Aws, ExistingSecret, Freshness, NetworkPart};
use longshore_model::{AFTER_APPLY, Arn, ContainerSecret, Failure, FailureKind, Inputs, Name};
use longshore_plugin::Result;
use serde_json::{Map, Value};

use crate::{
    declaration::{Container, Service},
    role::name_of,
    service::Placement,
};

/// The results of the checks: failures of the configuration, and notes on resources that could not be checked.
#[derive(Default)]
struct Findings {
    failures: Vec<Failure>,
    notes: Vec<String>,
}

impl Findings {
    fn missing(&mut self, call: &str, message: String, key: &str) {
        let failure = Failure::new(FailureKind::NotFound, message).at(call);
        self.failures.push(failure.help(format!("correct `{key}`")));
    }

    /// Notes that `what` was not checked because of `failure`, such as missing permissions. ECS checks it at its use.
    fn unknown(&mut self, what: &str, failure: &Failure) -> Result<()> {
        if failure.kind == FailureKind::Interrupted {
            return Err(failure.clone());
        }
        let at = failure.at.as_deref().map(|at| format!(" ({at})")).unwrap_or_default();
        let note = format!("whether {what} exists was not checked: {}{at}", failure.message);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
        Ok(())
    }

    /// Returns the notes.
    ///
    /// # Errors
    /// If resources are missing: one failure that names all of them.
    fn result(self) -> Result<Vec<String>> {
        let mut failures = self.failures.into_iter();
        let Some(first) = failures.next() else { return Ok(self.notes) };
        Err(failures.fold(first, |mut all, failure| {
            all.message = format!("{}; {}", all.message, failure.message);
            if all.help != failure.help {
                all.help = all.help.zip(failure.help).map(|(first, second)| format!("{first}; {second}"));
            }
            all
        }))
    }
}

/// Returns a note if no container instance is registered with a cluster on whose instances tasks are to run.
///
/// # Errors
/// If the cluster cannot be read.
pub(crate) async fn instances(aws: &Aws, cluster: &str) -> Result<Option<String>> {
    let found = aws.reads().cluster(cluster, Freshness::Planned).await?;
    let count = found.map_or(0, |cluster| cluster.registered_container_instances_count);
    let name = cluster.rsplit('/').next().unwrap_or(cluster);
    let note =
        || format!("no container instance is registered with the cluster {name}: tasks start when one is");
    Ok((count <= 0).then(note))
}

/// Looks for the subnets and security groups of a service, and whether they are in one VPC. Returns notes.
///
/// # Errors
/// When one is not there, or when they are in several VPCs.
pub(crate) async fn network(
    aws: &Aws,
    name: &Name,
    placement: &Placement,
    is_default: bool,
) -> Result<Vec<String>> {
    // Those of the default VPC were just read.
    if is_default && placement.security_groups.is_empty() {
        return Ok(Vec::new());
    }
    let subnets = placement.subnets.iter().map(|id| (NetworkPart::Subnet, id));
    let groups = placement.security_groups.iter().map(|id| (NetworkPart::SecurityGroup, id));
    let parts: Vec<_> = subnets.chain(groups).filter(|(_, id)| *id != AFTER_APPLY).collect();
    let looks = parts.iter().map(|(part, id)| aws.reads().vpc_of(*part, id));
    let region = aws.region().await?;
    let mut findings = Findings::default();
    let mut vpcs: Vec<(String, &str)> = Vec::new();
    for ((part, id), found) in parts.iter().zip(join_all(looks).await) {
        let (kind, key) = match part {
            NetworkPart::Subnet => ("subnet", format!("services.{name}.network.subnets")),
            NetworkPart::SecurityGroup => {
                ("security group", format!("services.{name}.network.security-groups"))
            }
        };
        match found {
            Ok(Some(vpc)) => vpcs.push((vpc, id)),
            Ok(None) => findings.missing(part.call(), format!("there is no {kind} {id} in {region}"), &key),
            Err(failure) => findings.unknown(&format!("the {kind} {id}"), &failure)?,
        }
    }
    if let Some((first, others)) = vpcs.split_first()
        && let Some(other) = others.iter().find(|other| other.0 != first.0)
    {
        let message = format!("{} is in the VPC {}, and {} in {}", first.1, first.0, other.1, other.0);
        let failure = Failure::new(FailureKind::Invalid, message).at(NetworkPart::Subnet.call());
        findings.failures.push(failure.help(format!(
            "name subnets and security groups of one VPC in `services.{name}.network`; without subnets, the default \
             VPC's are taken"
        )));
    }
    findings.result()
}

/// Looks for the target groups that AWS's own fields of a service name. Returns notes.
///
/// # Errors
/// When one is not there.
pub(crate) async fn target_groups(
    aws: &Aws,
    name: &Name,
    service: &Map<String, Value>,
) -> Result<Vec<String>> {
    let balancers = service.get("loadBalancers").and_then(Value::as_array);
    let pointers = ["/targetGroupArn", "/advancedConfiguration/alternateTargetGroupArn"];
    let arns = balancers
        .into_iter()
        .flatten()
        .flat_map(|balancer| pointers.iter().filter_map(|pointer| balancer.pointer(pointer)?.as_str()));
    let arns: Vec<_> = arns.filter(|arn| *arn != AFTER_APPLY).collect();
    let mut findings = Findings::default();
    let looks = arns.iter().map(|arn| aws.reads().target_group(arn));
    for (arn, found) in arns.iter().zip(join_all(looks).await) {
        match found {
            Ok(Some(_)) => {}
            Ok(None) => {
                let message = format!("there is no target group {arn}");
                let key = format!("services.{name}.aws.service.loadBalancers");
                findings.missing("elasticloadbalancing:DescribeTargetHealth", message, &key);
            }
            Err(failure) => findings.unknown(&format!("the target group {arn}"), &failure)?,
        }
    }
    findings.result()
}

/// Looks for the task role and for the secrets and parameters that are only referred to. Returns notes.
///
/// # Errors
/// When one is not there.
pub(crate) async fn references(aws: &Aws, name: &Name, service: &Service) -> Result<Vec<String>> {
    let (mut findings, known) = (Findings::default(), Inputs::default());
    // A role that another step makes is there once that step has ended.
    if let Some(role) = service.task_role.as_ref().and_then(|role| role.value(&known)) {
        let call = format!("iam:GetRole {}", name_of(role));
        match aws.reads().existing_role(name_of(role)).await {
            Ok(Some(found)) if found == role || found.ends_with(&format!(":role/{role}")) => {}
            Ok(Some(found)) if !role.starts_with("arn:") => {
                let message = format!("the role {role} has a path: its ARN is {found}");
                findings.missing(&call, message, &format!("services.{name}.task-role"));
            }
            Ok(_) => {
                let message = format!("there is no role {role} in this account");
                findings.missing(&call, message, &format!("services.{name}.task-role"));
            }
            Err(failure) => findings.unknown(&format!("the role {role}"), &failure)?,
        }
    }
    let referred = referred(name, service);
    let looks = referred.iter().map(|(_, arn)| look(aws, arn));
    for ((key, arn), found) in referred.iter().zip(join_all(looks).await) {
        let is_parameter = arn.service() == "ssm";
        let call = if is_parameter { "ssm:DescribeParameters" } else { "secretsmanager:DescribeSecret" };
        match found {
            Ok(None) => {}
            Ok(Some(why)) => findings.missing(call, why, key),
            Err(failure) => findings.unknown(&arn.to_string(), &failure)?,
        }
    }
    findings.result()
}

/// The secrets and parameters that a service only refers to, with the keys of the configuration.
fn referred<'a>(name: &Name, service: &'a Service) -> Vec<(String, &'a Arn)> {
    let of_container = |(container, declared): (&'a Name, &'a Container)| {
        let is_single = service.containers.len() == 1 && container == name;
        let table = if is_single { String::new() } else { format!(".containers.{container}") };
        declared.secrets.iter().filter_map(move |(variable, secret)| match secret {
            ContainerSecret::Existing { arn, .. } => Some((format!("{table}.secrets.{variable}.arn"), arn)),
            ContainerSecret::Written { .. } => None,
        })
    };
    let all = service.containers.iter().flat_map(of_container);
    all.map(|(key, arn)| (format!("services.{name}{key}"), arn)).collect()
}

/// Looks for a secret or parameter: what is wrong with it. Those of another account or region are others' business.
async fn look(aws: &Aws, arn: &Arn) -> Result<Option<String>> {
    let (identity, region) = (aws.identity().await?, aws.region().await?);
    if arn.account() != identity.account || arn.region() != region {
        return Ok(None);
    }
    if let Some(parameter) = arn.resource().strip_prefix("parameter/") {
        let is_there = aws.reads().has_parameter(parameter).await?;
        return Ok((!is_there).then(|| format!("there is no parameter {arn}")));
    }
    // Behind the name may stand a key of the JSON, a stage and a version, as ECS has it.
    let parts: Vec<_> = arn.as_str().split(':').collect();
    let part = |index: usize| parts.get(index).copied().filter(|part| !part.is_empty());
    let secret = parts.iter().take(7).copied().collect::<Vec<_>>().join(":");
    Ok(match aws.reads().existing_secret(&secret).await? {
        Some(found) => unreadable(&found, part(8), part(9)).map(|why| format!("the secret {secret} {why}")),
        None => Some(format!("there is no secret {secret}")),
    })
}

/// Returns the reason why a task cannot read the secret's version with this stage or id, or `None` if it can.
fn unreadable(secret: &ExistingSecret, stage: Option<&str>, version: Option<&str>) -> Option<String> {
    if secret.is_deleted {
        return Some("is scheduled for deletion".to_owned());
    }
    if let Some(version) = version {
        let is_there = secret.versions.iter().any(|(id, _)| id == version);
        return (!is_there).then(|| format!("has no version {version}"));
    }
    let stage = stage.unwrap_or("AWSCURRENT");
    let has_stage = secret.versions.iter().any(|(_, stages)| stages.iter().any(|found| found == stage));
    (!has_stage).then(|| format!("has no version with the stage {stage}"))
}
