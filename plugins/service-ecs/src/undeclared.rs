//! Services of the stack that no step makes any more.

use std::collections::BTreeSet;

use aws_sdk_ecs::{
    Client,
    types::{Service, ServiceField},
};
use longshore_aws::{Aws, Owner, Ownership, RESOURCE_TAG, failure};
use longshore_model::StepId;
use longshore_plugin::{Context, Result};

/// DescribeServices takes at most this many.
const SERVICES_AT_ONCE: usize = 10;

/// Looks through all clusters of the account and region: a cluster may have left the configuration too.
pub(crate) async fn find(aws: &Aws, context: &Context, declared: &BTreeSet<StepId>) -> Result<Vec<String>> {
    let client = aws.ecs().await?;
    let ownership = Ownership::of(context);
    let mut found = Vec::new();
    let mut clusters = client.list_clusters().into_paginator().items().send();
    while let Some(cluster) = clusters.next().await {
        let cluster = cluster.map_err(|error| failure(&error, "ecs:ListClusters"))?;
        for services in services_of(client, &cluster).await?.chunks(SERVICES_AT_ONCE) {
            let call = client.describe_services().cluster(&cluster).include(ServiceField::Tags);
            let answer = call.set_services(Some(services.to_vec())).send().await;
            let answer =
                answer.map_err(|error| failure(&error, format!("ecs:DescribeServices {cluster}")))?;
            let undeclared = answer.services().iter().filter(|one| is_undeclared(one, &ownership, declared));
            found.extend(undeclared.map(|service| {
                let cluster = cluster.rsplit('/').next().unwrap_or(&cluster);
                format!("the service {cluster}/{}", service.service_name().unwrap_or_default())
            }));
        }
    }
    Ok(found)
}

async fn services_of(client: &Client, cluster: &str) -> Result<Vec<String>> {
    let mut services = client.list_services().cluster(cluster).into_paginator().items().send();
    let mut arns = Vec::new();
    while let Some(arn) = services.next().await {
        arns.push(arn.map_err(|error| failure(&error, format!("ecs:ListServices {cluster}")))?);
    }
    Ok(arns)
}

fn is_undeclared(service: &Service, ownership: &Ownership, declared: &BTreeSet<StepId>) -> bool {
    let tags = || service.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?)));
    let makes = |step: &StepId| tags().any(|(key, value)| key == RESOURCE_TAG && value == step.as_str());
    service.status() != Some("INACTIVE")
        && ownership.owner(tags()) == Owner::Ours
        && !declared.iter().any(makes)
}
