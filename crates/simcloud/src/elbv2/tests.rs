use crate::{
    Cloud,
    testing::{cloud, ec2, query, texts},
};

async fn elb(cloud: &Cloud, form: &str) -> http::Response<String> {
    query(cloud, "elasticloadbalancing", form).await
}

/// The text of the only element with this name.
async fn one(cloud: &Cloud, form: &str, name: &str) -> String {
    let answer = elb(cloud, form).await;
    let found = texts(&answer, name);
    let [text] = found.as_slice() else { panic!("{form}: {}", answer.body()) };
    (*text).to_owned()
}

async fn code(cloud: &Cloud, form: &str) -> String {
    one(cloud, form, "Code").await
}

async fn accepted(cloud: &Cloud, form: &str) {
    let answer = elb(cloud, form).await;
    assert_eq!(answer.status(), 200, "{form}: {}", answer.body());
}

/// A cloud with its default VPC, a load balancer and a listener whose default answer is a 404.
struct Bench {
    cloud: Cloud,
    vpc: String,
    balancer: String,
    listener: String,
}

impl Bench {
    async fn new() -> Self {
        let cloud = cloud();
        let subnets = ec2(&cloud, "Action=DescribeSubnets").await;
        let vpc = texts(&subnets, "vpcId")[0].to_owned();
        let ids = texts(&subnets, "subnetId");
        let create = format!(
            "Action=CreateLoadBalancer&Name=shop&Subnets.member.1={}&Subnets.member.2={}",
            ids[0], ids[1]
        );
        let balancer = one(&cloud, &create, "LoadBalancerArn").await;
        let create = format!(
            "Action=CreateListener&LoadBalancerArn={balancer}&Port=80&Protocol=HTTP&{}",
            not_found("DefaultActions")
        );
        let listener = one(&cloud, &create, "ListenerArn").await;
        Self { cloud, vpc, balancer, listener }
    }

    fn group_form(&self, name: &str) -> String {
        format!(
            "Action=CreateTargetGroup&Name={name}&Protocol=HTTP&Port=8080&TargetType=ip&VpcId={}",
            self.vpc
        )
    }

    async fn group(&self, name: &str) -> String {
        one(&self.cloud, &self.group_form(name), "TargetGroupArn").await
    }

    fn rule_form(&self, priority: u32, group: &str) -> String {
        format!(
            "Action=CreateRule&ListenerArn={}&Priority={priority}&Conditions.member.1.Field=host-header\
             &Conditions.member.1.Values.member.1=shop.example&Actions.member.1.Type=forward\
             &Actions.member.1.TargetGroupArn={group}",
            self.listener
        )
    }

    async fn rule(&self, priority: u32, group: &str) -> String {
        one(&self.cloud, &self.rule_form(priority, group), "RuleArn").await
    }

    /// State and description of the only target.
    async fn health(&self, group: &str) -> (String, String) {
        let answer = elb(&self.cloud, &format!("Action=DescribeTargetHealth&TargetGroupArn={group}")).await;
        let first = |name: &str| texts(&answer, name).first().copied().unwrap_or_default().to_owned();
        (first("State"), first("Description"))
    }
}

fn not_found(member: &str) -> String {
    format!("{member}.member.1.Type=fixed-response&{member}.member.1.FixedResponseConfig.StatusCode=404")
}

#[tokio::test(start_paused = true)]
async fn names_and_settings_of_target_groups_are_checked() {
    let bench = Bench::new().await;
    let good = bench.group_form("web");
    let with = |change: &str| format!("{good}&{change}");
    for form in [
        bench.group_form(&"a".repeat(33)),
        bench.group_form("web_1"),
        bench.group_form("-web"),
        good.replace("Protocol=HTTP", "Protocol=SMTP"),
        good.replace("Port=8080", "Port=0"),
        good.replace(&bench.vpc, "vpc-0123456789abcdef0"),
        with("HealthCheckIntervalSeconds=4"),
        with("HealthCheckIntervalSeconds=5&HealthCheckTimeoutSeconds=5"),
        with("HealthyThresholdCount=1"),
        with("HealthCheckPath=health"),
        with("Matcher.HttpCode=200-599"),
        with("HealthCheckEnabled=false"),
    ] {
        assert_eq!(code(&bench.cloud, &form).await, "ValidationError", "{form}");
    }
    let arn = bench.group("web").await;
    assert_eq!(bench.group("web").await, arn, "the same once more");
    let other = with("HealthCheckPath=/health");
    assert_eq!(code(&bench.cloud, &other).await, "DuplicateTargetGroupName");
}

#[tokio::test(start_paused = true)]
async fn modified_target_groups_keep_other_settings() {
    let bench = Bench::new().await;
    let arn = bench.group("web").await;
    let modify =
        format!("Action=ModifyTargetGroup&TargetGroupArn={arn}&HealthCheckPath=/up&Matcher.HttpCode=200-299");
    let answer = elb(&bench.cloud, &modify).await;
    let shown = ["HealthCheckPath", "HttpCode", "HealthCheckIntervalSeconds", "HealthyThresholdCount"];
    assert_eq!(shown.map(|name| texts(&answer, name)[0].to_owned()), ["/up", "200-299", "30", "5"]);
    let too_long = format!("Action=ModifyTargetGroup&TargetGroupArn={arn}&HealthCheckTimeoutSeconds=30");
    assert_eq!(code(&bench.cloud, &too_long).await, "ValidationError");
    let absent = modify.replace("targetgroup/web", "targetgroup/none");
    assert_eq!(code(&bench.cloud, &absent).await, "TargetGroupNotFound");

    let attribute = |key: &str, value: &str| {
        format!(
            "Action=ModifyTargetGroupAttributes&TargetGroupArn={arn}&Attributes.member.1.Key={key}\
             &Attributes.member.1.Value={value}"
        )
    };
    accepted(&bench.cloud, &attribute("deregistration_delay.timeout_seconds", "15")).await;
    for (key, value) in [("deregistration_delay.timeout_seconds", "3601"), ("colour", "red")] {
        assert_eq!(code(&bench.cloud, &attribute(key, value)).await, "ValidationError", "{key}");
    }
    let describe = format!("Action=DescribeTargetGroupAttributes&TargetGroupArn={arn}");
    let all = elb(&bench.cloud, &describe).await;
    assert_eq!((texts(&all, "Key").len(), texts(&all, "Value")[0]), (14, "15"));
}

#[tokio::test(start_paused = true)]
async fn rules_keep_their_target_groups_in_use() {
    let bench = Bench::new().await;
    let group = bench.group("web").await;
    let rule = bench.rule(10, &group).await;
    assert_eq!(code(&bench.cloud, &bench.rule_form(10, &group)).await, "PriorityInUse");
    let delete = format!("Action=DeleteTargetGroup&TargetGroupArn={group}");
    assert_eq!(code(&bench.cloud, &delete).await, "ResourceInUse");
    let of_balancer = format!("Action=DescribeTargetGroups&LoadBalancerArn={}", bench.balancer);
    assert_eq!(one(&bench.cloud, &of_balancer, "TargetGroupArn").await, group);
    let rules = elb(&bench.cloud, &format!("Action=DescribeRules&ListenerArn={}", bench.listener)).await;
    assert_eq!(texts(&rules, "Priority"), ["10", "default"]);
    accepted(&bench.cloud, &format!("Action=DeleteRule&RuleArn={rule}")).await;
    assert_eq!(code(&bench.cloud, &format!("Action=DeleteRule&RuleArn={rule}")).await, "RuleNotFound");
    for _ in 0..2 {
        accepted(&bench.cloud, &delete).await;
    }
    let default = texts(&rules, "RuleArn")[1];
    assert_eq!(
        code(&bench.cloud, &format!("Action=DeleteRule&RuleArn={default}")).await,
        "OperationNotPermitted"
    );
}

#[tokio::test(start_paused = true)]
async fn rules_are_checked() {
    let bench = Bench::new().await;
    let group = bench.group("web").await;
    let good = bench.rule_form(10, &group);
    for (form, expected) in [
        (bench.rule_form(0, &group), "ValidationError"),
        (bench.rule_form(50_001, &group), "ValidationError"),
        (bench.rule_form(10, &group.replace("/web/", "/none/")), "TargetGroupNotFound"),
        (good.replace("host-header", "host"), "ValidationError"),
        (good.replace("shop.example", "shop example"), "ValidationError"),
        (good.replace(&bench.listener, &bench.listener.replace("/shop/", "/none/")), "ListenerNotFound"),
        (good.replace("Type=forward", "Type=forwards"), "ValidationError"),
    ] {
        assert_eq!(code(&bench.cloud, &form).await, expected, "{form}");
    }
    let many = (1..=6).map(|n| format!("&Conditions.member.1.Values.member.{n}=h{n}"));
    let many = good.replace("&Conditions.member.1.Values.member.1=shop.example", &many.collect::<String>());
    assert_eq!(code(&bench.cloud, &many).await, "ValidationError");
}

#[tokio::test(start_paused = true)]
async fn priorities_are_swapped_at_once() {
    let bench = Bench::new().await;
    let group = bench.group("web").await;
    let (first, second) = (bench.rule(1, &group).await, bench.rule(2, &group).await);
    let set = |pairs: &[(&str, u32)]| {
        let pairs = pairs.iter().zip(1..).map(|((arn, priority), n)| {
            format!("&RulePriorities.member.{n}.RuleArn={arn}&RulePriorities.member.{n}.Priority={priority}")
        });
        format!("Action=SetRulePriorities{}", pairs.collect::<String>())
    };
    assert_eq!(code(&bench.cloud, &set(&[(&first, 2)])).await, "PriorityInUse");
    accepted(&bench.cloud, &set(&[(&first, 2), (&second, 1)])).await;
    let rules = elb(&bench.cloud, &format!("Action=DescribeRules&ListenerArn={}", bench.listener)).await;
    assert_eq!(texts(&rules, "RuleArn")[..2], [second.as_str(), first.as_str()]);
}

#[tokio::test(start_paused = true)]
async fn load_balancers_lie_in_two_zones() {
    let bench = Bench::new().await;
    let subnets = ec2(&bench.cloud, "Action=DescribeSubnets").await;
    let ids = texts(&subnets, "subnetId");
    let create = |name: &str, first: &str, second: &str| {
        format!("Action=CreateLoadBalancer&Name={name}&Subnets.member.1={first}&Subnets.member.2={second}")
    };
    for (form, expected) in [
        (create("one", ids[0], ids[0]), "InvalidConfigurationRequest"),
        (create("one", ids[0], "subnet-0123"), "SubnetNotFound"),
        (create("internal-one", ids[0], ids[1]), "ValidationError"),
        (create("shop", ids[0], ids[2]), "DuplicateLoadBalancerName"),
        (create("one", ids[0], ids[1]) + "&SecurityGroups.member.1=sg-0123", "InvalidSecurityGroup"),
        (format!("Action=CreateLoadBalancer&Name=one&Subnets.member.1={}", ids[0]), "ValidationError"),
    ] {
        assert_eq!(code(&bench.cloud, &form).await, expected, "{form}");
    }
    let again = create("shop", ids[0], ids[1]);
    assert_eq!(one(&bench.cloud, &again, "LoadBalancerArn").await, bench.balancer);
    let describe = "Action=DescribeLoadBalancers&Names.member.1=shop";
    let state = async || {
        let answer = elb(&bench.cloud, describe).await;
        texts(&answer, "State")[0].to_owned()
    };
    assert_eq!(state().await, "<Code>provisioning</Code>");
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    assert_eq!(state().await, "<Code>active</Code>");
}

#[tokio::test(start_paused = true)]
async fn deleted_load_balancers_take_their_listeners_along() {
    let bench = Bench::new().await;
    let group = bench.group("web").await;
    bench.rule(1, &group).await;
    let delete = format!("Action=DeleteLoadBalancer&LoadBalancerArn={}", bench.balancer);
    for _ in 0..2 {
        accepted(&bench.cloud, &delete).await;
    }
    let rules = format!("Action=DescribeRules&ListenerArn={}", bench.listener);
    assert_eq!(code(&bench.cloud, &rules).await, "ListenerNotFound");
    accepted(&bench.cloud, &format!("Action=DeleteTargetGroup&TargetGroupArn={group}")).await;
}

#[tokio::test(start_paused = true)]
async fn target_groups_belong_to_one_load_balancer() {
    let bench = Bench::new().await;
    let group = bench.group("web").await;
    bench.rule(1, &group).await;
    let subnets = ec2(&bench.cloud, "Action=DescribeSubnets").await;
    let ids = texts(&subnets, "subnetId");
    let create =
        format!("Action=CreateLoadBalancer&Name=two&Subnets.member.1={}&Subnets.member.2={}", ids[0], ids[1]);
    let other = one(&bench.cloud, &create, "LoadBalancerArn").await;
    let listen = format!(
        "Action=CreateListener&LoadBalancerArn={other}&Port=80&Protocol=HTTP&DefaultActions.member.1.Type=forward\
         &DefaultActions.member.1.TargetGroupArn={group}"
    );
    assert_eq!(code(&bench.cloud, &listen).await, "TargetGroupAssociationLimit");
    let https = listen.replace("Port=80&Protocol=HTTP", "Port=443&Protocol=HTTPS");
    assert_eq!(code(&bench.cloud, &https).await, "ValidationError");
    let unknown = https + "&Certificates.member.1.CertificateArn=arn:aws:acm:us-east-1:1:certificate/a";
    assert_eq!(code(&bench.cloud, &unknown).await, "CertificateNotFound");
}

#[tokio::test(start_paused = true)]
async fn targets_are_checked_once_their_group_is_used() {
    let bench = Bench::new().await;
    let group = bench.group("web").await;
    let register =
        |id: &str| format!("Action=RegisterTargets&TargetGroupArn={group}&Targets.member.1.Id={id}");
    assert_eq!(code(&bench.cloud, &register("10.0.0.7")).await, "InvalidTarget");
    assert_eq!(code(&bench.cloud, &register("web")).await, "ValidationError");
    accepted(&bench.cloud, &register("172.31.0.7")).await;
    assert_eq!(bench.health(&group).await.0, "unused");
    bench.rule(1, &group).await;
    assert_eq!(bench.health(&group).await.0, "initial");
    // Nothing listens there.
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(bench.health(&group).await, ("unhealthy".to_owned(), "Request timed out".to_owned()));
    accepted(&bench.cloud, &register("172.31.0.7").replace("Register", "Deregister")).await;
    assert_eq!(bench.health(&group).await.0, "draining");
    tokio::time::sleep(std::time::Duration::from_secs(300)).await;
    assert_eq!(bench.health(&group).await.0, "");
}

#[tokio::test(start_paused = true)]
async fn every_resource_has_tags() {
    let bench = Bench::new().await;
    let group = bench.group("web").await;
    let rule = bench.rule(1, &group).await;
    let arns = [&bench.balancer, &bench.listener, &rule, &group];
    let listed: String =
        arns.iter().zip(1..).map(|(arn, n)| format!("&ResourceArns.member.{n}={arn}")).collect();
    let add = format!("Action=AddTags{listed}&Tags.member.1.Key=team&Tags.member.1.Value=shop");
    accepted(&bench.cloud, &add).await;
    let describe = format!("Action=DescribeTags{listed}");
    assert_eq!(texts(&elb(&bench.cloud, &describe).await, "Value"), ["shop"; 4]);
    accepted(&bench.cloud, &format!("Action=RemoveTags{listed}&TagKeys.member.1=team")).await;
    assert_eq!(texts(&elb(&bench.cloud, &describe).await, "Value"), [""; 0]);
    let absent = format!("Action=DescribeTags&ResourceArns.member.1={}", group.replace("/web/", "/none/"));
    assert_eq!(code(&bench.cloud, &absent).await, "TargetGroupNotFound");
    let reserved = add.replace("Key=team", "Key=aws:team");
    assert_eq!(code(&bench.cloud, &reserved).await, "ValidationError");
}
