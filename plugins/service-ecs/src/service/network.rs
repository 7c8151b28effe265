//! The network configuration of a service's tasks.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_ecs::types::{AssignPublicIp, AwsVpcConfiguration, NetworkConfiguration};
use longshore_aws::Aws;
use longshore_model::{AFTER_APPLY, Failure, FailureKind, FieldChange, Inputs, Shown, Text};
use longshore_plugin::Result;

use crate::aws_fields::AwsFields;
use crate::declaration::{LaunchType, Network};

/// Subnets, security groups and public addresses, found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The subnets, sorted.
    pub(crate) subnets: BTreeSet<String>,
    /// The security groups, sorted; when empty, the VPC's default group.
    pub(crate) security_groups: BTreeSet<String>,
    /// True if tasks get public addresses.
    pub(crate) assign_public_ip: bool,
}

impl Placement {
    /// Returns the declared placement: as given, or the default VPC's subnets. References have the values of `inputs`.
    pub(crate) async fn resolve(
        aws: &Aws,
        network: &Network,
        inputs: &Inputs,
        launch_type: LaunchType,
    ) -> Result<Self> {
        let is_default_vpc = network.subnets.is_empty();
        let ids = |texts: &[Text]| texts.iter().map(|text| text.shown(inputs).to_owned()).collect();
        let subnets = if is_default_vpc { default_subnets(aws).await? } else { ids(&network.subnets) };
        // ECS has public addresses for Fargate only (API reference, AwsVpcConfiguration).
        let by_default = is_default_vpc && launch_type == LaunchType::Fargate;
        Ok(Self {
            subnets,
            security_groups: ids(&network.security_groups),
            assign_public_ip: network.assign_public_ip.unwrap_or(by_default),
        })
    }

    /// Returns the placement that `network` declares, and that of an adopted service in place of the rest.
    pub(crate) async fn of_adopted(
        aws: &Aws,
        network: &Network,
        inputs: &Inputs,
        launch_type: LaunchType,
        fields: &AwsFields,
        there: Self,
    ) -> Result<Self> {
        let has = |word: &str| fields.has_word(&format!("network.{word}"));
        let texts = |ids: &BTreeSet<String>| ids.iter().map(Text::from).collect();
        let network = Network {
            subnets: if has("subnets") { network.subnets.clone() } else { texts(&there.subnets) },
            security_groups: if has("security-groups") {
                network.security_groups.clone()
            } else {
                texts(&there.security_groups)
            },
            assign_public_ip: network.assign_public_ip.or(Some(there.assign_public_ip)),
        };
        Self::resolve(aws, &network, inputs, launch_type).await
    }

    /// Returns a service's placement.
    pub(crate) fn of(configuration: &AwsVpcConfiguration) -> Self {
        Self {
            subnets: configuration.subnets().iter().cloned().collect(),
            security_groups: configuration.security_groups().iter().cloned().collect(),
            assign_public_ip: configuration.assign_public_ip == Some(AssignPublicIp::Enabled),
        }
    }

    /// As ECS takes it.
    pub(crate) fn configuration(&self) -> Result<NetworkConfiguration> {
        let address = if self.assign_public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
        let vpc = AwsVpcConfiguration::builder()
            .set_subnets(Some(self.subnets.iter().cloned().collect()))
            // Also when there are none: ECS then takes the VPC's default group, and moto wants to see the member.
            .set_security_groups(Some(self.security_groups.iter().cloned().collect()))
            .assign_public_ip(address)
            .build()
            .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
        Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
    }

    /// Field by field, as plans show it.
    pub(crate) fn fields(&self) -> [(String, Shown); 3] {
        let list = |items: &BTreeSet<String>| {
            let items: Vec<_> = items.iter().map(String::as_str).collect();
            if items.contains(&AFTER_APPLY) {
                return Shown::AfterApply;
            }
            Shown::text(if items.is_empty() { "none".to_owned() } else { items.join(", ") })
        };
        let address = if self.assign_public_ip { "ENABLED" } else { "DISABLED" };
        let field = |name: &str| format!("networkConfiguration.awsvpcConfiguration.{name}");
        [
            (field("subnets"), list(&self.subnets)),
            (field("securityGroups"), list(&self.security_groups)),
            (field("assignPublicIp"), Shown::text(address)),
        ]
    }

    /// Returns the differences between `self`, which a service has, and `declared`.
    pub(crate) fn changes_to(&self, declared: &Self) -> Vec<FieldChange> {
        let both = self.fields().into_iter().zip(declared.fields());
        both.filter(|((_, old), (_, new))| old != new)
            .map(|((field, old), (_, new))| FieldChange::new(field, Some(old), Some(new)))
            .collect()
    }
}

/// The subnets of the region's default VPC, one for each availability zone.
async fn default_subnets(aws: &Aws) -> Result<BTreeSet<String>> {
    let subnets = aws.reads().default_subnets().await?;
    if subnets.is_empty() {
        let message = format!("the region {} has no default VPC with default subnets", aws.region().await?);
        return Err(Failure::new(FailureKind::Invalid, message).at("ec2:DescribeSubnets").help(
            "say where the tasks run: set `network.subnets` of the service (and `network.security-groups`)",
        ));
    }
    Ok(Arc::unwrap_or_clone(subnets))
}
