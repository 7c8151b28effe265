//! Amazon EC2, as much as a network for tasks needs: VPCs, subnets, zones, security groups with their rules, and the network
//! interfaces of tasks and load balancers.

mod change;
mod describe;
mod filter;
mod interfaces;
mod rules;
mod state;
mod tags;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use interfaces::Interface;
pub use state::{Ec2, SecurityGroup, Subnet, Vpc};

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// EC2's own, or `InvalidAction` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "DescribeNetworkInterfaces" => return interfaces::describe(world, call),
        "DeleteSubnet" => return change::delete_subnet(world, call),
        "DeleteSecurityGroup" => return change::delete_security_group(world, call),
        _ => {}
    }
    let World { ec2, account, ids, .. } = world;
    match call.operation.as_str() {
        "DescribeVpcs" => describe::vpcs(ec2, account, call),
        "DescribeVpcAttribute" => describe::vpc_attribute(ec2, call),
        "DescribeSubnets" => describe::subnets(ec2, account, call),
        "DescribeSecurityGroups" => describe::security_groups(ec2, account, call),
        "DescribeAvailabilityZones" => describe::zones(call),
        "DescribeRouteTables" => describe::route_tables(ec2, account, call),
        "CreateVpc" => change::create_vpc(ec2, ids, account, call),
        "CreateSubnet" => change::create_subnet(ec2, ids, account, call),
        "CreateSecurityGroup" => change::create_security_group(ec2, ids, account, call),
        "DeleteVpc" => change::delete_vpc(ec2, call),
        "AuthorizeSecurityGroupIngress" => rules::authorize(ec2, ids, account, call, false),
        "AuthorizeSecurityGroupEgress" => rules::authorize(ec2, ids, account, call, true),
        "RevokeSecurityGroupIngress" => rules::revoke(ec2, call, false),
        "RevokeSecurityGroupEgress" => rules::revoke(ec2, call, true),
        "ModifySecurityGroupRules" => rules::modify(ec2, call),
        "DescribeSecurityGroupRules" => rules::describe(ec2, account, call),
        "CreateTags" => tags::create(ec2, call),
        "DeleteTags" => tags::delete(ec2, call),
        "DescribeTags" => tags::describe(ec2, call),
        other => Err(ApiError::unknown_operation("ec2", other)),
    }
}
