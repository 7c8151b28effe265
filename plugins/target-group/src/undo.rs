//! Taking back what this run changed.

use longshore_aws::Ownership;
use longshore_model::{Action, StepPlan};
use longshore_plugin::{Context, Result, stuck};
use serde_json::json;

use crate::{
    api::{Group, pairs},
    observed::{Observed, literal},
    rule::{Rule, conditions_json, forward_json},
    step::TargetGroupStep,
    write::members,
};

/// The members that a target group keeps.
const FIXED: [&str; 5] = ["Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId"];

impl TargetGroupStep {
    /// Removes the resources that the step made, and restores those that it changed.
    pub(crate) async fn take_back(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        if plan.action == Action::NoChange {
            return Ok(());
        }
        let Some(before) = context.kept::<Observed>() else {
            // Nothing was changed yet, unless it was to be replaced.
            return if plan.action == Action::Replace {
                Err(stuck(plan.action, &plan.resource))
            } else {
                Ok(())
            };
        };
        if plan.action == Action::Replace {
            return Err(stuck(plan.action, &plan.resource));
        }
        let Some(group) = &before.group else { return self.remove_all(context).await };
        let listener = before.rule.as_ref().map(Rule::listener);
        let now = self.observe(context, listener.as_deref().or(literal(&self.options))).await?;
        for made in now.rules().filter(|made| !before.rules().any(|rule| rule.arn == made.arn)) {
            self.api().delete_rule(&made.arn).await?;
        }
        // A rule that is gone would come back as another one.
        let mut is_complete = true;
        for rule in before.rules() {
            match now.rules().find(|now| now.arn == rule.arn) {
                Some(now) => self.restore_rule(rule, now).await?,
                None => is_complete = false,
            }
        }
        if let Some(now) = now.group.filter(|now| Ownership::of(context).is_ours_or_adopted(pairs(&now.tags)))
        {
            self.restore_group(group, &now).await?;
        }
        if is_complete { Ok(()) } else { Err(stuck(plan.action, &plan.resource)) }
    }

    async fn remove_all(&self, context: &Context) -> Result<()> {
        let observed = self.observe(context, literal(&self.options)).await?;
        self.delete(context, &observed).await
    }

    async fn restore_group(&self, was: &Group, now: &Group) -> Result<()> {
        let fields = was
            .fields
            .iter()
            .filter(|(name, value)| !FIXED.contains(*name) && now.fields.get(*name) != Some(*value));
        let fields: Vec<_> = fields.map(|(name, value)| (*name, value.as_str())).collect();
        if !fields.is_empty() {
            let version = was.fields.get("ProtocolVersion").map(String::as_str);
            self.api().modify_group(&was.arn, members(fields, version)).await?;
        }
        let attributes = pairs(&was.attributes)
            .filter(|(key, value)| now.attributes.get(*key).map(String::as_str) != Some(*value));
        let attributes: Vec<_> = attributes.collect();
        if !attributes.is_empty() {
            self.api().modify_attributes(&was.arn, &attributes).await?;
        }
        self.api().restore_tags(&was.arn, &was.tags, &now.tags).await
    }

    async fn restore_rule(&self, was: &Rule, now: &Rule) -> Result<()> {
        let mut input = json!({});
        if was.conditions != now.conditions {
            input["Conditions"] = conditions_json(&was.conditions);
        }
        if was.forwards != now.forwards && !was.forwards.is_empty() {
            input["Actions"] = forward_json(&was.forwards);
        }
        if input.as_object().is_some_and(|input| !input.is_empty()) {
            self.api().modify_rule(&was.arn, input).await?;
        }
        if let Some(priority) = was.priority.filter(|priority| now.priority != Some(*priority)) {
            self.api().set_priority(&was.arn, priority).await?;
        }
        self.api().restore_tags(&was.arn, &was.tags, &now.tags).await
    }
}
