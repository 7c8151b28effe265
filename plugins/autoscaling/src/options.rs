//! The options.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use longshore_aws::fields::{Owned, table};
use longshore_aws_shapes::{Model, Shape};
use longshore_model::{Fields, Name, Problem, Reference, Text};
use serde_json::{Map, Value, json};

use crate::api::{Kind, POLICIES};

/// Begins the names of the policies and scheduled actions that steps make.
pub(crate) const PREFIX: &str = "longshore-";

/// The longest name of a policy and of a scheduled action.
const LONGEST_NAME: usize = 256;

/// Members that Longshore sets itself.
const IDENTITY: &Owned = &[
    ("ResourceId", "set `service` of the step"),
    ("ScalableDimension", "it is the count of the service"),
    ("ServiceNamespace", "it is `ecs`"),
];
const OF_TARGETS: &Owned = &[
    IDENTITY[0],
    IDENTITY[1],
    IDENTITY[2],
    ("MaxCapacity", "set `max` of the step"),
    ("MinCapacity", "set `min` of the step"),
    ("RoleARN", "remove it: for ECS, AWS takes its own service-linked role"),
    ("Tags", "set `tags` of the stack"),
];

/// The options of a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) service: Name,
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// The time for which the step waits until the service has a count within the bounds.
    pub(crate) timeout: Duration,
    /// Further members of RegisterScalableTarget.
    pub(crate) target: Map<String, Value>,
    /// The policies by the names that the configuration gives them.
    pub(crate) policies: BTreeMap<String, Policy>,
    /// The inputs of PutScheduledAction, by the names that the configuration gives them.
    pub(crate) actions: BTreeMap<String, Value>,
}

/// The time that a service has to scale into the bounds, if the configuration gives none.
const TIMEOUT: Duration = Duration::from_secs(900);

/// A declared scaling policy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    /// The input of PutScalingPolicy.
    pub(crate) input: Value,
    /// The target group whose requests the policy tracks: AWS takes a label made of two ARNs.
    pub(crate) target_group: Option<Text>,
}

/// The input of an operation.
pub(crate) fn shape(operation: &str) -> Shape<'static> {
    let shape = Model::application_autoscaling().input(operation);
    shape.unwrap_or_else(|| unreachable!("the model has {operation}"))
}

impl Options {
    pub(crate) fn read(options: &longshore_model::Options) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let service = service(fields);
            let (min, max) = (bound(fields, "min", 0), bound(fields, "max", 1));
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                fields.problem(
                    "max",
                    format!("found the number {max}"),
                    format!("must be at least `min`, {min}"),
                );
            }
            let timeout = fields.time("timeout").unwrap_or(TIMEOUT);
            let mut policies = BTreeMap::new();
            for (word, metric) in
                [("cpu", "ECSServiceAverageCPUUtilization"), ("memory", "ECSServiceAverageMemoryUtilization")]
            {
                policies.extend(
                    fields.positive(word).map(|value| (word.to_owned(), tracking(word, metric, value, None))),
                );
            }
            policies.extend(requests(fields));
            let words: Vec<String> = policies.keys().cloned().collect();
            let read = fields.table("aws", |aws| {
                let target = table(aws, "target", shape("RegisterScalableTarget"), OF_TARGETS);
                let declared = named(aws, "policies", "PutScalingPolicy", "PolicyName");
                for word in words.iter().filter(|word| declared.contains_key(*word)) {
                    let help = format!("remove it, or `{word}` of the step");
                    aws.problem_below(&["policies", word], format!("is set by `{word}` already"), help);
                }
                let actions = named(aws, "scheduled-actions", "PutScheduledAction", "ScheduledActionName");
                Some((target, declared, actions))
            });
            let (target, declared, actions) = read.unwrap_or_default();
            let policy = |input: Value| Policy { input, target_group: None };
            policies.extend(declared.into_iter().map(|(name, input)| (name, policy(input))));
            let target = target.and_then(|target| target.as_object().cloned()).unwrap_or_default();
            Some(Self { service: service?, min: min?, max: max?, timeout, target, policies, actions })
        })
    }

    /// AWS's names of the declared items of a kind.
    pub(crate) fn names(&self, kind: Kind) -> BTreeSet<&str> {
        let policies = self.policies.values().map(|policy| &policy.input);
        let inputs: Vec<_> =
            if kind == POLICIES { policies.collect() } else { self.actions.values().collect() };
        inputs.into_iter().map(|input| kind.name_of(input)).collect()
    }

    /// The references of the options.
    pub(crate) fn references(&self) -> Vec<Reference> {
        let inputs = self.policies.values().map(|policy| &policy.input).chain(self.actions.values());
        let tables = inputs.filter_map(Value::as_object).chain([&self.target]);
        let below = tables.flat_map(|table| Reference::all_in("", table)).map(|(_, reference)| reference);
        let groups =
            self.policies.values().filter_map(|policy| policy.target_group.as_ref()?.reference().cloned());
        below.chain(groups).collect()
    }
}

fn service(fields: &mut Fields<'_>) -> Option<Name> {
    let service = fields.required_text("service", "\"web\"")?;
    let name = Name::new(service).ok();
    if name.is_none() {
        fields.refuse("service", "the name of a service");
    }
    name
}

fn bound(fields: &mut Fields<'_>, field: &str, least: u32) -> Option<u32> {
    if !fields.has(field) {
        fields.skip(field);
        fields.problem(field, "is missing", "set it to a number of tasks, such as 2");
        return None;
    }
    fields.number(field, least..=u32::MAX)
}

fn tracking(word: &str, metric: &str, value: f64, target_group: Option<Text>) -> Policy {
    let input = json!({
        "PolicyName": format!("{PREFIX}{word}"),
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": value,
            "PredefinedMetricSpecification": { "PredefinedMetricType": metric },
        },
    });
    Policy { input, target_group }
}

fn requests(fields: &mut Fields<'_>) -> Option<(String, Policy)> {
    const WORD: &str = "requests-per-target";
    fields.table(WORD, |fields| {
        let value = fields.positive("value");
        if !fields.has("value") {
            fields.problem("value", "is missing", "set it to the requests a minute that a task should get");
        }
        let group = fields.text_or_reference("target-group-arn");
        if !fields.has("target-group-arn") {
            let help =
                "refer to the target group, such as { from = \"steps.web\", output = \"target-group-arn\" }";
            fields.problem("target-group-arn", "is missing", help);
        }
        Some((WORD.to_owned(), tracking(WORD, "ALBRequestCountPerTarget", value?, Some(group?))))
    })
}

/// Reads the tables in `field`, each one the input of `operation`. Its name is the member `member`, which may be set, too.
fn named(aws: &mut Fields<'_>, field: &str, operation: &str, member: &str) -> BTreeMap<String, Value> {
    let read = aws.table(field, |fields| {
        let mut read = BTreeMap::new();
        for name in fields.names() {
            let Some(Value::Object(mut input)) = table(fields, &name, shape(operation), IDENTITY) else {
                continue;
            };
            input.entry(member).or_insert_with(|| json!(format!("{PREFIX}{name}")));
            if name.len() + PREFIX.len() > LONGEST_NAME {
                fields.problem(&name, "is too long", "must be a name of at most 246 characters");
            }
            let missing = match operation {
                "PutScalingPolicy" => complete(&mut input),
                _ => ["Schedule", "ScalableTargetAction"]
                    .into_iter()
                    .find(|member| !input.contains_key(*member)),
            };
            let input = Value::Object(input);
            let findings = shape(operation).missing(&input).into_iter().map(|finding| finding.path);
            let missing = findings.chain(missing.map(|member| vec![member.to_owned()]));
            for path in missing.filter(|path| !is_identity(path)) {
                let path: Vec<_> = [&name].into_iter().chain(&path).map(String::as_str).collect();
                fields.problem_below(&path, "is missing", "AWS requires it");
            }
            read.insert(name, input);
        }
        Some(read)
    });
    read.unwrap_or_default()
}

/// Returns true for a member that Longshore adds.
fn is_identity(path: &[String]) -> bool {
    path.len() == 1 && IDENTITY.iter().any(|(member, _)| path[0] == *member)
}

/// Adds the type of a policy, which follows from the member that configures it. Returns the member that is missing.
fn complete(input: &mut Map<String, Value>) -> Option<&'static str> {
    let configured = input.keys().find_map(|member| member.strip_suffix("PolicyConfiguration"));
    let Some(kind) = configured.map(str::to_owned) else {
        return Some("TargetTrackingScalingPolicyConfiguration");
    };
    input.entry("PolicyType").or_insert(json!(kind));
    None
}
