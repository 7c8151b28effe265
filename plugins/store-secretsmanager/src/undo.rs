//! Taking back what this run changed.

use longshore_aws::failure;
use longshore_model::{Action, Failure, StepPlan};
use longshore_plugin::{Context, Result, SecretSpec, SecretStore, stuck};

use crate::{
    observed::Observed,
    rotate::make_current,
    store::SecretsManager,
    write::{CURRENT_STAGE, set_tags, unset_tags},
};

impl SecretsManager {
    /// A secret that was made goes again; of one that was changed, the version before becomes the current one, and what is
    /// noted beside it is as it was. Replicas follow by themselves.
    pub(crate) async fn take_back(
        &self,
        context: &Context,
        secret: &SecretSpec,
        plan: &StepPlan,
    ) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.remove(context, secret).await,
            action => {
                let name = self.name(secret)?;
                let before = context.kept::<Observed>().ok_or_else(|| stuck(action, &plan.resource))?;
                self.restore_to(context, secret, &before).await.map_err(|failure| Failure {
                    help: failure.help.or_else(|| Some(look(&name))),
                    ..failure
                })
            }
        }
    }

    async fn restore_to(&self, context: &Context, secret: &SecretSpec, before: &Observed) -> Result<()> {
        let (name, client, now) = self.ours(context, secret).await?;
        if let Some(version) = before.staged(CURRENT_STAGE) {
            make_current(client, &name, &now, version).await?;
        }
        if now.description != before.description || now.kms_key != before.kms_key {
            let request = client
                .update_secret()
                .secret_id(&now.arn)
                .description(&before.description)
                .kms_key_id(before.kms_key.clone().unwrap_or_default());
            let at = format!("secretsmanager:UpdateSecret {name}");
            request.send().await.map_err(|error| failure(&error, at))?;
        }
        // The tags go last: they say who may do this.
        let is_other = |(key, value): &(&String, &String)| now.tags.get(*key) != Some(*value);
        let set: Vec<_> =
            before.tags.iter().filter(is_other).map(|(key, value)| (key.clone(), value.clone())).collect();
        let unset: Vec<_> = now.tags.keys().filter(|key| !before.tags.contains_key(*key)).cloned().collect();
        set_tags(client, &name, &now, &set).await?;
        unset_tags(client, &name, &now, &unset).await
    }
}

fn look(name: &str) -> String {
    format!("look at it with `aws secretsmanager describe-secret --secret-id {name}`")
}
