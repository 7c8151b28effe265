//! Making, changing and deleting.

use std::time::Duration;

use longshore_aws::{
    Owner, Ownership,
    wait::{Patience, Probe, still_there, until},
};
use longshore_model::{Action, Failure, FailureKind, StepPlan};
use longshore_plugin::{Context, Result};
use serde_json::{Map, Value, json};

use crate::{
    api::{Group, pairs},
    difference,
    observed::{Observed, Surroundings},
    options::LAST_PRIORITY,
    rule::{Rule, conditions_json, forward_json},
    step::TargetGroupStep,
};

/// The number of further priorities that are tried if another rule takes the free one first.
const ATTEMPTS: usize = 5;

/// For how long a target group may still count as used after its rules were deleted.
const LEFTOVERS: Patience = Patience::of(Duration::from_secs(60));

/// Members of a target group as a call has them.
pub(crate) fn members<'a>(
    fields: impl IntoIterator<Item = (&'static str, &'a str)>,
    protocol_version: Option<&str>,
) -> Value {
    let code = if protocol_version == Some("GRPC") { "GrpcCode" } else { "HttpCode" };
    let members = fields.into_iter().map(|(name, value)| match name {
        "Matcher" => (name.to_owned(), json!({ code: value })),
        _ => (name.to_owned(), json!(value)),
    });
    Value::Object(members.collect::<Map<_, _>>())
}

impl TargetGroupStep {
    /// Makes target group and rule as declared. Returns their ARNs.
    pub(crate) async fn make(
        &self,
        context: &Context,
        around: &Surroundings,
        plan: &StepPlan,
    ) -> Result<(String, String)> {
        let ownership = Ownership::of(context);
        let mut observed = self.observe(context, Some(&around.arn)).await?;
        if let Some(group) = &observed.group {
            self.require(&ownership, group)?;
            if !difference::unchangeable(&self.options, around, group).is_empty() {
                if plan.action != Action::Replace {
                    let message = format!("the {} has changed since it was planned", self.resource());
                    return Err(Failure::new(FailureKind::Conflict, message)
                        .at(format!("elasticloadbalancing:DescribeTargetGroups {}", self.name))
                        .help("run this again: the next plan shows what is there now"));
                }
                self.delete(context, &observed).await?;
                observed = Observed::default();
            }
        }
        context.keep_first(|| observed.clone());
        let group = match observed.group {
            Some(group) => {
                self.change_group(&ownership, &group).await?;
                group
            }
            None => self.create_group(&ownership, around).await?,
        };
        let rule = match observed.rule {
            Some(rule) => {
                self.change_rule(&ownership, &group.arn, &rule).await?;
                rule.arn
            }
            None => self.create_rule(context, &ownership, around, &group.arn).await?,
        };
        for stray in &observed.strays {
            self.api().delete_rule(&stray.arn).await?;
        }
        Ok((group.arn, rule))
    }

    async fn create_group(&self, ownership: &Ownership, around: &Surroundings) -> Result<Group> {
        let version = self.options.fixed.get("ProtocolVersion").map(String::as_str);
        let fixed = difference::fixed(&self.options, &around.vpc);
        let health = self.options.health.iter().map(|(name, value)| (*name, value.as_str()));
        let input = members(fixed.into_iter().chain(health), version);
        let group = self.api().create_group(&self.name, input, &ownership.tags()).await?;
        let attributes: Vec<_> = pairs(&self.options.attributes).collect();
        if !attributes.is_empty() {
            self.api().modify_attributes(&group.arn, &attributes).await?;
        }
        Ok(group)
    }

    async fn change_group(&self, ownership: &Ownership, group: &Group) -> Result<()> {
        let health = difference::health(&self.options, group);
        if !health.is_empty() {
            let version = group.fields.get("ProtocolVersion").map(String::as_str);
            self.api().modify_group(&group.arn, members(health, version)).await?;
        }
        let attributes = difference::attributes(&self.options, group);
        if !attributes.is_empty() {
            self.api().modify_attributes(&group.arn, &attributes).await?;
        }
        self.api().add_tags(&group.arn, ownership.missing(pairs(&group.tags))).await
    }

    async fn change_rule(&self, ownership: &Ownership, group: &str, rule: &Rule) -> Result<()> {
        let mut input = Map::new();
        if rule.conditions != self.options.conditions {
            input.insert("Conditions".to_owned(), conditions_json(&self.options.conditions));
        }
        if !rule.forwards_to(group) {
            input.insert("Actions".to_owned(), forward_json(&[group.to_owned()]));
        }
        if !input.is_empty() {
            self.api().modify_rule(&rule.arn, Value::Object(input)).await?;
        }
        if let Some(priority) = self.options.priority.filter(|priority| rule.priority != Some(*priority))
            && !self.api().set_priority(&rule.arn, priority).await?
        {
            return Err(taken(priority, &rule.listener()));
        }
        self.api().add_tags(&rule.arn, ownership.missing(pairs(&rule.tags))).await
    }

    /// Creates the rule, by the priority that is declared or by one that is free.
    async fn create_rule(
        &self,
        context: &Context,
        ownership: &Ownership,
        around: &Surroundings,
        group: &str,
    ) -> Result<String> {
        let tags: Vec<Value> =
            ownership.tags().into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        for _ in 0..ATTEMPTS {
            let priority = match self.options.priority {
                Some(priority) => priority,
                None => free(&self.api().rules(&around.arn).await?).ok_or_else(|| {
                    let message = format!("no priority is free on the listener {}", around.arn);
                    Failure::new(FailureKind::Conflict, message).help("delete rules that are not needed")
                })?,
            };
            let input = json!({
                "ListenerArn": around.arn,
                "Priority": priority,
                "Conditions": conditions_json(&self.options.conditions),
                "Actions": forward_json(&[group.to_owned()]),
                "Tags": tags,
            });
            if let Some(rule) = self.api().create_rule(&around.arn, input).await? {
                return Ok(rule.arn);
            }
            // An earlier attempt may have made it, and its answer was lost.
            let observed = self.observe(context, Some(&around.arn)).await?;
            if let Some(rule) = observed.rule {
                return Ok(rule.arn);
            }
            if self.options.priority.is_some() {
                return Err(taken(priority, &around.arn));
            }
        }
        let message = format!("other rules take each free priority of the listener {}", around.arn);
        Err(Failure::new(FailureKind::Conflict, message).help("run this again, or set `priority`"))
    }

    /// Deletes rule and target group, as far as the stack owns them.
    pub(crate) async fn delete(&self, context: &Context, observed: &Observed) -> Result<()> {
        let ownership = Ownership::of(context);
        if let Some(group) = &observed.group
            && ownership.owner(pairs(&group.tags)) == Owner::Ours
        {
            self.require_unprotected(&ownership, group)?;
        }
        for rule in observed.rules().filter(|rule| ownership.owner(pairs(&rule.tags)) == Owner::Ours) {
            self.api().delete_rule(&rule.arn).await?;
        }
        match &observed.group {
            Some(group) if ownership.owner(pairs(&group.tags)) == Owner::Ours => {
                delete_group(self.api(), context, &group.arn).await
            }
            _ => Ok(()),
        }
    }
}

/// Deletes a target group once nothing forwards to it.
pub(crate) async fn delete_group(api: crate::api::Api<'_>, context: &Context, arn: &str) -> Result<()> {
    until(context, LEFTOVERS, |_| async {
        if api.delete_group(arn).await? {
            return Ok(match api.group_at(arn).await? {
                None => Probe::Done(()),
                Some(_) => Probe::Again(still_there(&format!("target group {arn}"))),
            });
        }
        let message = format!("a listener or another rule still forwards to the target group {arn}");
        Ok(Probe::Again(
            Failure::new(FailureKind::Conflict, message)
                .at(format!("elasticloadbalancing:DeleteTargetGroup {arn}"))
                .help("let what others have made forward to another target group, and run this again"),
        ))
    })
    .await
}

/// The priority after the last one, or the lowest that is free.
fn free(rules: &[Rule]) -> Option<u32> {
    let is_free = |priority: &u32| !rules.iter().any(|rule| rule.priority == Some(*priority));
    let last = rules.iter().filter_map(|rule| rule.priority).max().unwrap_or_default();
    Some(last + 1).filter(|next| *next <= LAST_PRIORITY).or_else(|| (1..=LAST_PRIORITY).find(is_free))
}

fn taken(priority: u32, listener: &str) -> Failure {
    let message = format!("another rule of the listener {listener} has the priority {priority}");
    Failure::new(FailureKind::Conflict, message)
        .at("elasticloadbalancing:CreateRule")
        .help("set `priority` to another one, or remove it: then a free one is found")
}
