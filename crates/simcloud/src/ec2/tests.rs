use http::Response;

use crate::{
    Cloud,
    testing::{cloud, ec2, query, texts},
};

#[tokio::test(start_paused = true)]
async fn the_default_network_is_there() {
    let cloud = cloud();
    let vpcs = ec2(&cloud, "Action=DescribeVpcs&Filter.1.Name=isDefault&Filter.1.Value.1=true").await;
    let vpc = texts(&vpcs, "vpcId")[0];
    let subnets = format!(
        "Action=DescribeSubnets&Filter.1.Name=vpc-id&Filter.1.Value.1={vpc}&Filter.2.Name=default-for-az\
         &Filter.2.Value.1=true"
    );
    let subnets = ec2(&cloud, &subnets).await;
    assert_eq!(texts(&subnets, "availabilityZone"), ["eu-central-1a", "eu-central-1b", "eu-central-1c"]);
    assert_eq!(texts(&subnets, "mapPublicIpOnLaunch"), ["true"; 3]);
    let groups = "Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=default";
    assert_eq!(texts(&ec2(&cloud, groups).await, "vpcId"), [vpc]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_refused_by_name() {
    let cloud = cloud();
    for (form, code) in [
        ("Action=DescribeSubnets&SubnetId.1=subnet-0123", "InvalidSubnetID.NotFound"),
        ("Action=DescribeVpcs&Filter.1.Name=colour&Filter.1.Value.1=red", "InvalidParameterValue"),
        ("Action=DescribeInstances", "InvalidAction"),
    ] {
        assert_eq!(texts(&ec2(&cloud, form).await, "Code"), [code], "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn subnets_lie_in_their_network_and_do_not_overlap() {
    let cloud = cloud();
    let made = ec2(&cloud, "Action=CreateVpc&CidrBlock=10.0.0.0%2F16").await;
    let vpc = texts(&made, "vpcId")[0];
    let create =
        async |cidr: &str| ec2(&cloud, &format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock={cidr}")).await;
    assert_eq!(create("10.0.0.0%2F24").await.status(), 200);
    assert_eq!(texts(&create("10.0.0.128%2F25").await, "Code"), ["InvalidSubnet.Conflict"]);
    assert_eq!(texts(&create("10.1.0.0%2F24").await, "Code"), ["InvalidSubnet.Range"]);
    let gone = ec2(&cloud, &format!("Action=DeleteVpc&VpcId={vpc}")).await;
    assert_eq!(texts(&gone, "Code"), ["DependencyViolation"]);
}

/// Creates a group with a tag, and returns its id.
async fn group(cloud: &Cloud) -> String {
    let form = "Action=CreateSecurityGroup&GroupName=front&GroupDescription=x\
        &TagSpecification.1.ResourceType=security-group&TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value=web";
    texts(&ec2(cloud, form).await, "groupId")[0].to_owned()
}

/// Allows a port from everywhere, and returns the answer.
async fn allow(cloud: &Cloud, group: &str, port: u16) -> Response<String> {
    let form = format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={group}&IpPermissions.1.IpProtocol=6&IpPermissions.1.FromPort={port}\
         &IpPermissions.1.ToPort={port}&IpPermissions.1.IpRanges.1.CidrIp=10.1.2.3%2F8\
         &IpPermissions.1.IpRanges.1.Description=office&TagSpecification.1.ResourceType=security-group-rule\
         &TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b"
    );
    ec2(cloud, &form).await
}

async fn rules(cloud: &Cloud, group: &str) -> Response<String> {
    let form = format!("Action=DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1={group}");
    ec2(cloud, &form).await
}

#[tokio::test(start_paused = true)]
async fn new_group_lets_everything_out() {
    let cloud = cloud();
    let group = group(&cloud).await;
    let rules = rules(&cloud, &group).await;
    assert_eq!(texts(&rules, "isEgress"), ["true"]);
    assert_eq!((texts(&rules, "ipProtocol"), texts(&rules, "cidrIpv4")), (vec!["-1"], vec!["0.0.0.0/0"]));
    let egress = texts(&rules, "securityGroupRuleId")[0];
    let revoke = format!("Action=RevokeSecurityGroupEgress&GroupId={group}&SecurityGroupRuleId.1={egress}");
    assert_eq!(ec2(&cloud, &revoke).await.status(), 200);
    assert_eq!(texts(&ec2(&cloud, &revoke).await, "Code"), ["InvalidSecurityGroupRuleId.NotFound"]);
}

#[tokio::test(start_paused = true)]
async fn rules_are_canonical_and_unique() {
    let cloud = cloud();
    let group = group(&cloud).await;
    let made = allow(&cloud, &group, 80).await;
    assert_eq!((texts(&made, "cidrIpv4"), texts(&made, "ipProtocol")), (vec!["10.0.0.0/8"], vec!["tcp"]));
    assert_eq!(texts(&made, "description"), ["office"]);
    let again = allow(&cloud, &group, 80).await;
    assert_eq!(texts(&again, "Code"), ["InvalidPermission.Duplicate"]);
    assert!(texts(&again, "Message")[0].contains("peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW"));
    let described = ec2(&cloud, &format!("Action=DescribeSecurityGroups&GroupId.1={group}")).await;
    assert_eq!(texts(&described, "cidrIp"), ["10.0.0.0/8", "0.0.0.0/0"]);
    assert_eq!(texts(&described, "value"), ["web"], "tags of the creation");
    let revoke = |port: u16| {
        format!(
            "Action=RevokeSecurityGroupIngress&GroupId={group}&IpProtocol=tcp&FromPort={port}&ToPort={port}&CidrIp=10.0.0.0%2F8"
        )
    };
    assert_eq!(texts(&ec2(&cloud, &revoke(81)).await, "Code"), ["InvalidPermission.NotFound"]);
    assert_eq!(ec2(&cloud, &revoke(80)).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn unsound_rules_are_refused() {
    let cloud = cloud();
    let group = group(&cloud).await;
    for (permission, code) in [
        ("IpProtocol=tcp&CidrIp=10.0.0.0%2F8", "InvalidParameterValue"),
        ("IpProtocol=tcp&FromPort=81&ToPort=80&CidrIp=10.0.0.0%2F8", "InvalidParameterValue"),
        ("IpProtocol=tcp&FromPort=80&ToPort=80&CidrIp=10.0.0.0%2F33", "InvalidParameterValue"),
        ("IpProtocol=tcp&FromPort=80&ToPort=80", "InvalidParameterValue"),
        ("IpProtocol=quic&FromPort=80&ToPort=80&CidrIp=10.0.0.0%2F8", "InvalidParameterValue"),
        ("IpProtocol=tcp&FromPort=80&ToPort=80&SourceSecurityGroupName=nowhere", "InvalidGroup.NotFound"),
        ("", "MissingParameter"),
    ] {
        let form = format!("Action=AuthorizeSecurityGroupIngress&GroupId={group}&{permission}");
        assert_eq!(texts(&ec2(&cloud, &form).await, "Code"), [code], "{permission}");
    }
    for port in 1..=60 {
        assert_eq!(allow(&cloud, &group, port).await.status(), 200);
        // Below the rate of changes.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!(texts(&allow(&cloud, &group, 61).await, "Code"), ["RulesPerSecurityGroupLimitExceeded"]);
}

#[tokio::test(start_paused = true)]
async fn changed_rule_keeps_its_id() {
    let cloud = cloud();
    let group = group(&cloud).await;
    let made = allow(&cloud, &group, 80).await;
    let id = texts(&made, "securityGroupRuleId")[0];
    let form = format!(
        "Action=ModifySecurityGroupRules&GroupId={group}&SecurityGroupRule.1.SecurityGroupRuleId={id}\
         &SecurityGroupRule.1.SecurityGroupRule.IpProtocol=tcp&SecurityGroupRule.1.SecurityGroupRule.FromPort=443\
         &SecurityGroupRule.1.SecurityGroupRule.ToPort=443&SecurityGroupRule.1.SecurityGroupRule.ReferencedGroupId={group}"
    );
    assert_eq!(ec2(&cloud, &form).await.status(), 200);
    let one = ec2(&cloud, &format!("Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1={id}")).await;
    assert_eq!((texts(&one, "fromPort"), texts(&one, "cidrIpv4")), (vec!["443"], vec![]));
    assert_eq!((texts(&one, "key"), texts(&one, "value")), (vec!["a"], vec!["b"]));
}

#[tokio::test(start_paused = true)]
async fn used_group_cannot_be_deleted() {
    let cloud = cloud();
    let group = group(&cloud).await;
    let subnets = ec2(&cloud, "Action=DescribeSubnets").await;
    let subnets = texts(&subnets, "subnetId");
    let form = format!(
        "Action=CreateLoadBalancer&Name=front&Subnets.member.1={}&Subnets.member.2={}&SecurityGroups.member.1={group}",
        subnets[0], subnets[1]
    );
    let balancer = query(&cloud, "elasticloadbalancing", &form).await;
    let arn = texts(&balancer, "LoadBalancerArn")[0];
    let interfaces =
        format!("Action=DescribeNetworkInterfaces&Filter.1.Name=group-id&Filter.1.Value.1={group}");
    let found = ec2(&cloud, &interfaces).await;
    assert_eq!(texts(&found, "networkInterfaceId").len(), 2);
    assert!(texts(&found, "description").iter().all(|text| text.starts_with("ELB app/front/")));
    let delete = format!("Action=DeleteSecurityGroup&GroupId={group}");
    assert_eq!(texts(&ec2(&cloud, &delete).await, "Code"), ["DependencyViolation"]);
    let remove = format!("Action=DeleteLoadBalancer&LoadBalancerArn={}", arn.replace('/', "%2F"));
    assert_eq!(query(&cloud, "elasticloadbalancing", &remove).await.status(), 200);
    assert_eq!(texts(&ec2(&cloud, &delete).await, "Code"), ["DependencyViolation"], "interfaces linger");
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    assert_eq!(ec2(&cloud, &delete).await.status(), 200);
    assert_eq!(texts(&rules(&cloud, &group).await, "securityGroupRuleId"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn group_that_is_a_peer_cannot_be_deleted() {
    let cloud = cloud();
    let (front, form) =
        (group(&cloud).await, "Action=CreateSecurityGroup&GroupName=tasks&GroupDescription=x");
    let tasks = ec2(&cloud, form).await;
    let tasks = texts(&tasks, "groupId")[0];
    let form = format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={tasks}&IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId={front}"
    );
    assert_eq!(ec2(&cloud, &form).await.status(), 200);
    let delete = |id: &str| format!("Action=DeleteSecurityGroup&GroupId={id}");
    assert_eq!(texts(&ec2(&cloud, &delete(&front)).await, "Code"), ["DependencyViolation"]);
    assert_eq!(ec2(&cloud, &delete(tasks)).await.status(), 200);
    assert_eq!(ec2(&cloud, &delete(&front)).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn tags_are_added_found_and_removed() {
    let cloud = cloud();
    let group = group(&cloud).await;
    let add = format!("Action=CreateTags&ResourceId.1={group}&Tag.1.Key=stage&Tag.1.Value=test");
    assert_eq!(ec2(&cloud, &add).await.status(), 200);
    let tags = format!("Action=DescribeTags&Filter.1.Name=resource-id&Filter.1.Value.1={group}");
    assert_eq!(texts(&ec2(&cloud, &tags).await, "key"), ["stage", "team"]);
    let find = "Action=DescribeSecurityGroups&Filter.1.Name=tag:stage&Filter.1.Value.1=te*\
        &Filter.2.Name=tag-key&Filter.2.Value.1=team";
    assert_eq!(texts(&ec2(&cloud, find).await, "groupId"), [group.as_str()]);
    let remove = |tag: &str| format!("Action=DeleteTags&ResourceId.1={group}&Tag.1.{tag}");
    ec2(&cloud, &remove("Key=stage&Tag.1.Value=other")).await;
    assert_eq!(texts(&ec2(&cloud, &tags).await, "key"), ["stage", "team"], "another value stays");
    ec2(&cloud, &remove("Key=stage")).await;
    assert_eq!(texts(&ec2(&cloud, &tags).await, "key"), ["team"]);
    let unsound = format!("Action=CreateTags&ResourceId.1={group}&Tag.1.Key=aws:x&Tag.1.Value=y");
    assert_eq!(texts(&ec2(&cloud, &unsound).await, "Code"), ["InvalidParameterValue"]);
    let absent = "Action=CreateTags&ResourceId.1=sg-0&Tag.1.Key=x&Tag.1.Value=y";
    assert_eq!(texts(&ec2(&cloud, absent).await, "Code"), ["InvalidGroup.NotFound"]);
}

#[tokio::test(start_paused = true)]
async fn default_network_has_public_names() {
    let cloud = cloud();
    let vpcs = ec2(&cloud, "Action=DescribeVpcs").await;
    let vpc = texts(&vpcs, "vpcId")[0];
    let attribute = async |name: &str| {
        ec2(&cloud, &format!("Action=DescribeVpcAttribute&VpcId={vpc}&Attribute={name}")).await
    };
    for (name, value) in [
        ("enableDnsSupport", "true"),
        ("enableDnsHostnames", "true"),
        ("enableNetworkAddressUsageMetrics", "false"),
    ] {
        assert!(
            attribute(name).await.body().contains(&format!("<{name}><value>{value}</value></{name}>")),
            "{name}"
        );
    }
    assert_eq!(texts(&attribute("colour").await, "Code"), ["InvalidParameterValue"]);
}
