//! Elastic Load Balancing: target groups, rules, listeners and load balancers.

use longshore_aws::untyped::Element;
use serde_json::{Value, json};

use super::{
    Account, Answer, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("elasticloadbalancing:CreateTargetGroup")
            .case("what it gets by default", "ip, / 200 traffic-port, 30 5 5 2", defaults)
            .case("the same once more", "the same ARN", again)
            .but(&[MOTO], "elasticloadbalancing:CreateTargetGroup is refused: DuplicateTargetGroupName", "The operation is idempotent: “if you attempt to create multiple target groups with the same settings, each call succeeds”.", api!(elasticloadbalancing "CreateTargetGroup"))
            .case("the same name with other settings", "DuplicateTargetGroupName", duplicate)
            .case("a name of 33 characters", "ValidationError", long_name)
            .case("a name with an underscore", "ValidationError", bad_name)
            .case("a VPC that is not there", "ValidationError", bad_vpc),
        Operation::new("elasticloadbalancing:DescribeTargetGroups")
            .case("by name and by ARN", "the same, without load balancers", describe_groups)
            .case("a name that is not there", "TargetGroupNotFound", no_group_name)
            .case("an ARN that is not there", "TargetGroupNotFound", no_group_arn),
        Operation::new("elasticloadbalancing:ModifyTargetGroup")
            .case("path and matcher", "/up 200-299, 30 5 5 2", modify_group)
            .case("a time-out as long as the interval", "ValidationError", bad_timeout)
            .but(&[MOTO], "accepted", "The time-out has to be shorter than the interval.", api!(elasticloadbalancing "ModifyTargetGroup"))
            .case("what is not there", "TargetGroupNotFound", modify_absent_group),
        Operation::new("elasticloadbalancing:DeleteTargetGroup")
            .case("what a rule forwards to", "ResourceInUse", delete_used_group)
            .case("what is not there", "accepted", delete_absent_group)
            .but(&[MOTO], "TargetGroupNotFound", "ResourceInUse is the operation’s only error.", api!(elasticloadbalancing "DeleteTargetGroup")),
        Operation::new("elasticloadbalancing:DescribeTargetGroupAttributes")
            .case("the delay of deregistrations by default", "300", attributes),
        Operation::new("elasticloadbalancing:ModifyTargetGroupAttributes")
            .case("the delay of deregistrations", "15", modify_attributes)
            .case("a key that is not known", "ValidationError", bad_attribute)
            .but(&[MOTO], "accepted", "Attributes have the names that are listed.", api!(elasticloadbalancing "TargetGroupAttribute")),
        Operation::new("elasticloadbalancing:CreateLoadBalancer")
            .case("in two zones", "application, internet-facing, 2 zones, with a security group", balancer)
            .but(&[MOTO], "application, none, 2 zones, without a security group", "“The default is an Internet-facing load balancer.” Without a security group it gets the VPC’s default one.", api!(elasticloadbalancing "CreateLoadBalancer"))
            .case("in one zone", "ValidationError", one_zone)
            .but(&[MOTO], "accepted", "“You must specify subnets from at least two Availability Zones.”", api!(elasticloadbalancing "CreateLoadBalancer"))
            .case("a subnet that is not there", "SubnetNotFound", no_subnet)
            .but(&[MOTO], "InvalidSubnetID.NotFound", "SubnetNotFound is the operation’s error for that. moto passes that of EC2 on.", api!(elasticloadbalancing "CreateLoadBalancer"))
            .case("the same name with other settings", "DuplicateLoadBalancerName", duplicate_balancer)
            .but(&[MOTO], "accepted", "DuplicateLoadBalancerName: “a load balancer with the specified name already exists”.", api!(elasticloadbalancing "CreateLoadBalancer")),
        Operation::new("elasticloadbalancing:DescribeLoadBalancers").case(
            "a name that is not there",
            "LoadBalancerNotFound",
            no_balancer,
        ),
        Operation::new("elasticloadbalancing:DeleteLoadBalancer").case(
            "its listeners",
            "go with it: ListenerNotFound",
            delete_balancer,
        ),
        Operation::new("elasticloadbalancing:DescribeLoadBalancerAttributes")
            .case("idle time-out and protection by default", "60 false", balancer_attributes)
            .but(&[MOTO], "none false", "“The default is 60 seconds.”", api!(elasticloadbalancing "LoadBalancerAttribute"))
            .case("what is not there", "LoadBalancerNotFound", attributes_of_absent_balancer),
        Operation::new("elasticloadbalancing:ModifyLoadBalancerAttributes")
            .case("the idle time-out", "30 false", modify_balancer)
            .case("a time-out beyond the longest", "ValidationError", bad_idle_timeout)
            .but(&[MOTO], "accepted", "“The valid range is 1-4000 seconds.”", api!(elasticloadbalancing "LoadBalancerAttribute"))
            .case("a key that is not known", "ValidationError", bad_balancer_attribute)
            .but(&[MOTO], "InvalidConfigurationRequest", "A key that no load balancer has is not recognized; InvalidConfigurationRequest is for those of other types.", api!(elasticloadbalancing "ModifyLoadBalancerAttributes"))
            .case("protection, and then deleting it", "OperationNotPermitted", delete_protected_balancer)
            .but(&[MOTO], "accepted", "“You can’t delete a load balancer if deletion protection is enabled.”", api!(elasticloadbalancing "DeleteLoadBalancer")),
        Operation::new("elasticloadbalancing:SetSubnets").case("a third zone", "3 zones", set_subnets),
        Operation::new("elasticloadbalancing:SetSecurityGroups")
            .case("a new group", "in it", set_security_groups)
            .case("a group that is not there", "InvalidSecurityGroup", set_absent_group),
        Operation::new("elasticloadbalancing:CreateListener")
            .case("with a fixed answer", "80 HTTP fixed-response", listener)
            .case("a port that is taken", "DuplicateListener", duplicate_listener)
            .but(&[MOTO], "accepted", "DuplicateListener: “a listener with the specified port already exists”.", api!(elasticloadbalancing "CreateListener"))
            .case("HTTPS without a certificate", "ValidationError", no_certificate)
            .but(&[MOTO], "accepted", "An HTTPS listener needs a default certificate.", api!(elasticloadbalancing "CreateListener"))
            .case("of a load balancer that is not there", "LoadBalancerNotFound", listener_of_absent),
        Operation::new("elasticloadbalancing:DescribeListeners").case(
            "what is not there",
            "ListenerNotFound",
            no_listener,
        ),
        Operation::new("elasticloadbalancing:ModifyListener").case(
            "its answer",
            "404 to 503",
            modify_listener,
        ),
        Operation::new("elasticloadbalancing:DeleteListener")
            .case("what is there", "gone: ListenerNotFound", delete_listener)
            .case("what is not there", "ListenerNotFound", delete_absent_listener),
        Operation::new("elasticloadbalancing:CreateRule")
            .case("by host and path", "10 host-header=a.example path-pattern=/b/* forward", rule)
            .case("a priority that is taken", "PriorityInUse", taken_priority)
            .case("a priority beyond the last", "ValidationError", bad_priority)
            .but(&[MOTO], "accepted", "Priority is 50000 at most.", api!(elasticloadbalancing "CreateRule"))
            .case("a target group that is not there", "TargetGroupNotFound", rule_to_absent)
            .case("a field that is not known", "ValidationError", bad_field),
        Operation::new("elasticloadbalancing:DescribeRules")
            .case("of a listener", "10 default", rules)
            .case("what is not there", "RuleNotFound", no_rule),
        Operation::new("elasticloadbalancing:ModifyRule")
            .case("its conditions", "10 path-pattern=/c forward", modify_rule)
            .case("the default one", "OperationNotPermitted", modify_default)
            .but(&[MOTO], "accepted", "The operation has the error OperationNotPermitted for that.", api!(elasticloadbalancing "ModifyRule")),
        Operation::new("elasticloadbalancing:SetRulePriorities")
            .case("two at once", "swapped", swap)
            .but(&[MOTO], "elasticloadbalancing:SetRulePriorities is refused: PriorityInUse", "“You can reorder the rules as long as there are no priority conflicts in the new order.”", api!(elasticloadbalancing "SetRulePriorities"))
            .case("one that is taken", "PriorityInUse", set_taken),
        Operation::new("elasticloadbalancing:DeleteRule")
            .case("what is there", "gone: RuleNotFound", delete_rule)
            .but(&[MOTO], "gone: accepted", "The operation has the error RuleNotFound.", api!(elasticloadbalancing "DeleteRule"))
            .case("the default one", "OperationNotPermitted", delete_default)
            .but(&[MOTO], "elasticloadbalancing:DeleteRule is refused: HTTP 500", "“You can’t delete the default rule.” moto breaks.", api!(elasticloadbalancing "DeleteRule")),
        Operation::new("elasticloadbalancing:RegisterTargets").case(
            "an address, before the group is in use",
            "unused, Target.NotInUse",
            unused_target,
        )
        .but(
            &[MOTO],
            "healthy, none",
            "Target.NotInUse: “the target group is not used by any load balancer”. moto has no health checks.",
            api!(elasticloadbalancing "TargetHealth"),
        ),
        Operation::new("elasticloadbalancing:DeregisterTargets").case(
            "one that is not registered",
            "accepted",
            deregister_absent,
        )
        .but(
            &[MOTO],
            "InvalidTarget",
            "“If the specified target does not exist, the action returns successfully.”",
            api!(elasticloadbalancing "DeregisterTargets"),
        ),
        Operation::new("elasticloadbalancing:DescribeTargetHealth")
            .case("of a group without targets", "none", no_targets)
            .case("of a group that is not there", "TargetGroupNotFound", health_of_absent),
        Operation::new("elasticloadbalancing:AddTags")
            .case("a new tag and another value", "a=2 b=1", add_tags)
            .case("what is not there", "TargetGroupNotFound", tag_absent),
        Operation::new("elasticloadbalancing:RemoveTags").case(
            "a tag, and one that is not there",
            "b=1",
            remove_tags,
        ),
        Operation::new("elasticloadbalancing:DescribeTags")
            .case("of a rule", "a=1", tags_of_rule)
            .case("what is not there", "TargetGroupNotFound", tags_absent)
            .but(&[MOTO], "accepted", "The operation has the error TargetGroupNotFound.", api!(elasticloadbalancing "DescribeTags")),
    ]
}

/// A network, and what the case has made in it, to be removed in the end.
struct Bench<'a> {
    a: &'a Account,
    vpc: String,
    subnets: Vec<String>,
}

impl<'a> Bench<'a> {
    async fn new(a: &'a Account) -> Result<Self, Refused> {
        let filter = json!({ "Filter": [{ "Name": "default-for-az", "Value": ["true"] }] });
        let subnets = a.ec2.call("DescribeSubnets", filter).await?;
        let subnets: Vec<&Element> = subnets.items("subnetSet").collect();
        let vpc = subnets.first().and_then(|subnet| subnet.text_of("vpcId")).needed("subnet")?;
        let ids = subnets.iter().filter_map(|subnet| subnet.text_of("subnetId"));
        Ok(Self { a, vpc: vpc.to_owned(), subnets: ids.map(str::to_owned).collect() })
    }

    /// Calls an operation and returns the first item of a list in its answer.
    async fn first(
        &self,
        operation: &'static str,
        input: Value,
        list: &'static str,
    ) -> Result<Element, Refused> {
        let answer = self.a.elbv2.call(operation, input).await?;
        answer.items(list).next().cloned().needed(list)
    }

    fn group_input(&self) -> Value {
        json!({
            "Name": self.a.name("tg"),
            "Protocol": "HTTP",
            "Port": 80,
            "TargetType": "ip",
            "VpcId": self.vpc,
        })
    }

    async fn group(&self) -> Result<String, Refused> {
        let group = self.first("CreateTargetGroup", self.group_input(), "TargetGroups").await?;
        Ok(group.text_of("TargetGroupArn").needed("ARN")?.to_owned())
    }

    fn balancer_input(&self) -> Value {
        json!({ "Name": self.a.name("lb"), "Subnets": self.subnets.iter().take(2).collect::<Vec<_>>() })
    }

    async fn balancer(&self) -> Result<String, Refused> {
        let balancer = self.first("CreateLoadBalancer", self.balancer_input(), "LoadBalancers").await?;
        Ok(balancer.text_of("LoadBalancerArn").needed("ARN")?.to_owned())
    }

    async fn listener(&self, balancer: &str) -> Result<String, Refused> {
        let listener = self.first("CreateListener", listener_input(balancer), "Listeners").await?;
        Ok(listener.text_of("ListenerArn").needed("ARN")?.to_owned())
    }

    async fn rule(&self, listener: &str, group: &str, priority: u32) -> Result<String, Refused> {
        let rule = self.first("CreateRule", rule_input(listener, group, priority), "Rules").await?;
        Ok(rule.text_of("RuleArn").needed("ARN")?.to_owned())
    }

    /// A load balancer with a listener, and a target group that nothing forwards to.
    async fn all(&self) -> Result<Made, Refused> {
        let balancer = self.balancer().await?;
        let listener = self.listener(&balancer).await?;
        Ok(Made { balancer, listener, group: self.group().await? })
    }

    async fn remove(&self, made: Made) -> Result<(), Refused> {
        self.remove_balancer(&made.balancer).await?;
        self.remove_group(&made.group).await
    }

    async fn remove_balancer(&self, balancer: &str) -> Result<(), Refused> {
        self.a.elbv2.call("DeleteLoadBalancer", json!({ "LoadBalancerArn": balancer })).await?;
        Ok(())
    }

    async fn remove_group(&self, group: &str) -> Result<(), Refused> {
        self.a.elbv2.call("DeleteTargetGroup", json!({ "TargetGroupArn": group })).await?;
        Ok(())
    }

    async fn default_rule(&self, listener: &str) -> Result<String, Refused> {
        let rules = self.a.elbv2.call("DescribeRules", json!({ "ListenerArn": listener })).await?;
        let rule = rules.items("Rules").find(|rule| rule.text_of("Priority") == Some("default"));
        Ok(rule.and_then(|rule| rule.text_of("RuleArn")).needed("default rule")?.to_owned())
    }
}

struct Made {
    balancer: String,
    listener: String,
    group: String,
}

fn listener_input(balancer: &str) -> Value {
    json!({
        "LoadBalancerArn": balancer,
        "Protocol": "HTTP",
        "Port": 80,
        "DefaultActions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }],
    })
}

fn rule_input(listener: &str, group: &str, priority: u32) -> Value {
    json!({
        "ListenerArn": listener,
        "Priority": priority,
        "Conditions": [
            { "Field": "host-header", "HostHeaderConfig": { "Values": ["a.example"] } },
            { "Field": "path-pattern", "PathPatternConfig": { "Values": ["/b/*"] } },
        ],
        "Actions": [{ "Type": "forward", "TargetGroupArn": group }],
    })
}

/// An ARN of the same kind that is not there.
fn absent(arn: &str) -> String {
    let (rest, id) = arn.rsplit_once('/').unwrap_or((arn, ""));
    format!("{rest}/{}", "0".repeat(id.len().max(16)))
}

fn check(group: &Element) -> String {
    let text = |name: &str| group.text_of(name).unwrap_or("none").to_owned();
    let matcher = group.child("Matcher").and_then(|matcher| matcher.text_of("HttpCode"));
    format!(
        "{} {} {} {} {} {}",
        text("HealthCheckPath"),
        matcher.unwrap_or("none"),
        text("HealthCheckIntervalSeconds"),
        text("HealthCheckTimeoutSeconds"),
        text("HealthyThresholdCount"),
        text("UnhealthyThresholdCount"),
    )
}

async fn defaults(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let group = bench.first("CreateTargetGroup", bench.group_input(), "TargetGroups").await?;
    bench.remove_group(group.text_of("TargetGroupArn").needed("ARN")?).await?;
    let text = |name: &str| group.text_of(name).unwrap_or("none").to_owned();
    let check = check(&group);
    let (path, rest) = check.split_once(' ').unwrap_or_default();
    let (matcher, numbers) = rest.split_once(' ').unwrap_or_default();
    Ok(format!("{}, {path} {matcher} {}, {numbers}", text("TargetType"), text("HealthCheckPort")))
}

async fn again(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let (first, second) = (bench.group().await?, bench.group().await);
    bench.remove_group(&first).await?;
    Ok(either(second? == first, "the same ARN", "another ARN"))
}

async fn duplicate(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let group = bench.group().await?;
    let mut input = bench.group_input();
    input["Port"] = json!(81);
    let answer = refusal(bench.first("CreateTargetGroup", input, "TargetGroups").await);
    bench.remove_group(&group).await?;
    answer
}

/// The answer to a group with another member.
async fn refused_group(a: &Account, member: &str, value: Value) -> Answer {
    let bench = Bench::new(a).await?;
    let mut input = bench.group_input();
    input[member] = value;
    match bench.first("CreateTargetGroup", input, "TargetGroups").await {
        Ok(group) => {
            bench.remove_group(group.text_of("TargetGroupArn").needed("ARN")?).await?;
            Ok("accepted".to_owned())
        }
        refused => refusal(refused),
    }
}

async fn long_name(a: Account) -> Answer {
    refused_group(&a, "Name", json!("a".repeat(33))).await
}

async fn bad_name(a: Account) -> Answer {
    refused_group(&a, "Name", json!("web_1")).await
}

async fn bad_vpc(a: Account) -> Answer {
    refused_group(&a, "VpcId", json!("vpc-0123456789abcdef0")).await
}

async fn describe_groups(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let arn = bench.group().await?;
    let by_name =
        bench.first("DescribeTargetGroups", json!({ "Names": [a.name("tg")] }), "TargetGroups").await?;
    let by_arn =
        bench.first("DescribeTargetGroups", json!({ "TargetGroupArns": [arn] }), "TargetGroups").await?;
    bench.remove_group(&arn).await?;
    Ok(format!(
        "{}, {}",
        either(by_name == by_arn, "the same", "different"),
        either(
            by_arn.items("LoadBalancerArns").next().is_none(),
            "without load balancers",
            "with load balancers"
        ),
    ))
}

async fn no_group_name(a: Account) -> Answer {
    refusal(a.elbv2.call("DescribeTargetGroups", json!({ "Names": [a.name("none")] })).await)
}

/// The ARN of a group that was there.
async fn absent_group(a: &Account) -> Result<String, Refused> {
    let bench = Bench::new(a).await?;
    let arn = bench.group().await?;
    bench.remove_group(&arn).await?;
    Ok(arn)
}

async fn no_group_arn(a: Account) -> Answer {
    let arn = absent_group(&a).await?;
    refusal(a.elbv2.call("DescribeTargetGroups", json!({ "TargetGroupArns": [arn] })).await)
}

async fn modify_group(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let arn = bench.group().await?;
    let input =
        json!({ "TargetGroupArn": arn, "HealthCheckPath": "/up", "Matcher": { "HttpCode": "200-299" } });
    let group = bench.first("ModifyTargetGroup", input, "TargetGroups").await?;
    bench.remove_group(&arn).await?;
    let check = check(&group);
    let (path, rest) = check.split_once(' ').unwrap_or_default();
    let (matcher, numbers) = rest.split_once(' ').unwrap_or_default();
    Ok(format!("{path} {matcher}, {numbers}"))
}

async fn bad_timeout(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let arn = bench.group().await?;
    let input = json!({ "TargetGroupArn": arn, "HealthCheckTimeoutSeconds": 30 });
    let answer = refusal(a.elbv2.call("ModifyTargetGroup", input).await);
    bench.remove_group(&arn).await?;
    answer
}

async fn modify_absent_group(a: Account) -> Answer {
    let input = json!({ "TargetGroupArn": absent_group(&a).await?, "HealthCheckPath": "/up" });
    refusal(a.elbv2.call("ModifyTargetGroup", input).await)
}

async fn delete_used_group(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    bench.rule(&made.listener, &made.group, 10).await?;
    let answer = refusal(a.elbv2.call("DeleteTargetGroup", json!({ "TargetGroupArn": made.group })).await);
    bench.remove(made).await?;
    answer
}

async fn delete_absent_group(a: Account) -> Answer {
    let arn = absent_group(&a).await?;
    refusal(a.elbv2.call("DeleteTargetGroup", json!({ "TargetGroupArn": arn })).await)
}

const DELAY: &str = "deregistration_delay.timeout_seconds";

async fn delay(a: &Account, group: &str) -> Answer {
    let input = json!({ "TargetGroupArn": group });
    let attributes = a.elbv2.call("DescribeTargetGroupAttributes", input).await?;
    let attribute = attributes.items("Attributes").find(|one| one.text_of("Key") == Some(DELAY));
    Ok(attribute.and_then(|attribute| attribute.text_of("Value")).needed("delay")?.to_owned())
}

async fn attributes(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let arn = bench.group().await?;
    let answer = delay(&a, &arn).await;
    bench.remove_group(&arn).await?;
    answer
}

async fn set_attribute(a: &Account, group: &str, key: &str, value: &str) -> Result<Element, Refused> {
    let input = json!({ "TargetGroupArn": group, "Attributes": [{ "Key": key, "Value": value }] });
    a.elbv2.call("ModifyTargetGroupAttributes", input).await
}

async fn modify_attributes(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let arn = bench.group().await?;
    set_attribute(&a, &arn, DELAY, "15").await?;
    let answer = delay(&a, &arn).await;
    bench.remove_group(&arn).await?;
    answer
}

async fn bad_attribute(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let arn = bench.group().await?;
    let answer = refusal(set_attribute(&a, &arn, "colour", "red").await);
    bench.remove_group(&arn).await?;
    answer
}

async fn balancer(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let balancer = bench.first("CreateLoadBalancer", bench.balancer_input(), "LoadBalancers").await?;
    bench.remove_balancer(balancer.text_of("LoadBalancerArn").needed("ARN")?).await?;
    let text = |name: &str| balancer.text_of(name).unwrap_or("none").to_owned();
    let has_group = balancer.items("SecurityGroups").next().is_some();
    Ok(format!(
        "{}, {}, {} zones, {}",
        text("Type"),
        text("Scheme"),
        balancer.items("AvailabilityZones").count(),
        either(has_group, "with a security group", "without a security group"),
    ))
}

/// The answer to a load balancer in other subnets.
async fn refused_balancer(a: &Account, subnets: &[&str]) -> Answer {
    let bench = Bench::new(a).await?;
    let input = json!({ "Name": a.name("lb"), "Subnets": subnets });
    match bench.first("CreateLoadBalancer", input, "LoadBalancers").await {
        Ok(made) => {
            bench.remove_balancer(made.text_of("LoadBalancerArn").needed("ARN")?).await?;
            Ok("accepted".to_owned())
        }
        refused => refusal(refused),
    }
}

async fn one_zone(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let first = bench.subnets.first().needed("subnet")?;
    refused_balancer(&a, &[first]).await
}

async fn no_subnet(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let first = bench.subnets.first().needed("subnet")?;
    refused_balancer(&a, &[first, "subnet-0123456789abcdef0"]).await
}

async fn duplicate_balancer(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let arn = bench.balancer().await?;
    let mut input = bench.balancer_input();
    input["Scheme"] = json!("internal");
    let answer = refusal(bench.first("CreateLoadBalancer", input, "LoadBalancers").await);
    bench.remove_balancer(&arn).await?;
    answer
}

async fn no_balancer(a: Account) -> Answer {
    refusal(a.elbv2.call("DescribeLoadBalancers", json!({ "Names": [a.name("none")] })).await)
}

/// Makes a load balancer, does something with it, and deletes it.
async fn with_balancer<F>(a: &Account, act: impl FnOnce(String) -> F) -> Answer
where
    F: Future<Output = Answer>,
{
    let bench = Bench::new(a).await?;
    let balancer = bench.balancer().await?;
    let answer = act(balancer.clone()).await;
    let removed = bench.remove_balancer(&balancer).await;
    let answer = answer?;
    removed?;
    Ok(answer)
}

/// Idle time-out and protection.
async fn shown_attributes(a: &Account, balancer: &str) -> Answer {
    let input = json!({ "LoadBalancerArn": balancer });
    let answer = a.elbv2.call("DescribeLoadBalancerAttributes", input).await?;
    let value = |key: &str| {
        let attribute = answer.items("Attributes").find(|one| one.text_of("Key") == Some(key));
        attribute.and_then(|one| one.text_of("Value")).unwrap_or("none").to_owned()
    };
    Ok(format!("{} {}", value("idle_timeout.timeout_seconds"), value("deletion_protection.enabled")))
}

async fn set_balancer_attribute(
    a: &Account,
    balancer: &str,
    key: &str,
    value: &str,
) -> Result<Element, Refused> {
    let input = json!({ "LoadBalancerArn": balancer, "Attributes": [{ "Key": key, "Value": value }] });
    a.elbv2.call("ModifyLoadBalancerAttributes", input).await
}

async fn balancer_attributes(a: Account) -> Answer {
    with_balancer(&a, async |balancer| shown_attributes(&a, &balancer).await).await
}

async fn attributes_of_absent_balancer(a: Account) -> Answer {
    with_balancer(&a, async |balancer| {
        let input = json!({ "LoadBalancerArn": absent(&balancer) });
        refusal(a.elbv2.call("DescribeLoadBalancerAttributes", input).await)
    })
    .await
}

async fn modify_balancer(a: Account) -> Answer {
    with_balancer(&a, async |balancer| {
        set_balancer_attribute(&a, &balancer, "idle_timeout.timeout_seconds", "30").await?;
        shown_attributes(&a, &balancer).await
    })
    .await
}

async fn bad_idle_timeout(a: Account) -> Answer {
    with_balancer(&a, async |balancer| {
        refusal(set_balancer_attribute(&a, &balancer, "idle_timeout.timeout_seconds", "4001").await)
    })
    .await
}

async fn bad_balancer_attribute(a: Account) -> Answer {
    with_balancer(&a, async |balancer| refusal(set_balancer_attribute(&a, &balancer, "colour", "red").await))
        .await
}

async fn delete_protected_balancer(a: Account) -> Answer {
    const KEY: &str = "deletion_protection.enabled";
    with_balancer(&a, async |balancer| {
        set_balancer_attribute(&a, &balancer, KEY, "true").await?;
        let input = json!({ "LoadBalancerArn": balancer });
        let answer = refusal(a.elbv2.call("DeleteLoadBalancer", input).await)?;
        if answer != "accepted" {
            set_balancer_attribute(&a, &balancer, KEY, "false").await?;
        }
        Ok(answer)
    })
    .await
}

async fn put_into(a: &Account, balancer: &str, zones: usize) -> Result<Element, Refused> {
    let bench = Bench::new(a).await?;
    let subnets: Vec<_> = bench.subnets.iter().take(zones).collect();
    a.elbv2.call("SetSubnets", json!({ "LoadBalancerArn": balancer, "Subnets": subnets })).await
}

async fn set_subnets(a: Account) -> Answer {
    with_balancer(&a, async |balancer| {
        let answer = put_into(&a, &balancer, 3).await?;
        Ok(format!("{} zones", answer.items("AvailabilityZones").count()))
    })
    .await
}

async fn set_security_groups(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let input = json!({ "GroupName": a.name("lb"), "GroupDescription": "x", "VpcId": bench.vpc });
    let group = a.ec2.call("CreateSecurityGroup", input).await?;
    let group = group.text_of("groupId").needed("id")?;
    let answer = with_balancer(&a, async |balancer| {
        let input = json!({ "LoadBalancerArn": balancer, "SecurityGroups": [group] });
        a.elbv2.call("SetSecurityGroups", input).await?;
        let input = json!({ "LoadBalancerArns": [balancer] });
        let balancer = bench.first("DescribeLoadBalancers", input, "LoadBalancers").await?;
        let groups: Vec<_> = balancer.items("SecurityGroups").map(Element::text).collect();
        Ok(either(groups == [group], "in it", "elsewhere"))
    })
    .await;
    // The network interfaces of the load balancer go later.
    a.until("the group is deleted", || async {
        match a.ec2.call("DeleteSecurityGroup", json!({ "GroupId": group })).await {
            Ok(_) => Ok(Some(())),
            Err(Refused::Call { code, .. }) if code == "DependencyViolation" => Ok(None),
            Err(refused) => Err(refused),
        }
    })
    .await?;
    answer
}

async fn set_absent_group(a: Account) -> Answer {
    with_balancer(&a, async |balancer| {
        let input = json!({ "LoadBalancerArn": balancer, "SecurityGroups": ["sg-0123456789abcdef0"] });
        refusal(a.elbv2.call("SetSecurityGroups", input).await)
    })
    .await
}

async fn delete_balancer(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let balancer = bench.balancer().await?;
    let listener = bench.listener(&balancer).await?;
    bench.remove_balancer(&balancer).await?;
    let input = json!({ "ListenerArns": [listener] });
    Ok(format!("go with it: {}", refusal(a.elbv2.call("DescribeListeners", input).await)?))
}

async fn listener(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let balancer = bench.balancer().await?;
    let listener = bench.first("CreateListener", listener_input(&balancer), "Listeners").await?;
    bench.remove_balancer(&balancer).await?;
    let text = |name: &str| listener.text_of(name).unwrap_or("none").to_owned();
    let action = listener.items("DefaultActions").next().and_then(|action| action.text_of("Type"));
    Ok(format!("{} {} {}", text("Port"), text("Protocol"), action.unwrap_or("none")))
}

async fn duplicate_listener(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let balancer = bench.balancer().await?;
    bench.listener(&balancer).await?;
    let mut input = listener_input(&balancer);
    input["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] = json!("503");
    let answer = refusal(a.elbv2.call("CreateListener", input).await);
    bench.remove_balancer(&balancer).await?;
    answer
}

async fn no_certificate(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let balancer = bench.balancer().await?;
    let mut input = listener_input(&balancer);
    input["Protocol"] = json!("HTTPS");
    let answer = refusal(a.elbv2.call("CreateListener", input).await);
    bench.remove_balancer(&balancer).await?;
    answer
}

async fn listener_of_absent(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let balancer = bench.balancer().await?;
    bench.remove_balancer(&balancer).await?;
    refusal(a.elbv2.call("CreateListener", listener_input(&balancer)).await)
}

async fn no_listener(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let input = json!({ "ListenerArns": [absent(&made.listener)] });
    let answer = refusal(a.elbv2.call("DescribeListeners", input).await);
    bench.remove(made).await?;
    answer
}

async fn modify_listener(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let mut input = listener_input("");
    input["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] = json!("503");
    let input = json!({ "ListenerArn": made.listener, "DefaultActions": input["DefaultActions"] });
    a.elbv2.call("ModifyListener", input).await?;
    let input = json!({ "ListenerArns": [made.listener] });
    let listener = bench.first("DescribeListeners", input, "Listeners").await?;
    bench.remove(made).await?;
    let action = listener.items("DefaultActions").next();
    let config = action.and_then(|action| action.child("FixedResponseConfig"));
    Ok(format!("404 to {}", config.and_then(|config| config.text_of("StatusCode")).unwrap_or("none")))
}

async fn delete_listener(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    a.elbv2.call("DeleteListener", json!({ "ListenerArn": made.listener })).await?;
    let input = json!({ "ListenerArns": [made.listener] });
    let gone = refusal(a.elbv2.call("DescribeListeners", input).await);
    bench.remove(made).await?;
    Ok(format!("gone: {}", gone?))
}

async fn delete_absent_listener(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let input = json!({ "ListenerArn": absent(&made.listener) });
    let answer = refusal(a.elbv2.call("DeleteListener", input).await);
    bench.remove(made).await?;
    answer
}

/// Priority, conditions and actions of a rule.
fn shown(rule: &Element) -> String {
    let conditions = rule.items("Conditions").map(|condition| {
        let field = condition.text_of("Field").unwrap_or("none");
        let config = match field {
            "host-header" => "HostHeaderConfig",
            _ => "PathPatternConfig",
        };
        let config = condition.child(config).unwrap_or(condition);
        let values: Vec<_> = config.items("Values").map(Element::text).collect();
        format!("{field}={}", values.join(","))
    });
    let actions = rule.items("Actions").filter_map(|action| action.text_of("Type")).collect::<Vec<_>>();
    format!("{} {} {}", rule.text_of("Priority").unwrap_or("none"), sorted(conditions), actions.join(" "))
}

async fn rule(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let rule = bench.first("CreateRule", rule_input(&made.listener, &made.group, 10), "Rules").await;
    bench.remove(made).await?;
    Ok(shown(&rule?))
}

async fn taken_priority(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    bench.rule(&made.listener, &made.group, 10).await?;
    let answer = refusal(bench.rule(&made.listener, &made.group, 10).await);
    bench.remove(made).await?;
    answer
}

/// The answer to a rule that is changed.
async fn refused_rule(a: &Account, change: impl FnOnce(&mut Value)) -> Answer {
    let bench = Bench::new(a).await?;
    let made = bench.all().await?;
    let mut input = rule_input(&made.listener, &made.group, 10);
    change(&mut input);
    let answer = refusal(a.elbv2.call("CreateRule", input).await);
    bench.remove(made).await?;
    answer
}

async fn bad_priority(a: Account) -> Answer {
    refused_rule(&a, |input| input["Priority"] = json!(50_001)).await
}

async fn rule_to_absent(a: Account) -> Answer {
    let change = |input: &mut Value| {
        let arn = absent(input["Actions"][0]["TargetGroupArn"].as_str().unwrap_or_default());
        input["Actions"][0]["TargetGroupArn"] = json!(arn);
    };
    refused_rule(&a, change).await
}

async fn bad_field(a: Account) -> Answer {
    let condition = json!([{ "Field": "colour", "Values": ["red"] }]);
    refused_rule(&a, |input| input["Conditions"] = condition).await
}

async fn rules(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    bench.rule(&made.listener, &made.group, 10).await?;
    let rules = a.elbv2.call("DescribeRules", json!({ "ListenerArn": made.listener })).await?;
    bench.remove(made).await?;
    Ok(sorted(rules.items("Rules").filter_map(|rule| rule.text_of("Priority"))))
}

async fn no_rule(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let rule = bench.rule(&made.listener, &made.group, 10).await?;
    let answer = refusal(a.elbv2.call("DescribeRules", json!({ "RuleArns": [absent(&rule)] })).await);
    bench.remove(made).await?;
    answer
}

async fn modify_rule(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let rule = bench.rule(&made.listener, &made.group, 10).await?;
    let condition = json!([{ "Field": "path-pattern", "PathPatternConfig": { "Values": ["/c"] } }]);
    a.elbv2.call("ModifyRule", json!({ "RuleArn": rule, "Conditions": condition })).await?;
    let rule = bench.first("DescribeRules", json!({ "RuleArns": [rule] }), "Rules").await;
    bench.remove(made).await?;
    Ok(shown(&rule?))
}

/// The answer to a change of the default rule.
async fn change_default(a: &Account, operation: &'static str, mut input: Value) -> Answer {
    let bench = Bench::new(a).await?;
    let made = bench.all().await?;
    input["RuleArn"] = json!(bench.default_rule(&made.listener).await?);
    let answer = refusal(a.elbv2.call(operation, input).await);
    bench.remove(made).await?;
    answer
}

async fn modify_default(a: Account) -> Answer {
    let condition = json!([{ "Field": "path-pattern", "Values": ["/c"] }]);
    change_default(&a, "ModifyRule", json!({ "Conditions": condition })).await
}

async fn delete_default(a: Account) -> Answer {
    change_default(&a, "DeleteRule", json!({})).await
}

async fn set_priorities(a: &Account, priorities: &[(&str, u32)]) -> Result<Element, Refused> {
    let priorities = priorities.iter().map(|(arn, priority)| json!({ "RuleArn": arn, "Priority": priority }));
    let input = json!({ "RulePriorities": priorities.collect::<Vec<_>>() });
    a.elbv2.call("SetRulePriorities", input).await
}

async fn swap(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let one = bench.rule(&made.listener, &made.group, 10).await?;
    let other = bench.rule(&made.listener, &made.group, 11).await?;
    set_priorities(&a, &[(&one, 11), (&other, 10)]).await?;
    let rule = bench.first("DescribeRules", json!({ "RuleArns": [one] }), "Rules").await;
    bench.remove(made).await?;
    Ok(either(rule?.text_of("Priority") == Some("11"), "swapped", "as they were"))
}

async fn set_taken(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let one = bench.rule(&made.listener, &made.group, 10).await?;
    bench.rule(&made.listener, &made.group, 11).await?;
    let answer = refusal(set_priorities(&a, &[(&one, 11)]).await);
    bench.remove(made).await?;
    answer
}

async fn delete_rule(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let rule = bench.rule(&made.listener, &made.group, 10).await?;
    a.elbv2.call("DeleteRule", json!({ "RuleArn": rule })).await?;
    let gone = refusal(a.elbv2.call("DeleteRule", json!({ "RuleArn": rule })).await);
    bench.remove(made).await?;
    Ok(format!("gone: {}", gone?))
}

async fn unused_target(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let group = bench.group().await?;
    let subnets = a.ec2.call("DescribeSubnets", json!({ "SubnetId": [bench.subnets.first()] })).await?;
    let block = subnets.items("subnetSet").next().and_then(|subnet| subnet.text_of("cidrBlock"));
    let network = block.and_then(|block| block.rsplit_once('.')).needed("block")?.0;
    let targets = json!([{ "Id": format!("{network}.77") }]);
    a.elbv2.call("RegisterTargets", json!({ "TargetGroupArn": group, "Targets": targets })).await?;
    let health =
        bench.first("DescribeTargetHealth", json!({ "TargetGroupArn": group }), "TargetHealthDescriptions");
    let health = health.await;
    bench.remove_group(&group).await?;
    let health = health?;
    let health = health.child("TargetHealth").needed("health")?;
    let text = |name: &str| health.text_of(name).unwrap_or("none").to_owned();
    Ok(format!("{}, {}", text("State"), text("Reason")))
}

async fn deregister_absent(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let group = bench.group().await?;
    let input = json!({ "TargetGroupArn": group, "Targets": [{ "Id": "172.31.0.77" }] });
    let answer = refusal(a.elbv2.call("DeregisterTargets", input).await);
    bench.remove_group(&group).await?;
    answer
}

async fn no_targets(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let group = bench.group().await?;
    let health = a.elbv2.call("DescribeTargetHealth", json!({ "TargetGroupArn": group })).await;
    bench.remove_group(&group).await?;
    Ok(either(health?.items("TargetHealthDescriptions").next().is_none(), "none", "some"))
}

async fn health_of_absent(a: Account) -> Answer {
    let arn = absent_group(&a).await?;
    refusal(a.elbv2.call("DescribeTargetHealth", json!({ "TargetGroupArn": arn })).await)
}

async fn tag(a: &Account, arn: &str, tags: &[(&str, &str)]) -> Result<(), Refused> {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    a.elbv2.call("AddTags", json!({ "ResourceArns": [arn], "Tags": tags })).await?;
    Ok(())
}

async fn tags(a: &Account, arn: &str) -> Answer {
    let answer = a.elbv2.call("DescribeTags", json!({ "ResourceArns": [arn] })).await?;
    let description = answer.items("TagDescriptions").next().needed("description")?;
    let text = |tag: &Element, name: &str| tag.text_of(name).unwrap_or_default().to_owned();
    Ok(sorted(description.items("Tags").map(|tag| format!("{}={}", text(tag, "Key"), text(tag, "Value")))))
}

async fn add_tags(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let group = bench.group().await?;
    tag(&a, &group, &[("a", "1")]).await?;
    tag(&a, &group, &[("a", "2"), ("b", "1")]).await?;
    let answer = tags(&a, &group).await;
    bench.remove_group(&group).await?;
    answer
}

async fn tag_absent(a: Account) -> Answer {
    let arn = absent_group(&a).await?;
    refusal(tag(&a, &arn, &[("a", "1")]).await)
}

async fn remove_tags(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let group = bench.group().await?;
    tag(&a, &group, &[("a", "1"), ("b", "1")]).await?;
    a.elbv2.call("RemoveTags", json!({ "ResourceArns": [group], "TagKeys": ["a", "c"] })).await?;
    let answer = tags(&a, &group).await;
    bench.remove_group(&group).await?;
    answer
}

async fn tags_of_rule(a: Account) -> Answer {
    let bench = Bench::new(&a).await?;
    let made = bench.all().await?;
    let mut input = rule_input(&made.listener, &made.group, 10);
    input["Tags"] = json!([{ "Key": "a", "Value": "1" }]);
    let rule = bench.first("CreateRule", input, "Rules").await?;
    let answer = tags(&a, rule.text_of("RuleArn").needed("ARN")?).await;
    bench.remove(made).await?;
    answer
}

async fn tags_absent(a: Account) -> Answer {
    let arn = absent_group(&a).await?;
    refusal(tags(&a, &arn).await)
}
