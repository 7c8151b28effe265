//! EC2, as much as the network of tasks needs.

use longshore_aws::untyped::Element;
use serde_json::{Value, json};

use super::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ec2:DescribeVpcs").case("the default one", "1, available", default_vpc).case(
            "an id that is not there",
            "InvalidVpcID.NotFound",
            no_vpc,
        ),
        Operation::new("ec2:DescribeSubnets")
            .case(
                "those of the default VPC",
                "in it, in different zones, with public addresses",
                default_subnets,
            )
            .case("those of a VPC that has none", "none", none)
            .case("a filter that nothing fits", "none", nothing_fits)
            .case("an id that is not there", "InvalidSubnetID.NotFound", no_subnet),
        Operation::new("ec2:DescribeSecurityGroups")
            .case("the default group of the default VPC", "default", default_group)
            .case("an id that is not there", "InvalidGroup.NotFound", no_group),
        Operation::new("ec2:CreateVpc").case(
            "a VPC",
            "not the default one; gone when it is deleted: InvalidVpcID.NotFound",
            vpc,
        ),
        Operation::new("ec2:CreateSubnet")
            .case("a subnet", "in its VPC, without public addresses", subnet)
            .case("outside of the VPC's addresses", "InvalidSubnet.Range", outside)
            .case("on another one's addresses", "InvalidSubnet.Conflict", conflict),
        Operation::new("ec2:DeleteVpc").case("with a subnet in it", "DependencyViolation", delete_used),
        Operation::new("ec2:DescribeVpcAttribute")
            .case(
                "DNS in a VPC that is not the default one",
                "enableDnsSupport true, enableDnsHostnames false",
                vpc_attributes,
            )
            .case("a VPC that is not there", "InvalidVpcID.NotFound", attribute_of_absent),
        Operation::new("ec2:DescribeNetworkInterfaces")
            .case("of a new group", "none", no_interfaces)
            .case("an id that is not there", "InvalidNetworkInterfaceID.NotFound", no_interface),
        Operation::new("ec2:CreateSecurityGroup")
            .case("with a tag", "a=1, in: nothing, out: -1 0.0.0.0/0", new_group)
            .case("a name that is taken", "InvalidGroup.Duplicate", duplicate_group)
            .case("a VPC that is not there", "InvalidVpcID.NotFound", group_of_absent)
            .but(&[MOTO, LOCALSTACK], "accepted", "The group is made in a VPC, which has to be there.", api!(ec2 "CreateSecurityGroup"))
            .case("a name that begins like an id", "InvalidParameterValue", bad_group_name)
            .but(&[MOTO, LOCALSTACK], "accepted", "“Can’t start with sg-.”", api!(ec2 "CreateSecurityGroup"))
            .case("a description with an umlaut", "InvalidParameterValue", bad_description)
            .but(&[MOTO, LOCALSTACK], "accepted", "Descriptions have “a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$*”.", api!(ec2 "CreateSecurityGroup")),
        Operation::new("ec2:AuthorizeSecurityGroupIngress")
            .case("a port, from a block and from a group", "tcp 80-80 10.0.0.0/8, tcp 80-80 the group", authorize)
            .case("the same rule once more", "InvalidPermission.Duplicate", authorize_again)
            .case("a block with bits of a host", "tcp 80-80 10.0.0.0/8", host_bits)
            .but(&[MOTO, LOCALSTACK], "tcp 80-80 10.1.2.3/8", "“If you specify 100.68.0.18/18 for the CIDR block, AWS canonicalizes the CIDR block to 100.68.0.0/18.”", api!(ec2 "IpRange"))
            .case("a port beyond the last", "InvalidParameterValue", bad_port)
            .but(&[MOTO, LOCALSTACK], "accepted", "A port has 16 bits.", api!(ec2 "IpPermission"))
            .case("what is no block", "InvalidParameterValue", bad_block)
            .case("a group that is not there", "InvalidGroup.NotFound", authorize_absent)
            .case("from a group that is not there", "InvalidGroup.NotFound", authorize_from_absent),
        Operation::new("ec2:AuthorizeSecurityGroupEgress")
            .case("a port", "-1 0.0.0.0/0, tcp 443-443 10.0.0.0/8", authorize_egress)
            .case("what a new group has", "InvalidPermission.Duplicate", authorize_all_egress),
        Operation::new("ec2:RevokeSecurityGroupIngress")
            .case("by its traffic", "nothing", revoke)
            .case("by its id", "nothing", revoke_by_id)
            .case("traffic that is not allowed", "InvalidPermission.NotFound", revoke_absent)
            .case("an id that is not there", "InvalidSecurityGroupRuleId.NotFound", revoke_absent_id)
            .but(&[MOTO, LOCALSTACK], "InvalidPermission.NotFound", "Ids of rules have an error of their own.", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"),
        Operation::new("ec2:RevokeSecurityGroupEgress").case("what a new group has", "nothing", revoke_egress),
        Operation::new("ec2:ModifySecurityGroupRules")
            .case("another port", "the same id, tcp 8080-8080 10.0.0.0/8", modify_rule)
            .case("an id that is not there", "InvalidSecurityGroupRuleId.NotFound", modify_absent_rule),
        Operation::new("ec2:DescribeSecurityGroupRules")
            .case("of a group", "a=1, tcp 80-80 10.0.0.0/8", tagged_rule)
            .case("an id that is not there", "InvalidSecurityGroupRuleId.NotFound", no_rule),
        Operation::new("ec2:DeleteSecurityGroup")
            .case("that is a peer in a rule of another one", "DependencyViolation", delete_peer)
            .but(&[MOTO, LOCALSTACK], "accepted", "“If you attempt to delete a security group that … is referenced by another security group …, the operation fails with DependencyViolation.”", api!(ec2 "DeleteSecurityGroup"))
            .case("what is not there", "InvalidGroup.NotFound", delete_absent_group)
            .case("the default one", "CannotDelete", delete_default_group)
            .but(&[MOTO, LOCALSTACK], "accepted", "CannotDelete: “You cannot delete the 'default' security group in your VPC”.", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"),
        Operation::new("ec2:CreateTags")
            .case("a new tag and another value", "a=2 b=1", create_tags)
            .case("found by them", "by tag:KEY and by tag-key", by_tags)
            .case("a key that AWS keeps for itself", "InvalidParameterValue", reserved_tag)
            .but(&[MOTO, LOCALSTACK], "accepted", "“May not begin with aws:.”", api!(ec2 "Tag"))
            .case("what is not there", "InvalidGroup.NotFound", tag_absent),
        Operation::new("ec2:DeleteTags")
            .case("by its key", "none", delete_tag)
            .case("with another value than it has", "a=1", delete_other_value),
        Operation::new("ec2:DescribeTags").case("of a group", "security-group a=1", describe_tags),
    ]
}

/// The filters of a call, which all have to fit.
fn filters(filters: &[(&str, &str)]) -> Value {
    let filters = filters.iter().map(|(name, value)| json!({ "Name": name, "Value": [value] }));
    json!({ "Filter": filters.collect::<Vec<_>>() })
}

async fn default_vpcs(a: &Account) -> Result<Element, Refused> {
    a.ec2.call("DescribeVpcs", filters(&[("is-default", "true")])).await
}

async fn the_default_vpc(a: &Account) -> Result<String, Refused> {
    let vpcs = default_vpcs(a).await?;
    let vpc = vpcs.items("vpcSet").next().needed("default VPC")?;
    Ok(vpc.text_of("vpcId").needed("id")?.to_owned())
}

async fn default_vpc(a: Account) -> Answer {
    let vpcs = default_vpcs(&a).await?;
    let state = vpcs.items("vpcSet").next().and_then(|vpc| vpc.text_of("state")).unwrap_or("no state");
    Ok(format!("{}, {state}", vpcs.items("vpcSet").count()))
}

async fn no_vpc(a: Account) -> Answer {
    refusal(a.ec2.call("DescribeVpcs", json!({ "VpcId": ["vpc-0123456789abcdef0"] })).await)
}

async fn default_subnets(a: Account) -> Answer {
    let vpc = the_default_vpc(&a).await?;
    let subnets = a.ec2.call("DescribeSubnets", filters(&[("default-for-az", "true")])).await?;
    let subnets: Vec<&Element> = subnets.items("subnetSet").collect();
    let mut zones: Vec<_> = subnets.iter().filter_map(|subnet| subnet.text_of("availabilityZone")).collect();
    zones.sort_unstable();
    zones.dedup();
    let inside = !subnets.is_empty() && subnets.iter().all(|subnet| subnet.text_of("vpcId") == Some(&vpc));
    let public = subnets.iter().all(|subnet| subnet.text_of("mapPublicIpOnLaunch") == Some("true"));
    Ok(format!(
        "{}, {}, {}",
        either(inside, "in it", "elsewhere"),
        either(zones.len() == subnets.len(), "in different zones", "in the same zones"),
        either(public, "with public addresses", "without public addresses"),
    ))
}

/// A VPC with 10.7.0.0/16.
async fn new_vpc(a: &Account) -> Result<String, Refused> {
    let made = a.ec2.call("CreateVpc", json!({ "CidrBlock": "10.7.0.0/16" })).await?;
    let id = made.child("vpc").and_then(|vpc| vpc.text_of("vpcId")).needed("id")?;
    a.until("the VPC", || async {
        let vpcs = a.ec2.call("DescribeVpcs", filters(&[("vpc-id", id)])).await?;
        let state = vpcs.items("vpcSet").next().and_then(|vpc| vpc.text_of("state"));
        Ok((state == Some("available")).then_some(()))
    })
    .await?;
    Ok(id.to_owned())
}

async fn new_subnet(a: &Account, vpc: &str, block: &str) -> Result<Element, Refused> {
    let made = a.ec2.call("CreateSubnet", json!({ "VpcId": vpc, "CidrBlock": block })).await?;
    made.child("subnet").cloned().needed("subnet")
}

async fn delete_vpc(a: &Account, vpc: &str) -> Result<Element, Refused> {
    a.ec2.call("DeleteVpc", json!({ "VpcId": vpc })).await
}

async fn none(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let subnets = a.ec2.call("DescribeSubnets", filters(&[("vpc-id", &vpc)])).await?;
    delete_vpc(&a, &vpc).await?;
    Ok(either(subnets.items("subnetSet").next().is_none(), "none", "some"))
}

async fn nothing_fits(a: Account) -> Answer {
    let subnets = a.ec2.call("DescribeSubnets", filters(&[("vpc-id", "vpc-0123456789abcdef0")])).await?;
    Ok(either(subnets.items("subnetSet").next().is_none(), "none", "some"))
}

async fn no_subnet(a: Account) -> Answer {
    refusal(a.ec2.call("DescribeSubnets", json!({ "SubnetId": ["subnet-0123456789abcdef0"] })).await)
}

async fn default_group(a: Account) -> Answer {
    let vpc = the_default_vpc(&a).await?;
    let both = filters(&[("vpc-id", &vpc), ("group-name", "default")]);
    let groups = a.ec2.call("DescribeSecurityGroups", both).await?;
    let groups: Vec<_> = groups.items("securityGroupInfo").collect();
    let [group] = groups.as_slice() else { return Ok(format!("{} groups", groups.len())) };
    Ok(group.text_of("groupName").unwrap_or_default().to_owned())
}

async fn no_group(a: Account) -> Answer {
    refusal(a.ec2.call("DescribeSecurityGroups", json!({ "GroupId": ["sg-0123456789abcdef0"] })).await)
}

async fn vpc(a: Account) -> Answer {
    let id = new_vpc(&a).await?;
    let described = a.ec2.call("DescribeVpcs", json!({ "VpcId": [id] })).await?;
    let default = described.items("vpcSet").next().and_then(|vpc| vpc.text_of("isDefault"));
    delete_vpc(&a, &id).await?;
    let gone = refusal(a.ec2.call("DescribeVpcs", json!({ "VpcId": [id] })).await)?;
    let kind = either(default == Some("false"), "not the default one", "the default one");
    Ok(format!("{kind}; gone when it is deleted: {gone}"))
}

/// Removes a VPC and its subnets.
async fn remove(a: &Account, vpc: &str, subnets: &[&Element]) -> Result<(), Refused> {
    for subnet in subnets {
        a.ec2.call("DeleteSubnet", json!({ "SubnetId": subnet.text_of("subnetId") })).await?;
    }
    delete_vpc(a, vpc).await?;
    Ok(())
}

async fn subnet(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let subnet = new_subnet(&a, &vpc, "10.7.1.0/24").await?;
    remove(&a, &vpc, &[&subnet]).await?;
    Ok(format!(
        "{}, {}",
        either(subnet.text_of("vpcId") == Some(&vpc), "in its VPC", "elsewhere"),
        either(
            subnet.text_of("mapPublicIpOnLaunch") == Some("false"),
            "without public addresses",
            "with public addresses"
        ),
    ))
}

async fn outside(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let answer = refusal(new_subnet(&a, &vpc, "10.8.1.0/24").await);
    remove(&a, &vpc, &[]).await?;
    answer
}

async fn conflict(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let subnet = new_subnet(&a, &vpc, "10.7.1.0/24").await?;
    let answer = refusal(new_subnet(&a, &vpc, "10.7.1.128/25").await);
    remove(&a, &vpc, &[&subnet]).await?;
    answer
}

async fn delete_used(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let subnet = new_subnet(&a, &vpc, "10.7.1.0/24").await?;
    let answer = refusal(delete_vpc(&a, &vpc).await)?;
    if answer != "accepted" {
        remove(&a, &vpc, &[&subnet]).await?;
    }
    Ok(answer)
}

/// A security group of the default VPC with the tag a=1.
async fn group(a: &Account, what: &str) -> Result<String, Refused> {
    let tags = json!([{ "ResourceType": "security-group", "Tag": [{ "Key": "a", "Value": "1" }] }]);
    let input = json!({
        "GroupName": a.name(what),
        "GroupDescription": "a conformance case",
        "VpcId": the_default_vpc(a).await?,
        "TagSpecification": tags,
    });
    let made = a.ec2.call("CreateSecurityGroup", input).await?;
    Ok(made.text_of("groupId").needed("id")?.to_owned())
}

async fn delete_group(a: &Account, group: &str) -> Result<(), Refused> {
    a.ec2.call("DeleteSecurityGroup", json!({ "GroupId": group })).await.map(drop)
}

/// Makes a group, does something with it, and deletes it.
async fn with_group<F>(a: Account, what: &str, act: impl FnOnce(Account, String) -> F) -> Answer
where
    F: Future<Output = Answer>,
{
    let group = group(&a, what).await?;
    let answer = act(a.clone(), group.clone()).await;
    let deleted = delete_group(&a, &group).await;
    let answer = answer?;
    deleted?;
    Ok(answer)
}

/// The permission for a port and a block.
fn tcp(port: u32, block: &str) -> Value {
    json!([{ "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{ "CidrIp": block }] }])
}

/// The permission that lets everything out.
fn all() -> Value {
    json!([{ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }])
}

async fn change(
    a: &Account,
    operation: &'static str,
    group: &str,
    permissions: Value,
) -> Result<Element, Refused> {
    a.ec2.call(operation, json!({ "GroupId": group, "IpPermissions": permissions })).await
}

async fn allow(a: &Account, group: &str, permissions: Value) -> Result<Element, Refused> {
    change(a, "AuthorizeSecurityGroupIngress", group, permissions).await
}

async fn the_group(a: &Account, group: &str) -> Result<Element, Refused> {
    let groups = a.ec2.call("DescribeSecurityGroups", json!({ "GroupId": [group] })).await?;
    groups.items("securityGroupInfo").next().cloned().needed("group")
}

/// The traffic that a group allows; a peer that is a group is `the group`.
fn allowed(group: &Element, list: &str) -> String {
    let mut shown = Vec::new();
    for permission in group.items(list) {
        let protocol = permission.text_of("ipProtocol").unwrap_or_default();
        let ports = permission.text_of("fromPort").zip(permission.text_of("toPort"));
        let ports = ports.map_or_else(String::new, |(from, to)| format!(" {from}-{to}"));
        let blocks = permission.items("ipRanges").filter_map(|range| range.text_of("cidrIp"));
        let groups = permission.items("groups").map(|_| "the group");
        shown.extend(blocks.chain(groups).map(|peer| format!("{protocol}{ports} {peer}")));
    }
    shown.sort_unstable();
    either(shown.is_empty(), "nothing", &shown.join(", "))
}

async fn let_in(a: &Account, group: &str) -> Answer {
    Ok(allowed(&the_group(a, group).await?, "ipPermissions"))
}

async fn let_out(a: &Account, group: &str) -> Answer {
    Ok(allowed(&the_group(a, group).await?, "ipPermissionsEgress"))
}

fn tags(element: &Element) -> String {
    let text = |tag: &Element, name| tag.text_of(name).unwrap_or_default().to_owned();
    sorted(element.items("tagSet").map(|tag| format!("{}={}", text(tag, "key"), text(tag, "value"))))
}

/// A rule that lets in.
async fn rule(a: &Account, group: &str) -> Result<Element, Refused> {
    let rules = a.ec2.call("DescribeSecurityGroupRules", filters(&[("group-id", group)])).await?;
    let mut rules = rules.items("securityGroupRuleSet");
    rules.find(|rule| rule.text_of("isEgress") == Some("false")).cloned().needed("rule")
}

async fn rule_id(a: &Account, group: &str) -> Result<String, Refused> {
    Ok(rule(a, group).await?.text_of("securityGroupRuleId").needed("id")?.to_owned())
}

async fn vpc_attributes(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let mut shown = Vec::new();
    for name in ["enableDnsSupport", "enableDnsHostnames"] {
        let input = json!({ "VpcId": vpc, "Attribute": name });
        let answer = a.ec2.call("DescribeVpcAttribute", input).await?;
        let value = answer.child(name).and_then(|value| value.text_of("value")).unwrap_or("no value");
        shown.push(format!("{name} {value}"));
    }
    delete_vpc(&a, &vpc).await?;
    Ok(shown.join(", "))
}

async fn attribute_of_absent(a: Account) -> Answer {
    let input = json!({ "VpcId": "vpc-0123456789abcdef0", "Attribute": "enableDnsSupport" });
    refusal(a.ec2.call("DescribeVpcAttribute", input).await)
}

async fn no_interfaces(a: Account) -> Answer {
    with_group(a, "interfaces", async |a, group| {
        let found = a.ec2.call("DescribeNetworkInterfaces", filters(&[("group-id", &group)])).await?;
        Ok(either(found.items("networkInterfaceSet").next().is_none(), "none", "some"))
    })
    .await
}

async fn no_interface(a: Account) -> Answer {
    let input = json!({ "NetworkInterfaceId": ["eni-0123456789abcdef0"] });
    refusal(a.ec2.call("DescribeNetworkInterfaces", input).await)
}

async fn new_group(a: Account) -> Answer {
    with_group(a, "new", async |a, group| {
        let group = the_group(&a, &group).await?;
        let (ingress, egress) = (allowed(&group, "ipPermissions"), allowed(&group, "ipPermissionsEgress"));
        Ok(format!("{}, in: {ingress}, out: {egress}", tags(&group)))
    })
    .await
}

async fn duplicate_group(a: Account) -> Answer {
    with_group(a, "twice", async |a, _| refusal(group(&a, "twice").await)).await
}

/// Creates a group that should be refused, and deletes it otherwise.
async fn refused_group(a: &Account, name: &str, description: &str, vpc: &str) -> Answer {
    let input = json!({ "GroupName": name, "GroupDescription": description, "VpcId": vpc });
    let made = a.ec2.call("CreateSecurityGroup", input).await;
    if let Some(id) = made.as_ref().ok().and_then(|made| made.text_of("groupId")) {
        delete_group(a, id).await?;
    }
    refusal(made)
}

async fn group_of_absent(a: Account) -> Answer {
    refused_group(&a, &a.name("nowhere"), "x", "vpc-0123456789abcdef0").await
}

async fn bad_group_name(a: Account) -> Answer {
    refused_group(&a, &format!("sg-{}", a.name("x")), "x", &the_default_vpc(&a).await?).await
}

async fn bad_description(a: Account) -> Answer {
    refused_group(&a, &a.name("umlaut"), "für alle", &the_default_vpc(&a).await?).await
}

async fn authorize(a: Account) -> Answer {
    with_group(a, "authorize", async |a, group| {
        let mut permissions = tcp(80, "10.0.0.0/8");
        permissions[0]["Groups"] = json!([{ "GroupId": group }]);
        allow(&a, &group, permissions).await?;
        let_in(&a, &group).await
    })
    .await
}

async fn authorize_again(a: Account) -> Answer {
    with_group(a, "again", async |a, group| {
        allow(&a, &group, tcp(80, "10.0.0.0/8")).await?;
        refusal(allow(&a, &group, tcp(80, "10.0.0.0/8")).await)
    })
    .await
}

async fn host_bits(a: Account) -> Answer {
    with_group(a, "bits", async |a, group| {
        allow(&a, &group, tcp(80, "10.1.2.3/8")).await?;
        let_in(&a, &group).await
    })
    .await
}

async fn refused_permission(a: Account, what: &str, permissions: Value) -> Answer {
    with_group(a, what, async |a, group| refusal(allow(&a, &group, permissions).await)).await
}

async fn bad_port(a: Account) -> Answer {
    refused_permission(a, "port", tcp(65_536, "10.0.0.0/8")).await
}

async fn bad_block(a: Account) -> Answer {
    refused_permission(a, "block", tcp(80, "10.0.0.0/33")).await
}

async fn authorize_absent(a: Account) -> Answer {
    refusal(allow(&a, "sg-0123456789abcdef0", tcp(80, "10.0.0.0/8")).await)
}

async fn authorize_from_absent(a: Account) -> Answer {
    let peers = json!([{ "GroupId": "sg-0123456789abcdef0" }]);
    let permission = json!([{ "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "Groups": peers }]);
    refused_permission(a, "from-absent", permission).await
}

async fn authorize_egress(a: Account) -> Answer {
    with_group(a, "out", async |a, group| {
        change(&a, "AuthorizeSecurityGroupEgress", &group, tcp(443, "10.0.0.0/8")).await?;
        let_out(&a, &group).await
    })
    .await
}

async fn authorize_all_egress(a: Account) -> Answer {
    with_group(a, "all", async |a, group| {
        refusal(change(&a, "AuthorizeSecurityGroupEgress", &group, all()).await)
    })
    .await
}

async fn revoke(a: Account) -> Answer {
    with_group(a, "revoke", async |a, group| {
        allow(&a, &group, tcp(80, "10.0.0.0/8")).await?;
        change(&a, "RevokeSecurityGroupIngress", &group, tcp(80, "10.0.0.0/8")).await?;
        let_in(&a, &group).await
    })
    .await
}

async fn revoke_by_id(a: Account) -> Answer {
    with_group(a, "by-id", async |a, group| {
        allow(&a, &group, tcp(80, "10.0.0.0/8")).await?;
        let input = json!({ "GroupId": group, "SecurityGroupRuleId": [rule_id(&a, &group).await?] });
        a.ec2.call("RevokeSecurityGroupIngress", input).await?;
        let_in(&a, &group).await
    })
    .await
}

async fn revoke_absent(a: Account) -> Answer {
    with_group(a, "revoke-none", async |a, group| {
        refusal(change(&a, "RevokeSecurityGroupIngress", &group, tcp(80, "10.0.0.0/8")).await)
    })
    .await
}

async fn revoke_absent_id(a: Account) -> Answer {
    with_group(a, "revoke-id", async |a, group| {
        let input = json!({ "GroupId": group, "SecurityGroupRuleId": ["sgr-0123456789abcdef0"] });
        refusal(a.ec2.call("RevokeSecurityGroupIngress", input).await)
    })
    .await
}

async fn revoke_egress(a: Account) -> Answer {
    with_group(a, "keep", async |a, group| {
        change(&a, "RevokeSecurityGroupEgress", &group, all()).await?;
        let_out(&a, &group).await
    })
    .await
}

async fn to_port_8080(a: &Account, group: &str, rule: &str) -> Result<Element, Refused> {
    let wanted = json!({ "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "CidrIpv4": "10.0.0.0/8" });
    let updates = json!([{ "SecurityGroupRuleId": rule, "SecurityGroupRule": wanted }]);
    let input = json!({ "GroupId": group, "SecurityGroupRule": updates });
    a.ec2.call("ModifySecurityGroupRules", input).await
}

async fn modify_rule(a: Account) -> Answer {
    with_group(a, "modify", async |a, group| {
        allow(&a, &group, tcp(80, "10.0.0.0/8")).await?;
        let before = rule_id(&a, &group).await?;
        to_port_8080(&a, &group, &before).await?;
        let is_same = rule_id(&a, &group).await? == before;
        Ok(format!("{}, {}", either(is_same, "the same id", "another id"), let_in(&a, &group).await?))
    })
    .await
}

async fn modify_absent_rule(a: Account) -> Answer {
    with_group(a, "modify-none", async |a, group| {
        refusal(to_port_8080(&a, &group, "sgr-0123456789abcdef0").await)
    })
    .await
}

async fn tagged_rule(a: Account) -> Answer {
    with_group(a, "tagged", async |a, group| {
        let tag = json!([{ "Key": "a", "Value": "1" }]);
        let input = json!({
            "GroupId": group,
            "IpPermissions": tcp(80, "10.0.0.0/8"),
            "TagSpecification": [{ "ResourceType": "security-group-rule", "Tag": tag }],
        });
        a.ec2.call("AuthorizeSecurityGroupIngress", input).await?;
        let rule = rule(&a, &group).await?;
        let text = |name| rule.text_of(name).unwrap_or("nothing");
        let ports = format!("{}-{}", text("fromPort"), text("toPort"));
        Ok(format!("{}, {} {ports} {}", tags(&rule), text("ipProtocol"), text("cidrIpv4")))
    })
    .await
}

async fn no_rule(a: Account) -> Answer {
    let input = json!({ "SecurityGroupRuleId": ["sgr-0123456789abcdef0"] });
    refusal(a.ec2.call("DescribeSecurityGroupRules", input).await)
}

async fn delete_peer(a: Account) -> Answer {
    let (peer, other) = (group(&a, "peer").await?, group(&a, "other").await?);
    allow(&a, &other, json!([{ "IpProtocol": "-1", "Groups": [{ "GroupId": peer }] }])).await?;
    let answer = refusal(delete_group(&a, &peer).await)?;
    delete_group(&a, &other).await?;
    if answer != "accepted" {
        delete_group(&a, &peer).await?;
    }
    Ok(answer)
}

async fn delete_absent_group(a: Account) -> Answer {
    refusal(delete_group(&a, "sg-0123456789abcdef0").await)
}

async fn delete_default_group(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let both = filters(&[("vpc-id", &vpc), ("group-name", "default")]);
    let groups = a.ec2.call("DescribeSecurityGroups", both).await?;
    let group = groups.items("securityGroupInfo").next().needed("group")?;
    let answer = refusal(delete_group(&a, group.text_of("groupId").needed("id")?).await);
    delete_vpc(&a, &vpc).await?;
    answer
}

async fn tag(a: &Account, group: &str, key: &str, value: &str) -> Result<Element, Refused> {
    let tag = json!([{ "Key": key, "Value": value }]);
    a.ec2.call("CreateTags", json!({ "ResourceId": [group], "Tag": tag })).await
}

async fn create_tags(a: Account) -> Answer {
    with_group(a, "tags", async |a, group| {
        tag(&a, &group, "a", "2").await?;
        tag(&a, &group, "b", "1").await?;
        Ok(tags(&the_group(&a, &group).await?))
    })
    .await
}

async fn by_tags(a: Account) -> Answer {
    with_group(a, "found", async |a, group| {
        let key = a.name("own");
        tag(&a, &group, &key, "1").await?;
        let mut shown = Vec::new();
        let by_value = format!("tag:{key}");
        for (name, filter, value) in
            [("by tag:KEY", by_value.as_str(), "1"), ("by tag-key", "tag-key", key.as_str())]
        {
            let found = a.ec2.call("DescribeSecurityGroups", filters(&[(filter, value)])).await?;
            let ids = found.items("securityGroupInfo").filter_map(|group| group.text_of("groupId"));
            if ids.collect::<Vec<_>>() == [group.as_str()] {
                shown.push(name);
            }
        }
        Ok(shown.join(" and "))
    })
    .await
}

async fn reserved_tag(a: Account) -> Answer {
    with_group(a, "reserved", async |a, group| refusal(tag(&a, &group, "aws:a", "1").await)).await
}

async fn tag_absent(a: Account) -> Answer {
    refusal(tag(&a, "sg-0123456789abcdef0", "a", "1").await)
}

async fn without_tag(a: Account, what: &str, tag: Value) -> Answer {
    with_group(a, what, async |a, group| {
        a.ec2.call("DeleteTags", json!({ "ResourceId": [group], "Tag": [tag] })).await?;
        let left = tags(&the_group(&a, &group).await?);
        Ok(either(left.is_empty(), "none", &left))
    })
    .await
}

async fn delete_tag(a: Account) -> Answer {
    without_tag(a, "untag", json!({ "Key": "a" })).await
}

async fn delete_other_value(a: Account) -> Answer {
    without_tag(a, "untag-other", json!({ "Key": "a", "Value": "2" })).await
}

async fn describe_tags(a: Account) -> Answer {
    with_group(a, "list-tags", async |a, group| {
        let found = a.ec2.call("DescribeTags", filters(&[("resource-id", &group)])).await?;
        let tag = found.items("tagSet").next().needed("tag")?;
        let text = |name| tag.text_of(name).unwrap_or_default();
        Ok(format!("{} {}={}", text("resourceType"), text("key"), text("value")))
    })
    .await
}
