//! Application Auto Scaling: scalable targets of ECS services, policies and scheduled actions.

use serde_json::{Value, json};

use super::{
    Account, Answer, MOTO, Operation, Refused,
    answer::{Needed as _, refusal},
    ecs::idle_service,
};

/// The page of the user guide about target tracking.
const TRACKING: &str = "https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("application-autoscaling:RegisterScalableTarget")
            .case("a service", "1 to 4, nothing suspended", register)
            .but(&[MOTO], "1 to 4, no state", "A target is described with its SuspendedState.", api!(autoscaling "ScalableTarget"))
            .case("one bound of a target", "2 to 4", one_bound)
            .case("bounds above the count of tasks", "the service wants 2", clamp)
            .but(&[MOTO], "the service wants 0", "“It changes the resource’s current capacity to a value that is inside of this range.”", api!(autoscaling "RegisterScalableTarget"))
            .case("bounds the wrong way round", "ValidationException", wrong_bounds)
            .but(&[MOTO], "accepted", "The maximum is not below the minimum.", api!(autoscaling "RegisterScalableTarget"))
            .case("a new target without bounds", "ValidationException", no_bounds)
            .but(&[MOTO], "accepted", "“This property is required when registering a new scalable target.”", api!(autoscaling "RegisterScalableTarget"))
            .case("a service that is not there", "ValidationException", no_service)
            .case("tags of a target that is there", "ValidationException", late_tags)
            .but(&[MOTO], "accepted", "“To tag an existing scalable target, use the TagResource operation.”", api!(autoscaling "RegisterScalableTarget")),
        Operation::new("application-autoscaling:DescribeScalableTargets")
            .case("of a service without one", "none", no_targets)
            .case("of a service that is deleted", "none", of_deleted_service)
            .but(&[MOTO], "1", "AWS deregisters the target of a service that is deleted.", "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html"),
        Operation::new("application-autoscaling:DeregisterScalableTarget")
            .case("with a policy", "0 targets, 0 policies", deregister)
            .but(&[MOTO], "0 targets, 1 policies", "“Deregistering a scalable target deletes the scaling policies and the scheduled actions that are associated with it.”", api!(autoscaling "DeregisterScalableTarget"))
            .case("what is not there", "ObjectNotFoundException", deregister_absent)
            .but(&[MOTO], "ValidationException", "ObjectNotFoundException is the operation’s error for that.", api!(autoscaling "DeregisterScalableTarget")),
        Operation::new("application-autoscaling:PutScalingPolicy")
            .case("that tracks the CPU", "TargetTrackingScaling 60, 2 alarms", put_policy)
            .case("another value", "70, the same ARN", change_policy)
            .but(&[MOTO], "70, another ARN", "A policy that is updated is the same policy.", api!(autoscaling "PutScalingPolicy"))
            .case("with both kinds of metrics", "ValidationException", both_metrics)
            .but(&[MOTO], "accepted", "“You can specify either a predefined metric or a customized metric.”", api!(autoscaling "TargetTrackingScalingPolicyConfiguration"))
            .case("for a metric that has one", "ValidationException", same_metric)
            .but(&[MOTO], "accepted", "A target has one target tracking policy for a metric.", TRACKING)
            .case("of what is not registered", "ObjectNotFoundException", policy_of_absent)
            .but(&[MOTO], "accepted", "“You cannot create a scaling policy until you have registered the resource as a scalable target.”", api!(autoscaling "PutScalingPolicy")),
        Operation::new("application-autoscaling:DescribeScalingPolicies")
            .case("by name", "memory", policies_by_name)
            .but(&[MOTO], "cpu memory", "PolicyNames are “the names of the scaling policies to describe”.", api!(autoscaling "DescribeScalingPolicies")),
        Operation::new("application-autoscaling:DeleteScalingPolicy")
            .case("what is there", "gone", delete_policy)
            .case("what is not there", "ObjectNotFoundException", delete_absent_policy)
            .but(&[MOTO], "ValidationException", "ObjectNotFoundException is the operation’s error for that.", api!(autoscaling "DeleteScalingPolicy")),
        Operation::new("application-autoscaling:PutScheduledAction")
            .case("at 22 o’clock", "cron(0 22 * * ? *), 0 to 2", put_action)
            .case("a change without an end", "cron(0 22 * * ? *), no end", change_action)
            .case("a schedule of five fields", "ValidationException", bad_schedule)
            .but(&[MOTO], "accepted", "“The cron format consists of six fields.”", api!(autoscaling "PutScheduledAction"))
            .case("of what is not registered", "ObjectNotFoundException", action_of_absent)
            .but(&[MOTO], "accepted", "“You cannot create a scheduled action until you have registered the resource as a scalable target.”", api!(autoscaling "PutScheduledAction")),
        Operation::new("application-autoscaling:DescribeScheduledActions").case(
            "by name",
            "morning",
            actions_by_name,
        ),
        Operation::new("application-autoscaling:DeleteScheduledAction")
            .case("what is there", "gone", delete_action)
            .case("what is not there", "ObjectNotFoundException", delete_absent_action)
            .but(&[MOTO], "accepted", "ObjectNotFoundException is the operation’s error for that.", api!(autoscaling "DeleteScheduledAction")),
        Operation::new("application-autoscaling:TagResource")
            .case("a new tag and another value", "a=2 b=1", add_tags)
            .case("what is not there", "ResourceNotFoundException", tag_absent),
        Operation::new("application-autoscaling:UntagResource").case(
            "a tag, and one that is not there",
            "b=1",
            remove_tags,
        ),
        Operation::new("application-autoscaling:ListTagsForResource")
            .case("of a target that was registered with tags", "a=1", list_tags)
            .case("what is not there", "ResourceNotFoundException", tags_of_absent),
    ]
}

/// A service without tasks that may be a target.
struct Bench<'a> {
    a: &'a Account,
    name: String,
}

impl<'a> Bench<'a> {
    async fn new(a: &'a Account) -> Result<Self, Refused> {
        let name = a.name("scaled");
        idle_service(a, &name).await?;
        Ok(Self { a, name })
    }

    /// The same, registered with the bounds 0 and 4.
    async fn registered(a: &'a Account) -> Result<Self, Refused> {
        let bench = Self::new(a).await?;
        bench.call("RegisterScalableTarget", json!({ "MinCapacity": 0, "MaxCapacity": 4 })).await?;
        Ok(bench)
    }

    /// Calls an operation about the service.
    async fn call(&self, operation: &'static str, mut input: Value) -> Result<Value, Refused> {
        input["ServiceNamespace"] = json!("ecs");
        input["ResourceId"] = json!(format!("service/{0}/{0}", self.name));
        input["ScalableDimension"] = json!("ecs:service:DesiredCount");
        self.a.autoscaling.call(operation, input).await
    }

    async fn targets(&self) -> Result<Vec<Value>, Refused> {
        let resources = json!([format!("service/{0}/{0}", self.name)]);
        let input = json!({ "ServiceNamespace": "ecs", "ResourceIds": resources });
        let answer = self.a.autoscaling.call("DescribeScalableTargets", input).await?;
        items(&answer, "ScalableTargets")
    }

    async fn target(&self) -> Result<Value, Refused> {
        self.targets().await?.pop().needed("target")
    }

    async fn arn(&self) -> Result<String, Refused> {
        Ok(self.target().await?["ScalableTargetARN"].as_str().needed("ARN")?.to_owned())
    }

    async fn policies(&self, filter: Value) -> Result<Vec<Value>, Refused> {
        let answer = self.call("DescribeScalingPolicies", filter).await?;
        items(&answer, "ScalingPolicies")
    }

    async fn actions(&self, filter: Value) -> Result<Vec<Value>, Refused> {
        let answer = self.call("DescribeScheduledActions", filter).await?;
        items(&answer, "ScheduledActions")
    }

    /// The tags, as `key=value`.
    async fn tags(&self) -> Answer {
        let input = json!({ "ResourceARN": self.arn().await? });
        let answer = self.a.autoscaling.call("ListTagsForResource", input).await?;
        let tags = answer["Tags"].as_object().needed("tags")?;
        let tags = tags.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
        Ok(tags.collect::<Vec<_>>().join(" "))
    }
}

fn items(answer: &Value, list: &'static str) -> Result<Vec<Value>, Refused> {
    Ok(answer[list].as_array().needed(list)?.clone())
}

fn names(items: &[Value], member: &str) -> String {
    let names: Vec<_> = items.iter().filter_map(|item| item[member].as_str()).collect();
    names.join(" ")
}

fn bounds(min: u32, max: u32) -> Value {
    json!({ "MinCapacity": min, "MaxCapacity": max })
}

fn tracking(name: &str, metric: &str, value: u32) -> Value {
    json!({
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": value,
            "PredefinedMetricSpecification": { "PredefinedMetricType": metric },
        },
    })
}

fn cpu(value: u32) -> Value {
    tracking("cpu", "ECSServiceAverageCPUUtilization", value)
}

fn action(name: &str, schedule: &str) -> Value {
    json!({ "ScheduledActionName": name, "Schedule": schedule, "ScalableTargetAction": bounds(0, 2) })
}

async fn register(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    bench.call("RegisterScalableTarget", bounds(1, 4)).await?;
    let target = bench.target().await?;
    let state = match target["SuspendedState"]["ScheduledScalingSuspended"].as_bool() {
        Some(false) => "nothing suspended",
        Some(true) => "suspended",
        None => "no state",
    };
    Ok(format!("{} to {}, {state}", target["MinCapacity"], target["MaxCapacity"]))
}

async fn one_bound(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    bench.call("RegisterScalableTarget", json!({ "MinCapacity": 2 })).await?;
    let target = bench.target().await?;
    Ok(format!("{} to {}", target["MinCapacity"], target["MaxCapacity"]))
}

async fn clamp(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    bench.call("RegisterScalableTarget", bounds(2, 4)).await?;
    let described = a.ecs.describe_services().cluster(&bench.name).services(&bench.name).send().await?;
    let service = described.services.unwrap_or_default().into_iter().next().needed("service")?;
    Ok(format!("the service wants {}", service.desired_count))
}

async fn wrong_bounds(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    refusal(bench.call("RegisterScalableTarget", bounds(3, 2)).await)
}

async fn no_bounds(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    refusal(bench.call("RegisterScalableTarget", json!({})).await)
}

async fn no_service(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let input = json!({
        "ServiceNamespace": "ecs",
        "ResourceId": format!("service/{}/absent", bench.name),
        "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 0,
        "MaxCapacity": 1,
    });
    refusal(a.autoscaling.call("RegisterScalableTarget", input).await)
}

async fn late_tags(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    refusal(bench.call("RegisterScalableTarget", json!({ "Tags": { "a": "1" } })).await)
}

async fn no_targets(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    Ok(if bench.targets().await?.is_empty() { "none".to_owned() } else { "some".to_owned() })
}

async fn of_deleted_service(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    a.ecs.delete_service().cluster(&bench.name).service(&bench.name).force(true).send().await?;
    let left = bench.targets().await?.len();
    Ok(if left == 0 { "none".to_owned() } else { left.to_string() })
}

async fn deregister(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    bench.call("PutScalingPolicy", cpu(60)).await?;
    bench.call("DeregisterScalableTarget", json!({})).await?;
    let (targets, policies) = (bench.targets().await?.len(), bench.policies(json!({})).await?.len());
    Ok(format!("{targets} targets, {policies} policies"))
}

async fn deregister_absent(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    refusal(bench.call("DeregisterScalableTarget", json!({})).await)
}

async fn put_policy(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    bench.call("PutScalingPolicy", cpu(60)).await?;
    let policy = bench.policies(json!({})).await?.pop().needed("policy")?;
    let kind = policy["PolicyType"].as_str().needed("type")?;
    let alarms = policy["Alarms"].as_array().needed("alarms")?.len();
    Ok(format!("{kind} {}, {alarms} alarms", value_of(&policy)))
}

fn value_of(policy: &Value) -> f64 {
    policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"].as_f64().unwrap_or_default()
}

async fn change_policy(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    let made = bench.call("PutScalingPolicy", cpu(60)).await?;
    let changed = bench.call("PutScalingPolicy", cpu(70)).await?;
    let policy = bench.policies(json!({})).await?.pop().needed("policy")?;
    let which = if made["PolicyARN"] == changed["PolicyARN"] { "the same ARN" } else { "another ARN" };
    Ok(format!("{}, {which}", value_of(&policy)))
}

async fn both_metrics(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    let mut policy = cpu(60);
    policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"] =
        json!({ "MetricName": "m", "Namespace": "n", "Statistic": "Average" });
    refusal(bench.call("PutScalingPolicy", policy).await)
}

async fn same_metric(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    bench.call("PutScalingPolicy", cpu(60)).await?;
    let other = tracking("other", "ECSServiceAverageCPUUtilization", 60);
    refusal(bench.call("PutScalingPolicy", other).await)
}

async fn policy_of_absent(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    refusal(bench.call("PutScalingPolicy", cpu(60)).await)
}

async fn policies_by_name(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    bench.call("PutScalingPolicy", cpu(60)).await?;
    bench.call("PutScalingPolicy", tracking("memory", "ECSServiceAverageMemoryUtilization", 60)).await?;
    Ok(names(&bench.policies(json!({ "PolicyNames": ["memory"] })).await?, "PolicyName"))
}

async fn delete_policy(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    bench.call("PutScalingPolicy", cpu(60)).await?;
    bench.call("DeleteScalingPolicy", json!({ "PolicyName": "cpu" })).await?;
    let left = bench.policies(json!({})).await?;
    Ok(if left.is_empty() { "gone".to_owned() } else { names(&left, "PolicyName") })
}

async fn delete_absent_policy(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    refusal(bench.call("DeleteScalingPolicy", json!({ "PolicyName": "cpu" })).await)
}

async fn put_action(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    bench.call("PutScheduledAction", action("night", "cron(0 22 * * ? *)")).await?;
    let action = bench.actions(json!({})).await?.pop().needed("action")?;
    let (schedule, bounds) =
        (action["Schedule"].as_str().needed("schedule")?, &action["ScalableTargetAction"]);
    Ok(format!("{schedule}, {} to {}", bounds["MinCapacity"], bounds["MaxCapacity"]))
}

async fn change_action(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    let mut night = action("night", "cron(0 22 * * ? *)");
    night["EndTime"] = json!(4_102_444_800_u32);
    bench.call("PutScheduledAction", night).await?;
    let change = json!({ "ScheduledActionName": "night", "ScalableTargetAction": bounds(1, 2) });
    bench.call("PutScheduledAction", change).await?;
    let action = bench.actions(json!({})).await?.pop().needed("action")?;
    let end = if action["EndTime"].is_null() { "no end" } else { "an end" };
    Ok(format!("{}, {end}", action["Schedule"].as_str().needed("schedule")?))
}

async fn bad_schedule(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    refusal(bench.call("PutScheduledAction", action("night", "cron(0 22 * * *)")).await)
}

async fn action_of_absent(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    refusal(bench.call("PutScheduledAction", action("night", "cron(0 22 * * ? *)")).await)
}

async fn actions_by_name(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    bench.call("PutScheduledAction", action("night", "cron(0 22 * * ? *)")).await?;
    bench.call("PutScheduledAction", action("morning", "cron(0 7 * * ? *)")).await?;
    let actions = bench.actions(json!({ "ScheduledActionNames": ["morning"] })).await?;
    Ok(names(&actions, "ScheduledActionName"))
}

async fn delete_action(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    bench.call("PutScheduledAction", action("night", "cron(0 22 * * ? *)")).await?;
    bench.call("DeleteScheduledAction", json!({ "ScheduledActionName": "night" })).await?;
    let left = bench.actions(json!({})).await?;
    Ok(if left.is_empty() { "gone".to_owned() } else { names(&left, "ScheduledActionName") })
}

async fn delete_absent_action(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    refusal(bench.call("DeleteScheduledAction", json!({ "ScheduledActionName": "night" })).await)
}

/// An ARN of the same kind that is not there.
fn absent(arn: &str) -> String {
    let start = arn.rsplit_once('/').map_or(arn, |(start, _)| start);
    format!("{start}/{}", "0".repeat(36))
}

async fn add_tags(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    for tags in [json!({ "a": "1" }), json!({ "a": "2", "b": "1" })] {
        let input = json!({ "ResourceARN": bench.arn().await?, "Tags": tags });
        a.autoscaling.call("TagResource", input).await?;
    }
    bench.tags().await
}

async fn tag_absent(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    let input = json!({ "ResourceARN": absent(&bench.arn().await?), "Tags": { "a": "1" } });
    refusal(a.autoscaling.call("TagResource", input).await)
}

async fn remove_tags(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let mut input = bounds(0, 4);
    input["Tags"] = json!({ "a": "1", "b": "1" });
    bench.call("RegisterScalableTarget", input).await?;
    let input = json!({ "ResourceARN": bench.arn().await?, "TagKeys": ["a", "c"] });
    a.autoscaling.call("UntagResource", input).await?;
    bench.tags().await
}

async fn list_tags(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let mut input = bounds(0, 4);
    input["Tags"] = json!({ "a": "1" });
    bench.call("RegisterScalableTarget", input).await?;
    bench.tags().await
}

async fn tags_of_absent(a: Account) -> Answer {
    let bench = Bench::registered(&a).await?;
    let input = json!({ "ResourceARN": absent(&bench.arn().await?) });
    refusal(a.autoscaling.call("ListTagsForResource", input).await)
}
