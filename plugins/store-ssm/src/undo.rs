//! Taking back what this run changed.

use aws_sdk_ssm::types::{ParameterTier, ParameterType, ResourceTypeForTagging};
use longshore_aws::{Ownership, failure};
use longshore_model::{Action, Failure, FailureKind, Secret, StepPlan};
use longshore_plugin::{Context, Result, SecretSpec, stuck};

use crate::{
    observed::{self, Observed},
    store::ParameterStore,
    write::tags,
};

/// A parameter as it was, with its value.
#[derive(Clone, Debug)]
pub(crate) struct Earlier {
    pub(crate) observed: Observed,
    pub(crate) value: Secret<String>,
}

impl ParameterStore {
    /// A parameter that was made goes again; one that was changed gets its value and what is noted beside it back, as a
    /// new version.
    pub(crate) async fn take_back(
        &self,
        context: &Context,
        secret: &SecretSpec,
        plan: &StepPlan,
    ) -> Result<()> {
        let name = self.name(secret)?;
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.delete(context, &name).await,
            action => {
                let before = context.kept::<Earlier>().ok_or_else(|| stuck(action, &plan.resource))?;
                self.restore_to(context, &name, &before).await.map_err(|failure| Failure {
                    help: failure.help.or_else(|| {
                        Some(format!("look at it with `aws ssm get-parameter-history --name {name}`"))
                    }),
                    ..failure
                })
            }
        }
    }

    async fn restore_to(&self, context: &Context, name: &str, before: &Earlier) -> Result<()> {
        let client = self.aws.ssm().await?;
        let Some(now_tags) = observed::tags(client, name).await? else { return Ok(()) };
        if !Ownership::of(context).is_ours_or_adopted(observed::pairs(&now_tags)) {
            return Ok(());
        }
        let now = observed::describe(client, name, now_tags).await?;
        let Earlier { observed: was, value } = before;
        if now.version != was.version {
            if now.tier == Some(ParameterTier::Advanced) && was.tier != Some(ParameterTier::Advanced) {
                let message = format!("AWS does not bring the parameter {name} back to the standard tier");
                return Err(Failure::new(FailureKind::Stuck, message));
            }
            let request = client
                .put_parameter()
                .name(name)
                .description(&was.description)
                .r#type(was.kind.clone().unwrap_or(ParameterType::SecureString))
                .set_key_id(was.key.clone())
                .set_tier(was.tier.clone())
                .value(value.expose())
                .overwrite(true);
            request.send().await.map_err(|error| failure(&error, format!("ssm:PutParameter {name}")))?;
        }
        // The tags go last: they say who may do this.
        let is_other = |(key, value): &(&str, &str)| now.tags.get(*key).map(String::as_str) != Some(*value);
        let set: Vec<_> = was.tags().filter(is_other).collect();
        if !set.is_empty() {
            let request = client
                .add_tags_to_resource()
                .resource_type(ResourceTypeForTagging::Parameter)
                .resource_id(name)
                .set_tags(Some(tags(&set)?));
            request.send().await.map_err(|error| failure(&error, format!("ssm:AddTagsToResource {name}")))?;
        }
        let unset: Vec<_> = now.tags.keys().filter(|key| !was.tags.contains_key(*key)).cloned().collect();
        if !unset.is_empty() {
            let request = client
                .remove_tags_from_resource()
                .resource_type(ResourceTypeForTagging::Parameter)
                .resource_id(name)
                .set_tag_keys(Some(unset));
            request
                .send()
                .await
                .map_err(|error| failure(&error, format!("ssm:RemoveTagsFromResource {name}")))?;
        }
        Ok(())
    }
}
