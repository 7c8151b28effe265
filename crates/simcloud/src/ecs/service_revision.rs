//! Service revisions: what a deployment deploys, frozen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    arn::Arns,
    load_balancing::Balanced,
    network::AwsVpc,
    service::Launch,
    wire::{Answer, input, invalid, missing, pruned, time},
};
use crate::{Call, Moment, World};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ServiceRevision {
    pub(super) id: String,
    /// The task definition's ARN.
    pub(super) definition: String,
    pub(super) launch: Launch,
    pub(super) network: Option<AwsVpc>,
    #[serde(default)]
    pub(super) load_balancers: Vec<Balanced>,
    pub(super) created: Moment,
    /// The containers' images, and the digests to which their tags were resolved by the first task.
    pub(super) images: BTreeMap<String, PinnedImage>,
    /// True if a deployment of it has completed: then one can roll back to it.
    pub(super) completed: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PinnedImage {
    pub(super) image: String,
    pub(super) digest: Option<String>,
}

impl ServiceRevision {
    fn json(&self, arns: &Arns, cluster: &str, service: &str) -> Value {
        let images: Vec<Value> = self
            .images
            .iter()
            .map(|(name, image)| {
                json!({ "containerName": name, "image": image.image, "imageDigest": image.digest })
            })
            .collect();
        pruned(json!({
            "serviceRevisionArn": arns.service_revision(cluster, service, &self.id),
            "serviceArn": arns.service(cluster, service),
            "clusterArn": arns.cluster(cluster),
            "taskDefinition": self.definition,
            "launchType": self.launch.launch_type,
            "capacityProviderStrategy": self.launch.strategy_json(),
            "platformVersion": self.launch.platform_version(),
            "platformFamily": self.launch.platform_family,
            "networkConfiguration": self.network.as_ref().map(AwsVpc::json),
            "loadBalancers": self.load_balancers.iter().map(Balanced::json).collect::<Vec<_>>(),
            "resolvedConfiguration": { "loadBalancers": self.load_balancers.iter().map(Balanced::resolved_json).collect::<Vec<_>>() },
            "containerImages": images,
            "guardDutyEnabled": false,
            "createdAt": time(self.created),
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    service_revision_arns: Vec<String>,
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let request: Describe = input(call)?;
    if request.service_revision_arns.is_empty() || request.service_revision_arns.len() > 20 {
        return Err(invalid("serviceRevisionArns must have between 1 and 20 elements."));
    }
    let arns = Arns::of(world, &call.region);
    let region = world.ecs.region_mut(&call.region);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in &request.service_revision_arns {
        let mut path = arns.path("service-revision", arn).unwrap_or_default().split('/');
        let mut next = || path.next().unwrap_or_default();
        let (cluster, service, id) = (next(), next(), next());
        let revision = region
            .clusters
            .get(cluster)
            .and_then(|cluster| cluster.services.get(service))
            .and_then(|service| service.revision(id));
        match revision {
            Some(revision) => found.push(revision.json(&arns, cluster, service)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({ "serviceRevisions": found, "failures": failures }))
}
