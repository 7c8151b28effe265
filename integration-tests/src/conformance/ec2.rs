//! EC2, as much as the network of tasks needs.

use longshore_aws::untyped::Element;
use serde_json::{Value, json};

use super::{
    Account, Answer, Operation, Refused,
    answer::{Needed as _, either, refusal},
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
