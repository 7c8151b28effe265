//! The resources that a stack owns, by its tag.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use longshore_model::{Arn, FailureKind};
use longshore_plugin::Result;
use serde_json::{Value, json};

use super::{Clients, Freshness, Reads, loader::Loader};
use crate::{Owner, Ownership, RESOURCE_TAG, STACK_TAG, changes::Changes, failure, is_unsupported};

/// What a stack can own in its region. IAM's roles are not among what the tagging API knows, and task definitions are
/// found by their families.
const TYPES: [&str; 8] = [
    "ec2:security-group",
    "ecs:cluster",
    "ecs:service",
    "elasticloadbalancing:loadbalancer",
    "elasticloadbalancing:targetgroup",
    "logs:log-group",
    "secretsmanager:secret",
    "ssm:parameter",
];

/// GetResources gives at most this many at once.
const AT_ONCE: u8 = 100;

const CALL: &str = "tag:GetResources";

/// Something that carries a stack's tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Its ARN.
    pub arn: Arn,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Owned {
    /// Returns whether its tags name the stack and environment of `ownership`.
    #[must_use]
    pub fn is_of(&self, ownership: &Ownership) -> bool {
        let tags = self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        ownership.owner(tags) == Owner::Ours
    }

    /// The step that made it: the value of its tag [`RESOURCE_TAG`].
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.tags.get(RESOURCE_TAG).map(String::as_str)
    }
}

/// The resources that a stack owns, in the order of their ARNs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedResources {
    all: Vec<Owned>,
    /// Their positions in the order of the steps that made them.
    by_step: Vec<usize>,
}

impl OwnedResources {
    fn new(mut all: Vec<Owned>) -> Self {
        all.sort_by(|one, other| one.arn.as_str().cmp(other.arn.as_str()));
        let mut by_step: Vec<_> = (0..all.len()).collect();
        by_step.sort_by_key(|&position| all[position].resource());
        Self { all, by_step }
    }

    /// Returns the resource with this ARN.
    #[must_use]
    pub fn get(&self, arn: &str) -> Option<&Owned> {
        let found = self.all.binary_search_by(|one| one.arn.as_str().cmp(arn));
        found.ok().map(|position| &self.all[position])
    }

    /// Returns the resources that the step named `step` made.
    pub fn made_by(&self, step: &str) -> impl Iterator<Item = &Owned> {
        let first = self.by_step.partition_point(|&position| self.all[position].resource() < Some(step));
        let from = self.by_step[first..].iter().map(|&position| &self.all[position]);
        from.take_while(move |one| one.resource() == Some(step))
    }
}

impl Deref for OwnedResources {
    type Target = [Owned];

    fn deref(&self) -> &[Owned] {
        &self.all
    }
}

/// The resources of stacks, by the stacks' names; `None` if the endpoint does not know the tagging API.
pub(super) type OwnedByStack = Loader<(), String, Option<Arc<OwnedResources>>>;

pub(super) fn loader(clients: Clients, changes: Arc<Changes>) -> OwnedByStack {
    Loader::new(1, changes, move |(), stacks: Vec<String>| {
        let clients = clients.clone();
        async move {
            let mut found = BTreeMap::new();
            for stack in stacks {
                let owned = read(&clients, &stack).await?;
                found.insert(stack, Ok(owned.map(|owned| Arc::new(OwnedResources::new(owned)))));
            }
            Ok(found)
        }
    })
}

async fn read(clients: &Clients, stack: &str) -> Result<Option<Vec<Owned>>> {
    let aws = clients.get()?;
    let parameters = json!({
        "TagFilters": [{ "Key": STACK_TAG, "Values": [stack] }],
        "ResourceTypeFilters": TYPES,
        "ResourcesPerPage": AT_ONCE,
    });
    let mut pages = aws.resourcegroupstagging().await?.page_by_page("GetResources", parameters);
    let mut owned = Vec::new();
    loop {
        let page = match pages.next().await {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(Some(owned)),
            Err(error) if is_unsupported(&error) => return Ok(None),
            Err(error) => {
                let failure = failure(&error, CALL);
                return Err(match failure.kind {
                    FailureKind::Denied => failure.help(format!(
                        "allow `{CALL}` to the caller: it finds what the stack owns by its tag"
                    )),
                    _ => failure,
                });
            }
        };
        let resources = page.get("ResourceTagMappingList").and_then(Value::as_array);
        owned.extend(resources.into_iter().flatten().filter_map(owned_of));
    }
}

/// Reads a resource with its tags; `None` without an ARN.
fn owned_of(resource: &Value) -> Option<Owned> {
    let arn = resource.get("ResourceARN")?.as_str()?.parse().ok()?;
    let tags = resource.get("Tags").and_then(Value::as_array);
    let tags = tags.into_iter().flatten().filter_map(|tag| {
        let text = |member: &str| tag.get(member).and_then(Value::as_str).map(str::to_owned);
        Some((text("Key")?, text("Value")?))
    });
    Some(Owned { arn, tags: tags.collect() })
}

impl Reads {
    /// Returns the clusters, services, load balancers, target groups, security groups, log groups, secrets and parameters in
    /// the region of the run that carry the tag of `stack`, in any environment. One request returns a hundred of them and serves all callers. `None` if the
    /// endpoint does not support the tagging API, as with some emulators.
    ///
    /// AWS's index of tags lags behind by seconds, and lists deleted resources for a while. Read a resource itself
    /// before changing it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn owned(&self, stack: &str, freshness: Freshness) -> Result<Option<Arc<OwnedResources>>> {
        let owned = self.owned.load((), stack.to_owned(), freshness).await?;
        Ok(owned.flatten())
    }
}
