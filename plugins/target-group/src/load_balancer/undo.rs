//! Taking back what this run changed.

use std::collections::BTreeMap;

use longshore_aws::Ownership;
use longshore_model::{Action, StepPlan};
use longshore_plugin::{Context, Result, stuck};
use serde_json::{Value, json};

use super::{
    api::{Balancer, Listener},
    observed::Observed,
    step::LoadBalancerStep,
    write::delete_group,
};
use crate::{
    api::{pairs, pairs_json},
    network::SecurityGroup,
};

/// A listener as a call has it.
fn listener_json(listener: &Listener) -> Value {
    let mut input = json!({
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": listener.actions,
    });
    if let Some(certificate) = &listener.certificate {
        input["Certificates"] = json!([{ "CertificateArn": certificate }]);
    }
    if let Some(policy) = &listener.ssl_policy {
        input["SslPolicy"] = json!(policy);
    }
    input
}

impl LoadBalancerStep {
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
        let Some(balancer) = &before.balancer else { return self.remove_made(context, &before).await };
        let now = self.observe(context, Some(&balancer.vpc)).await?;
        let Some(now_balancer) = &now.balancer else { return Err(stuck(plan.action, &plan.resource)) };
        if now_balancer.arn != balancer.arn
            || !Ownership::of(context).is_ours_or_adopted(pairs(&now_balancer.tags))
        {
            return Err(stuck(plan.action, &plan.resource));
        }
        self.restore_listeners(&before, &now).await?;
        let was = self.restore_groups(&before, &now, balancer).await?;
        self.restore_balancer(&was, now_balancer).await?;
        // Those for targets refer to the others.
        let made = now.own_groups(&Ownership::of(context)).into_iter();
        for made in made.filter(|made| !before.groups.iter().any(|was| was.id == made.id)) {
            delete_group(self.network(), context, &made.id).await?;
        }
        Ok(())
    }

    /// Removes what is new, and restores the security groups that were there before.
    async fn remove_made(&self, context: &Context, before: &Observed) -> Result<()> {
        let mut now = self.observe(context, None).await?;
        let was_of = |group: &SecurityGroup| before.groups.iter().find(|was| was.id == group.id);
        let (there, made) = now.groups.into_iter().partition(|group| was_of(group).is_some());
        now.groups = made;
        self.delete(context, &now).await?;
        let there: Vec<SecurityGroup> = there;
        for group in &there {
            if let Some(was) = was_of(group) {
                self.restore_group(was, group).await?;
            }
        }
        Ok(())
    }

    async fn restore_listeners(&self, before: &Observed, now: &Observed) -> Result<()> {
        let is_in = |listeners: &[Listener], arn: &str| listeners.iter().any(|one| one.arn == arn);
        for made in now.listeners.iter().filter(|made| !is_in(&before.listeners, &made.arn)) {
            self.api().delete_listener(&made.arn).await?;
        }
        for was in &before.listeners {
            let Some(there) = now.listeners.iter().find(|there| there.arn == was.arn) else { continue };
            if (Listener { tags: was.tags.clone(), ..there.clone() }) != *was {
                self.api().modify_listener(&was.arn, listener_json(was)).await?;
            }
            self.api().restore_tags(&was.arn, &was.tags, &there.tags).await?;
        }
        // Only the redirect is deleted, and nothing refers to it.
        for gone in before.listeners.iter().filter(|gone| !is_in(&now.listeners, &gone.arn)) {
            let balancer = before.balancer.as_ref().map_or("", |balancer| balancer.arn.as_str());
            let mut input = listener_json(gone);
            input["Tags"] = pairs_json(pairs(&gone.tags));
            self.api().create_listener(balancer, input).await?;
        }
        Ok(())
    }

    /// Restores the security groups. Returns the load balancer as it was, with the new ids of groups that had been deleted.
    async fn restore_groups(&self, before: &Observed, now: &Observed, was: &Balancer) -> Result<Balancer> {
        let mut balancer = was.clone();
        let mut new_ids = BTreeMap::new();
        let mut groups: Vec<_> = before.groups.iter().collect();
        // Those for targets refer to the others.
        groups.sort_by_key(|group| group.name.len());
        for group in groups {
            if let Some(there) = now.groups.iter().find(|there| there.id == group.id) {
                self.restore_group(group, there).await?;
                continue;
            }
            let tags: Vec<_> = pairs(&group.tags).collect();
            let description = format!("Requests to the load balancer {}", self.name);
            let made = self.network().create_group(&group.name, &description, &group.vpc, &tags).await?;
            let Some(made) = made else { continue };
            let mut as_new = group.clone();
            as_new.rename_peers(&new_ids);
            self.network().authorize(&made, &as_new.allowed()).await?;
            if balancer.groups.remove(&group.id) {
                balancer.groups.insert(made.clone());
            }
            new_ids.insert(group.id.as_str(), made);
        }
        Ok(balancer)
    }

    async fn restore_group(&self, was: &SecurityGroup, now: &SecurityGroup) -> Result<()> {
        let mut gone = was.allowed();
        gone.retain(|(permission, _)| !now.ingress.contains_key(*permission));
        self.network().authorize(&was.id, &gone).await?;
        let new = now.ingress.keys().filter(|permission| !was.ingress.contains_key(*permission));
        self.network().revoke(&was.id, &new.collect::<Vec<_>>()).await?;
        self.network().restore_tags(&was.id, &was.tags, &now.tags).await
    }

    async fn restore_balancer(&self, was: &Balancer, now: &Balancer) -> Result<()> {
        if was.subnets != now.subnets {
            self.api().set_subnets(&was.arn, &was.subnets).await?;
        }
        if was.groups != now.groups {
            self.api().set_security_groups(&was.arn, &was.groups).await?;
        }
        let attributes = pairs(&was.attributes)
            .filter(|(key, value)| now.attributes.get(*key).map(String::as_str) != Some(*value));
        let attributes: Vec<_> = attributes.collect();
        self.api().modify_balancer(&was.arn, &attributes).await?;
        self.api().restore_tags(&was.arn, &was.tags, &now.tags).await
    }
}
