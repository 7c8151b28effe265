//! Existing resources that a configuration refers to: subnets, security groups, roles, secrets, parameters.
//!
//! Plans read them before anything is made. A run changes none of them, so each is read once in a run.

use std::sync::Arc;

use aws_sdk_ssm::types::ParameterStringFilter;
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use serde_json::json;

use super::{
    Clients, Freshness, Reads,
    loader::{Found, Loader},
};
use crate::{Aws, code, failure};

/// The maximum number of values in a filter of EC2 (EC2 user guide, "List and filter using the CLI and API").
const FILTER_VALUES: usize = 200;

/// The number of parameters in a filter of `DescribeParameters`, with two names each (API reference,
/// ParameterStringFilter).
const PARAMETERS: usize = 25;

/// A part of a service's network configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkPart {
    /// A subnet.
    Subnet,
    /// A security group.
    SecurityGroup,
}

impl NetworkPart {
    /// The call that looks for it.
    #[must_use]
    pub const fn call(self) -> &'static str {
        match self {
            Self::Subnet => "ec2:DescribeSubnets",
            Self::SecurityGroup => "ec2:DescribeSecurityGroups",
        }
    }
}

/// A secret that is there: the stages of its versions, by the versions' ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExistingSecret {
    /// True if it is scheduled for deletion, and therefore unreadable.
    pub is_deleted: bool,
    /// The ids of its versions, with their stages.
    pub versions: Vec<(String, Vec<String>)>,
}

/// The loaders.
pub(super) struct Existing {
    vpcs: Loader<NetworkPart, String, String>,
    roles: Loader<(), String, String>,
    secrets: Loader<(), String, ExistingSecret>,
    parameters: Loader<(), String, ()>,
}

impl Existing {
    pub(super) fn new(clients: &Clients) -> Self {
        let (of_network, of_iam) = (clients.clone(), clients.clone());
        let (of_secrets, of_parameters) = (clients.clone(), clients.clone());
        Self {
            vpcs: Loader::new(FILTER_VALUES, Arc::default(), move |part, ids| {
                let clients = of_network.clone();
                async move { vpcs(&clients.get()?, part, ids).await }
            }),
            roles: Loader::new(1, Arc::default(), move |(), names| {
                let clients = of_iam.clone();
                async move { roles(&clients.get()?, names).await }
            }),
            secrets: Loader::new(1, Arc::default(), move |(), ids| {
                let clients = of_secrets.clone();
                async move { secrets(&clients.get()?, ids).await }
            }),
            parameters: Loader::new(PARAMETERS, Arc::default(), move |(), names| {
                let clients = of_parameters.clone();
                async move { parameters(&clients.get()?, names).await }
            }),
        }
    }
}

/// Filters, other than lists of ids, leave out what is not there.
async fn vpcs(aws: &Aws, part: NetworkPart, ids: Vec<String>) -> Result<Found<String, String>> {
    let (operation, filter, list, id) = match part {
        NetworkPart::Subnet => ("DescribeSubnets", "subnet-id", "subnetSet", "subnetId"),
        NetworkPart::SecurityGroup => ("DescribeSecurityGroups", "group-id", "securityGroupInfo", "groupId"),
    };
    let parameters = json!({ "Filter": [{ "Name": filter, "Value": ids }] });
    let pages = aws.ec2().await?.pages(operation, parameters).await;
    let pages = pages.map_err(|error| failure(&error, part.call()))?;
    let parts = pages.iter().flat_map(|page| page.items(list)).filter_map(|part| {
        let vpc = part.text_of("vpcId").unwrap_or_default();
        Some((part.text_of(id)?.to_owned(), Ok(vpc.to_owned())))
    });
    Ok(parts.collect())
}

async fn roles(aws: &Aws, names: Vec<String>) -> Result<Found<String, String>> {
    let mut found = Found::new();
    for name in names {
        match aws.iam().await?.get_role().role_name(&name).send().await {
            Ok(answer) => found.extend(answer.role.map(|role| (name, Ok(role.arn)))),
            Err(error) if code(&error) == Some("NoSuchEntity") => {}
            Err(error) => return Err(failure(&error, format!("iam:GetRole {name}"))),
        }
    }
    Ok(found)
}

async fn secrets(aws: &Aws, ids: Vec<String>) -> Result<Found<String, ExistingSecret>> {
    let mut found = Found::new();
    for id in ids {
        match aws.secretsmanager().await?.describe_secret().secret_id(&id).send().await {
            Ok(answer) => {
                let secret = ExistingSecret {
                    is_deleted: answer.deleted_date.is_some(),
                    versions: answer.version_ids_to_stages.unwrap_or_default().into_iter().collect(),
                };
                found.insert(id, Ok(secret));
            }
            Err(error) if code(&error) == Some("ResourceNotFoundException") => {}
            Err(error) => return Err(failure(&error, format!("secretsmanager:DescribeSecret {id}"))),
        }
    }
    Ok(found)
}

/// Finds each parameter with and without a leading slash: its ARN shows the slash only if the name contains another
/// one.
async fn parameters(aws: &Aws, names: Vec<String>) -> Result<Found<String, ()>> {
    const CALL: &str = "ssm:DescribeParameters";
    let both = names.iter().flat_map(|name| {
        let plain = (!name.contains('/')).then(|| name.clone());
        plain.into_iter().chain([format!("/{name}")])
    });
    let filter =
        ParameterStringFilter::builder().key("Name").option("Equals").set_values(Some(both.collect()));
    let filter = filter.build().map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
    let call = aws.ssm().await?.describe_parameters().parameter_filters(filter);
    let mut pages = call.into_paginator().send();
    let mut found = Found::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure(&error, CALL))?;
        let listed = page.parameters.into_iter().flatten().filter_map(|parameter| parameter.name);
        found.extend(listed.map(|name| (name.trim_start_matches('/').to_owned(), Ok(()))));
    }
    Ok(found)
}

impl Reads {
    /// Notes that [`vpc_of`] may be asked, so that one call can tell of all.
    ///
    /// [`vpc_of`]: Self::vpc_of
    pub fn expect_vpc_of(&self, part: NetworkPart, id: &str) {
        self.existing.vpcs.expect(part, id.to_owned());
    }

    /// Returns the VPC of a subnet or security group of the region; `None` if no such part exists.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn vpc_of(&self, part: NetworkPart, id: &str) -> Result<Option<String>> {
        self.existing.vpcs.load(part, id.to_owned(), Freshness::Planned).await
    }

    /// Returns the ARN of the account's role with this name; `None` if the role does not exist.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn existing_role(&self, name: &str) -> Result<Option<String>> {
        self.existing.roles.load((), name.to_owned(), Freshness::Planned).await
    }

    /// Returns the secret with this ARN, without its value; `None` if the secret does not exist.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn existing_secret(&self, arn: &str) -> Result<Option<ExistingSecret>> {
        self.existing.secrets.load((), arn.to_owned(), Freshness::Planned).await
    }

    /// Returns `true` if the region has the parameter that an ARN names as `parameter/NAME`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn has_parameter(&self, name: &str) -> Result<bool> {
        Ok(self.existing.parameters.load((), name.to_owned(), Freshness::Planned).await?.is_some())
    }
}
