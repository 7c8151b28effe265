//! EC2, as much as the network of tasks needs.

use aws_sdk_ec2::types::{Filter, Subnet, Vpc};

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

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

async fn the_default_vpc(a: &Account) -> Result<Vpc, Refused> {
    let vpcs = a.ec2.describe_vpcs().filters(filter("is-default", "true")).send().await?;
    vpcs.vpcs.unwrap_or_default().into_iter().next().needed("default VPC")
}

async fn default_vpc(a: Account) -> Answer {
    let vpcs = a.ec2.describe_vpcs().filters(filter("is-default", "true")).send().await?;
    let state = vpcs.vpcs().first().and_then(|vpc| vpc.state()).map_or("no state", |state| state.as_str());
    Ok(format!("{}, {state}", vpcs.vpcs().len()))
}

async fn no_vpc(a: Account) -> Answer {
    refusal(a.ec2.describe_vpcs().vpc_ids("vpc-0123456789abcdef0").send().await)
}

async fn default_subnets(a: Account) -> Answer {
    let vpc = the_default_vpc(&a).await?.vpc_id.needed("id")?;
    let subnets = a.ec2.describe_subnets().filters(filter("default-for-az", "true")).send().await?;
    let subnets: Vec<&Subnet> = subnets.subnets().iter().collect();
    let mut zones: Vec<_> = subnets.iter().filter_map(|subnet| subnet.availability_zone()).collect();
    zones.sort_unstable();
    zones.dedup();
    let inside = !subnets.is_empty() && subnets.iter().all(|subnet| subnet.vpc_id() == Some(&vpc));
    let public = subnets.iter().all(|subnet| subnet.map_public_ip_on_launch() == Some(true));
    Ok(format!(
        "{}, {}, {}",
        either(inside, "in it", "elsewhere"),
        either(zones.len() == subnets.len(), "in different zones", "in the same zones"),
        either(public, "with public addresses", "without public addresses"),
    ))
}

/// A VPC with 10.7.0.0/16.
async fn new_vpc(a: &Account) -> Result<String, Refused> {
    let vpc = a.ec2.create_vpc().cidr_block("10.7.0.0/16").send().await?.vpc.needed("VPC")?;
    let id = vpc.vpc_id.needed("id")?;
    a.until("the VPC", || async {
        let vpcs = a.ec2.describe_vpcs().filters(filter("vpc-id", &id)).send().await?;
        let state = vpcs.vpcs().first().and_then(|vpc| vpc.state());
        Ok((state.map(|state| state.as_str()) == Some("available")).then_some(()))
    })
    .await?;
    Ok(id)
}

async fn new_subnet(a: &Account, vpc: &str, block: &str) -> Result<Subnet, Refused> {
    a.ec2.create_subnet().vpc_id(vpc).cidr_block(block).send().await?.subnet.needed("subnet")
}

async fn none(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let subnets = a.ec2.describe_subnets().filters(filter("vpc-id", &vpc)).send().await?;
    a.ec2.delete_vpc().vpc_id(&vpc).send().await?;
    Ok(either(subnets.subnets().is_empty(), "none", "some"))
}

async fn nothing_fits(a: Account) -> Answer {
    let subnets = a.ec2.describe_subnets().filters(filter("vpc-id", "vpc-0123456789abcdef0")).send().await?;
    Ok(either(subnets.subnets().is_empty(), "none", "some"))
}

async fn no_subnet(a: Account) -> Answer {
    refusal(a.ec2.describe_subnets().subnet_ids("subnet-0123456789abcdef0").send().await)
}

async fn default_group(a: Account) -> Answer {
    let vpc = the_default_vpc(&a).await?.vpc_id.needed("id")?;
    let groups = a.ec2.describe_security_groups().filters(filter("vpc-id", &vpc));
    let groups = groups.filters(filter("group-name", "default")).send().await?;
    let [group] = groups.security_groups() else {
        return Ok(format!("{} groups", groups.security_groups().len()));
    };
    Ok(group.group_name().unwrap_or_default().to_owned())
}

async fn no_group(a: Account) -> Answer {
    refusal(a.ec2.describe_security_groups().group_ids("sg-0123456789abcdef0").send().await)
}

async fn vpc(a: Account) -> Answer {
    let id = new_vpc(&a).await?;
    let described = a.ec2.describe_vpcs().vpc_ids(&id).send().await?;
    let default = described.vpcs().first().and_then(|vpc| vpc.is_default());
    a.ec2.delete_vpc().vpc_id(&id).send().await?;
    let gone = refusal(a.ec2.describe_vpcs().vpc_ids(&id).send().await)?;
    let kind = either(default == Some(false), "not the default one", "the default one");
    Ok(format!("{kind}; gone when it is deleted: {gone}"))
}

/// Removes a VPC and its subnets.
async fn remove(a: &Account, vpc: &str, subnets: &[&Subnet]) -> Result<(), Refused> {
    for subnet in subnets {
        a.ec2.delete_subnet().subnet_id(subnet.subnet_id().unwrap_or_default()).send().await?;
    }
    a.ec2.delete_vpc().vpc_id(vpc).send().await?;
    Ok(())
}

async fn subnet(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let subnet = new_subnet(&a, &vpc, "10.7.1.0/24").await?;
    remove(&a, &vpc, &[&subnet]).await?;
    Ok(format!(
        "{}, {}",
        either(subnet.vpc_id() == Some(&vpc), "in its VPC", "elsewhere"),
        either(
            subnet.map_public_ip_on_launch() == Some(false),
            "without public addresses",
            "with public addresses"
        ),
    ))
}

async fn outside(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let answer = refusal(a.ec2.create_subnet().vpc_id(&vpc).cidr_block("10.8.1.0/24").send().await);
    remove(&a, &vpc, &[]).await?;
    answer
}

async fn conflict(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let subnet = new_subnet(&a, &vpc, "10.7.1.0/24").await?;
    let answer = refusal(a.ec2.create_subnet().vpc_id(&vpc).cidr_block("10.7.1.128/25").send().await);
    remove(&a, &vpc, &[&subnet]).await?;
    answer
}

async fn delete_used(a: Account) -> Answer {
    let vpc = new_vpc(&a).await?;
    let subnet = new_subnet(&a, &vpc, "10.7.1.0/24").await?;
    let answer = refusal(a.ec2.delete_vpc().vpc_id(&vpc).send().await)?;
    if answer != "accepted" {
        remove(&a, &vpc, &[&subnet]).await?;
    }
    Ok(answer)
}
