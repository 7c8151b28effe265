//! The actual state of a step: the scalable target with its policies and scheduled actions.

use longshore_plugin::Result;
use serde_json::Value;

use crate::api::{ACTIONS, Api, Kind, POLICIES, Target};

/// A scalable target with all that belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observed {
    pub(crate) target: Target,
    policies: Vec<Value>,
    actions: Vec<Value>,
}

impl Observed {
    /// Reads the target of a service. Returns `None` if the service has no target.
    pub(crate) async fn read(api: Api<'_>, resource: &str) -> Result<Option<Self>> {
        let Some(target) = api.target(resource).await? else { return Ok(None) };
        let policies = api.items(POLICIES, resource).await?;
        Ok(Some(Self { target, policies, actions: api.items(ACTIONS, resource).await? }))
    }

    /// The items of a kind, as AWS answers them.
    pub(crate) fn items(&self, kind: Kind) -> &[Value] {
        if kind == POLICIES { &self.policies } else { &self.actions }
    }

    /// The item of a kind with a name.
    pub(crate) fn item(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.items(kind).iter().find(|item| kind.name_of(item) == name)
    }
}
