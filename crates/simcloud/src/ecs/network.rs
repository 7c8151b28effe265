//! The network configuration of tasks: `awsvpcConfiguration`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Ecs, wire::invalid};
use crate::{ApiError, World, ec2, partition};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NetworkConfiguration {
    pub(super) awsvpc_configuration: Option<AwsVpc>,
}

/// The network of a task: subnets, security groups, and whether it gets a public address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AwsVpc {
    pub(super) subnets: Vec<String>,
    #[serde(default)]
    pub(super) security_groups: Vec<String>,
    #[serde(default)]
    pub(super) assign_public_ip: PublicIp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum PublicIp {
    Enabled,
    #[default]
    Disabled,
}

impl Ecs {
    /// The network interfaces of the tasks of a region.
    pub(crate) fn interfaces(&self, region: &str, account: &str) -> Vec<ec2::Interface> {
        let attachments = partition::arn("ecs", region, account, "attachment");
        let clusters = self.regions.get(region).into_iter().flat_map(|region| region.clusters.values());
        let tasks = clusters.flat_map(|cluster| cluster.tasks.values());
        tasks.filter_map(|task| task.network_interface(&attachments)).collect()
    }
}

impl AwsVpc {
    pub(super) fn json(&self) -> Value {
        json!({ "awsvpcConfiguration": self })
    }

    /// Checks a network configuration for a task definition with the network mode `mode`.
    ///
    /// # Errors
    ///
    /// A configuration that is missing or superfluous, and subnets and groups that EC2 doesn't know.
    pub(super) fn checked(
        world: &World,
        region: &str,
        mode: Option<&str>,
        given: Option<NetworkConfiguration>,
        fargate: bool,
    ) -> Result<Option<Self>, ApiError> {
        let given = given.and_then(|configuration| configuration.awsvpc_configuration);
        let network = match (mode == Some("awsvpc"), given) {
            (true, Some(network)) => network,
            (true, None) => {
                return Err(invalid(
                    "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
                ));
            }
            (false, Some(_)) => {
                return Err(invalid(
                    "Network Configuration is not valid for the given networkMode of this task definition.",
                ));
            }
            (false, None) => return Ok(None),
        };
        if network.subnets.is_empty() {
            return Err(invalid("subnets can not be empty."));
        }
        if network.subnets.len() > 16 {
            return Err(invalid("subnets can have at most 16 items."));
        }
        if network.security_groups.len() > 5 {
            return Err(invalid("securityGroups can have at most 5 items."));
        }
        if network.assign_public_ip == PublicIp::Enabled && !fargate {
            return Err(invalid("Assign public IP is not supported for this launch type."));
        }
        let mut vpc = None;
        for id in &network.subnets {
            let Some(subnet) = world.ec2.subnet(id).filter(|subnet| subnet.region == region) else {
                return Err(invalid(format!(
                    "Error retrieving subnet information for [{id}]: The subnet ID '{id}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
                )));
            };
            if *vpc.get_or_insert(&subnet.vpc) != &subnet.vpc {
                return Err(invalid("All subnets must be in the same VPC."));
            }
        }
        for id in &network.security_groups {
            let Some(group) = world.ec2.security_group(id).filter(|group| group.region == region) else {
                return Err(invalid(format!(
                    "Error retrieving security group information for [{id}]: The security group '{id}' does not exist (ErrorCode: InvalidGroup.NotFound)"
                )));
            };
            if vpc != Some(&group.vpc) {
                return Err(invalid(format!(
                    "Security group {id} does not appear to belong to the same VPC as the input subnets."
                )));
            }
        }
        Ok(Some(network))
    }
}
