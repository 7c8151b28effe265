//! Making, changing, removing, and taking back.

use longshore_aws::{Freshness, Owner, Ownership};
use longshore_model::{Action, Inputs, Outputs, StepPlan};
use longshore_plugin::{Context, Result, stuck};
use serde_json::{Map, Value};

use crate::{
    SCALABLE_TARGET_ARN,
    api::{ACTIONS, Kind, POLICIES, pairs, text},
    declared::Declared,
    difference::{Difference, differs},
    observed::Observed,
    policy_arn,
    step::AutoScalingStep,
};

/// The members of a target that are restored.
const RESTORED: [&str; 3] = ["MaxCapacity", "MinCapacity", "SuspendedState"];

impl AutoScalingStep {
    /// Makes the target and all that belongs to it as declared.
    pub(crate) async fn make(&self, context: &Context, inputs: &Inputs) -> Result<Outputs> {
        let ownership = Ownership::of(context);
        let declared = Declared::of(self.api(), &self.options, inputs).await?;
        let observed = self.observe().await?;
        if let Some(observed) = &observed {
            self.require(&ownership, &observed.target)?;
        }
        context.keep_first(|| observed.clone());
        let difference = Difference::of(&declared, observed.as_ref(), &ownership);
        let scales = difference.registers && self.scales(Freshness::Now).await?;
        let arn = self.register(context, &ownership, &declared, observed.as_ref(), &difference).await?;
        // A policy for the same metric must go first.
        for (kind, name) in &difference.deletes {
            self.api().delete(context, *kind, &self.resource, name).await?;
        }
        let mut outputs: Outputs = [(SCALABLE_TARGET_ARN.to_owned(), arn)].into_iter().collect();
        for (label, input) in declared.items(POLICIES) {
            if let Some(policy) =
                observed.as_ref().and_then(|now| now.item(POLICIES, POLICIES.name_of(input)))
            {
                outputs.insert(policy_arn(label), text(policy, "PolicyARN").to_owned());
            }
        }
        for (kind, input) in &difference.puts {
            let answer = self.api().put(context, *kind, &self.resource, input).await?;
            let mut labels = declared.items(POLICIES).iter().filter(|(_, declared)| *declared == input);
            if let Some((label, _)) = labels.next() {
                outputs.insert(policy_arn(label), text(&answer, "PolicyARN").to_owned());
            }
        }
        if scales {
            self.follow(context).await?;
        }
        Ok(outputs)
    }

    /// Registers or changes the target. Returns its ARN.
    async fn register(
        &self,
        context: &Context,
        ownership: &Ownership,
        declared: &Declared,
        observed: Option<&Observed>,
        difference: &Difference,
    ) -> Result<String> {
        let members = declared.target.clone();
        let Some(observed) = observed else {
            return self.api().register(context, &self.resource, members, Some(&ownership.tags())).await;
        };
        if difference.registers {
            self.api().register(context, &self.resource, members, None).await?;
        }
        let missing = ownership.missing(pairs(&observed.target.tags));
        self.api().add_tags(context, &observed.target, missing).await?;
        Ok(observed.target.arn().to_owned())
    }

    /// Deregisters the target if the stack owns it.
    pub(crate) async fn delete(&self, context: &Context) -> Result<()> {
        let ownership = Ownership::of(context);
        match self.api().target(&self.resource).await? {
            Some(target) if ownership.owner(pairs(&target.tags)) == Owner::Ours => {
                self.require_unprotected(&ownership, &target)?;
                self.api().deregister(context, &self.resource).await
            }
            _ => Ok(()),
        }
    }

    /// Makes everything as it was before this run changed it.
    pub(crate) async fn take_back(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        if plan.action == Action::NoChange {
            return Ok(());
        }
        // It is noted before anything is changed.
        let Some(before) = context.kept::<Option<Observed>>() else { return Ok(()) };
        let Some(before) = before else { return self.delete(context).await };
        let Some(now) = self.observe().await? else { return Err(stuck(plan.action, &plan.resource)) };
        if !Ownership::of(context).is_ours_or_adopted(pairs(&now.target.tags)) {
            return Ok(());
        }
        let member = |name: &str| Some((name.to_owned(), before.target.json.get(name)?.clone()));
        let members: Map<_, _> = RESTORED.into_iter().filter_map(member).collect();
        if members.iter().any(|(name, value)| now.target.json.get(name) != Some(value)) {
            self.api().register(context, &self.resource, members, None).await?;
        }
        for kind in [POLICIES, ACTIONS] {
            self.restore(context, kind, &before, &now).await?;
        }
        let (was, tags) = (&before.target.tags, &now.target.tags);
        let lost = pairs(was).filter(|(key, value)| tags.get(*key).map(String::as_str) != Some(*value));
        self.api().add_tags(context, &now.target, lost).await?;
        let new: Vec<_> = tags.keys().filter(|key| !was.contains_key(*key)).map(String::as_str).collect();
        self.api().remove_tags(context, &now.target, &new).await
    }

    async fn restore(&self, context: &Context, kind: Kind, before: &Observed, now: &Observed) -> Result<()> {
        let was = |item: &Value| before.item(kind, kind.name_of(item));
        for item in now.items(kind) {
            if was(item).is_none_or(|was| differs(kind, was, item)) {
                self.api().delete(context, kind, &self.resource, kind.name_of(item)).await?;
            }
        }
        for item in before.items(kind) {
            let now = now.item(kind, kind.name_of(item));
            if now.is_none_or(|now| differs(kind, item, now)) {
                self.api().put(context, kind, &self.resource, &kind.input_of(item)).await?;
            }
        }
        Ok(())
    }
}
