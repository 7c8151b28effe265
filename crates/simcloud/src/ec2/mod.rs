//! Amazon EC2, as much as a network for tasks needs: VPCs, subnets, security groups, zones.

mod change;
mod describe;
mod filter;
mod state;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use state::{Ec2, SecurityGroup, Subnet, Vpc};

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// EC2's own, or `InvalidAction` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let World { ec2, account, ids, .. } = world;
    match call.operation.as_str() {
        "DescribeVpcs" => describe::vpcs(ec2, account, call),
        "DescribeSubnets" => describe::subnets(ec2, account, call),
        "DescribeSecurityGroups" => describe::security_groups(ec2, account, call),
        "DescribeAvailabilityZones" => describe::zones(call),
        "DescribeRouteTables" => describe::route_tables(ec2, account, call),
        "CreateVpc" => change::create_vpc(ec2, ids, account, call),
        "CreateSubnet" => change::create_subnet(ec2, ids, account, call),
        "CreateSecurityGroup" => change::create_security_group(ec2, ids, account, call),
        "DeleteVpc" => change::delete_vpc(ec2, call),
        "DeleteSubnet" => change::delete_subnet(ec2, call),
        "DeleteSecurityGroup" => change::delete_security_group(ec2, call),
        other => Err(ApiError::unknown_operation("ec2", other)),
    }
}
