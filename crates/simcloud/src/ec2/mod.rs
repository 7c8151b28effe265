//! Amazon EC2, as much as a network for tasks needs: VPCs, subnets, zones, security groups with their rules, route tables with
//! gateways and endpoints, and the network interfaces of tasks and load balancers.

mod change;
mod cidr;
mod describe;
mod endpoints;
mod filter;
mod gateways;
mod interfaces;
mod reach;
mod resource;
mod routes;
mod rules;
mod state;
mod tags;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use self::{interfaces::Interface, reach::Source};
pub use state::{Ec2, SecurityGroup, Subnet, Vpc};

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// EC2's own, or `InvalidAction` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "CreateVpcEndpoint" => return endpoints::create(world, call),
        "DescribeNetworkInterfaces" => return interfaces::describe(world, call),
        "DetachInternetGateway" => return gateways::detach(world, call),
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
        "DescribeRouteTables" => routes::describe(ec2, account, call),
        "DescribeInternetGateways" => gateways::describe_internet_gateways(ec2, account, call),
        "DescribeNatGateways" => gateways::describe_nat_gateways(ec2, call),
        "DescribeAddresses" => gateways::describe_addresses(ec2, account, call),
        "DescribeAddressesAttribute" => gateways::describe_address_attributes(ec2, call),
        "DescribeVpcEndpoints" => endpoints::describe(ec2, account, call),
        "DescribePrefixLists" => endpoints::describe_prefix_lists(call),
        "CreateVpc" => change::create_vpc(ec2, ids, account, call),
        "CreateSubnet" => change::create_subnet(ec2, ids, account, call),
        "CreateSecurityGroup" => change::create_security_group(ec2, ids, account, call),
        "DeleteVpc" => change::delete_vpc(ec2, call),
        "ModifyVpcAttribute" => change::modify_vpc_attribute(ec2, call),
        "ModifySubnetAttribute" => change::modify_subnet_attribute(ec2, call),
        "CreateRouteTable" => routes::create(ec2, ids, account, call),
        "DeleteRouteTable" => routes::delete(ec2, call),
        "CreateRoute" => routes::put(ec2, call, false),
        "ReplaceRoute" => routes::put(ec2, call, true),
        "DeleteRoute" => routes::delete_route(ec2, call),
        "AssociateRouteTable" => routes::associate(ec2, ids, call),
        "DisassociateRouteTable" => routes::disassociate(ec2, call),
        "ReplaceRouteTableAssociation" => routes::reassociate(ec2, ids, call),
        "CreateInternetGateway" => gateways::create_internet_gateway(ec2, ids, account, call),
        "AttachInternetGateway" => gateways::attach(ec2, call),
        "DeleteInternetGateway" => gateways::delete_internet_gateway(ec2, call),
        "CreateNatGateway" => gateways::create_nat_gateway(ec2, ids, call),
        "DeleteNatGateway" => gateways::delete_nat_gateway(ec2, call),
        "AllocateAddress" => gateways::allocate(ec2, ids, call),
        "DisassociateAddress" => gateways::disassociate(ec2, call),
        "ReleaseAddress" => gateways::release(ec2, call),
        "ModifyVpcEndpoint" => endpoints::modify(ec2, ids, call),
        "DeleteVpcEndpoints" => endpoints::delete(ec2, call),
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
