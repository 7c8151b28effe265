//! The declared state, with the values of references.

use std::collections::BTreeMap;

use longshore_model::{AFTER_APPLY, Inputs, Reference};
use longshore_plugin::Result;
use serde_json::{Map, Value, json};

use crate::{
    api::{ACTIONS, Api, Kind, POLICIES},
    options::Options,
};

/// The inputs of the calls, without the members that name the target.
pub(crate) struct Declared {
    /// Of RegisterScalableTarget.
    pub(crate) target: Map<String, Value>,
    policies: BTreeMap<String, Value>,
    actions: BTreeMap<String, Value>,
}

impl Declared {
    /// Puts the values of references into the options. A value that is not known yet is [`AFTER_APPLY`].
    pub(crate) async fn of(api: Api<'_>, options: &Options, inputs: &Inputs) -> Result<Self> {
        let mut target = options.target.clone();
        target.insert("MinCapacity".to_owned(), json!(options.min));
        target.insert("MaxCapacity".to_owned(), json!(options.max));
        let mut policies = BTreeMap::new();
        for (name, policy) in &options.policies {
            let mut input = Reference::resolved(&policy.input, inputs);
            if let Some(group) = &policy.target_group {
                let label = match group.value(inputs) {
                    Some(arn) => api.label(arn).await?,
                    None => AFTER_APPLY.to_owned(),
                };
                let metric = "/TargetTrackingScalingPolicyConfiguration/PredefinedMetricSpecification";
                if let Some(metric) = input.pointer_mut(metric) {
                    metric["ResourceLabel"] = json!(label);
                }
            }
            policies.insert(name.clone(), input);
        }
        let actions = options.actions.iter();
        let actions =
            actions.map(|(name, input)| (name.clone(), Reference::resolved(input, inputs))).collect();
        Ok(Self { target, policies, actions })
    }

    /// The items of a kind, by the names that the configuration gives them.
    pub(crate) fn items(&self, kind: Kind) -> &BTreeMap<String, Value> {
        if kind == POLICIES { &self.policies } else { &self.actions }
    }

    /// Returns true if a scheduled action sets `member` of the target to `value`: then the target may have it, too.
    pub(crate) fn schedules(&self, member: &str, value: &Value) -> bool {
        let actions = self.items(ACTIONS).values();
        let mut scheduled = actions.filter_map(|input| input.get("ScalableTargetAction")?.get(member));
        scheduled.any(|scheduled| scheduled == value)
    }
}
