//! ECS services and clusters.

use std::{collections::BTreeMap, fmt, sync::Arc};

use aws_sdk_ecs::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    types::{Cluster, ClusterField, Failure as EcsFailure, Service, ServiceField},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Clients, Freshness, Reads, loader::Loader};
use crate::{JsonAnswer, changes::Changes, code, failure};

/// DescribeServices takes at most this many, all of one cluster.
const SERVICES_AT_ONCE: usize = 10;

/// DescribeClusters takes at most this many.
const CLUSTERS_AT_ONCE: usize = 100;

/// Services by name, in their clusters.
pub(super) type Services = Loader<String, String, Described>;

/// A service as ECS describes it.
#[derive(Clone)]
pub(super) struct Described {
    service: Arc<Service>,
    json: ServiceJson,
}

/// The members of a service that can be declared, with those that the SDK does not know. Clones share them.
///
/// They are kept as text, which takes a tenth of the memory: most services declare none of them, so that nothing is
/// looked up.
#[derive(Clone, Debug)]
pub struct ServiceJson(Arc<str>);

/// Members that only tell of a service, or that every service has. A service has up to a hundred events.
const TOLD: [&str; 2] = ["events", "tags"];

impl ServiceJson {
    /// Returns the members.
    #[must_use]
    pub fn parsed(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for ServiceJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

/// Reads the members of a service.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = ServiceJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a service")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<ServiceJson, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if TOLD.contains(&name.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else {
                members.insert(name, map.next_value()?);
            }
        }
        Ok(ServiceJson(Value::Object(members).to_string().into()))
    }
}

/// An answer of DescribeServices.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    services: Vec<ServiceJson>,
}

/// Clusters by name.
pub(super) type Clusters = Loader<(), String, Arc<Cluster>>;

/// The last part of an ARN, or a name.
pub(super) fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The name, or the end of the ARN, which some endpoints give alone.
fn service_name(service: &Service) -> Option<String> {
    service.service_name().or_else(|| service.service_arn().map(name_of)).map(str::to_owned)
}

/// The same of a cluster.
fn cluster_name(cluster: &Cluster) -> Option<String> {
    cluster.cluster_name().or_else(|| cluster.cluster_arn().map(name_of)).map(str::to_owned)
}

/// Returns true if the error says that the service, or its cluster, is not there (any more). ECS has no one code for a cluster
/// that was deleted: it is found in the message.
pub fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let message = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
    matches!(
        code(error),
        Some("ServiceNotFoundException" | "ServiceNotActiveException" | "ClusterNotFoundException")
    ) || message.contains("cluster was inactive")
}

/// The same service without unused capacity. The SDK's lists have room for four deployments where there is one, each of
/// them a kilobyte.
fn compact(mut service: Service) -> Service {
    service.deployments.as_mut().map(Vec::shrink_to_fit);
    service.events.as_mut().map(Vec::shrink_to_fit);
    service.tags.as_mut().map(Vec::shrink_to_fit);
    service
}

/// Returns ECS's failure for something that it does not show; `None` if it does not exist.
fn unseen(what: &str, failed: &EcsFailure) -> Option<Failure> {
    let reason = failed.reason().unwrap_or("no reason");
    if reason == "MISSING" {
        return None;
    }
    let detail = failed.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let message = format!("ECS does not show the {what}: {reason}{detail}");
    Some(Failure::new(FailureKind::Unavailable, message))
}

pub(super) fn services(clients: Clients, changes: Arc<Changes>) -> Services {
    Loader::new(SERVICES_AT_ONCE, changes, move |cluster: String, names: Vec<String>| {
        let clients = clients.clone();
        async move {
            let aws = clients.get()?;
            let call = aws
                .ecs()
                .await?
                .describe_services()
                .cluster(&cluster)
                .set_services(Some(names))
                .include(ServiceField::Tags);
            let json = JsonAnswer::default();
            let answer = match call.customize().interceptor(json.clone()).send().await {
                Ok(answer) => answer,
                Err(error) if is_absent(&error) => return Ok(BTreeMap::new()),
                Err(error) => return Err(failure(&error, "ecs:DescribeServices")),
            };
            let services = answer.services.unwrap_or_default().into_iter();
            let json = json.read::<Answer>().map(|answer| answer.services);
            // In the same order: the SDK made its own of them.
            let described = services
                .zip(json.unwrap_or_default())
                .map(|(service, json)| Described { service: Arc::new(compact(service)), json });
            let mut found: BTreeMap<_, _> = described
                .filter_map(|described| Some((service_name(&described.service)?, Ok(described))))
                .collect();
            for failed in answer.failures.unwrap_or_default() {
                let Some(failure) = unseen("service", &failed) else { continue };
                let name = name_of(failed.arn().unwrap_or_default()).to_owned();
                found.insert(name, Err(failure));
            }
            Ok(found)
        }
    })
}

pub(super) fn clusters(clients: Clients, changes: Arc<Changes>) -> Clusters {
    Loader::new(CLUSTERS_AT_ONCE, changes, move |(), names: Vec<String>| {
        let clients = clients.clone();
        async move {
            let aws = clients.get()?;
            let call =
                aws.ecs().await?.describe_clusters().set_clusters(Some(names)).include(ClusterField::Tags);
            let answer = call.send().await.map_err(|error| failure(&error, "ecs:DescribeClusters"))?;
            let clusters = answer.clusters.unwrap_or_default().into_iter();
            let mut found: BTreeMap<_, _> = clusters
                .filter_map(|cluster| Some((cluster_name(&cluster)?, Ok(Arc::new(cluster)))))
                .collect();
            for failed in answer.failures.unwrap_or_default() {
                let Some(failure) = unseen("cluster", &failed) else { continue };
                let name = name_of(failed.arn().unwrap_or_default()).to_owned();
                found.insert(name, Err(failure));
            }
            Ok(found)
        }
    })
}

impl Reads {
    /// Notes that the service will be asked for: the next request for one of its cluster reads it too.
    pub fn expect_service(&self, cluster: &str, name: &str) {
        self.services.expect(name_of(cluster).to_owned(), name.to_owned());
    }

    /// A service with its tags, by the name or ARN of its cluster; nothing when it, or its cluster, is not there. A
    /// deleted service may still be seen for a while, as INACTIVE.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn service(
        &self,
        cluster: &str,
        name: &str,
        freshness: Freshness,
    ) -> Result<Option<Arc<Service>>> {
        Ok(self.described(cluster, name, freshness).await?.map(|described| described.service))
    }

    /// The same, and as JSON with the members that the SDK does not know.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn service_with_json(
        &self,
        cluster: &str,
        name: &str,
        freshness: Freshness,
    ) -> Result<Option<(Arc<Service>, ServiceJson)>> {
        let described = self.described(cluster, name, freshness).await?;
        Ok(described.map(|Described { service, json }| (service, json)))
    }

    async fn described(&self, cluster: &str, name: &str, freshness: Freshness) -> Result<Option<Described>> {
        let cluster = name_of(cluster);
        let found = self.services.load(cluster.to_owned(), name.to_owned(), freshness).await;
        found.map_err(|failure| failure.at(format!("ecs:DescribeServices {cluster}/{name}")))
    }

    /// A cluster with its tags. ECS shows deleted ones for a while, as INACTIVE.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn cluster(&self, name: &str, freshness: Freshness) -> Result<Option<Arc<Cluster>>> {
        let found = self.clusters.load((), name.to_owned(), freshness).await;
        found.map_err(|failure| failure.at(format!("ecs:DescribeClusters {name}")))
    }
}
