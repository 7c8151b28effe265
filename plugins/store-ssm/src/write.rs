//! Making parameters as they are declared, and removing them.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_ssm::{
    Client,
    operation::put_parameter::builders::PutParameterFluentBuilder,
    types::{ParameterType, ResourceTypeForTagging, Tag},
};
use longshore_aws::{
    Owner, Ownership, code, failure,
    wait::{self, Patience, Probe},
};
use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::{Context, Result, SecretSpec};

use crate::{
    difference::{Desired, Difference},
    observed,
    store::{Compared, ParameterStore, resource},
    undo::Earlier,
    value,
};

/// The time limit for retries when another process writes at the same time, or when a write is not visible yet.
const PATIENCE: Patience = Patience::of(Duration::from_secs(60));

impl ParameterStore {
    /// Looks, and does what is missing, until nothing is. So it makes no difference where an earlier run ended.
    pub(crate) async fn converge(
        &self,
        context: &Context,
        secret: &SecretSpec,
        value: &Secret<String>,
    ) -> Result<String> {
        let name = self.name(secret)?;
        value::check(value, self.options.tier)?;
        let (client, key, ownership) = (self.aws.ssm().await?, self.key().await?, Ownership::of(context));
        let desired = &Desired {
            name: &name,
            description: &secret.description,
            key: key.as_deref(),
            tier: self.options.tier,
            value,
            ownership: &ownership,
        };
        wait::until(context, PATIENCE, |_| async move {
            let compared = match self.compare(client, desired).await {
                Ok(compared) => compared,
                Err(failure) if failure.kind == FailureKind::Unavailable => return Ok(Probe::Again(failure)),
                Err(failure) => return Err(failure),
            };
            let Some(Compared { observed, current, difference }) = compared else {
                context.progress(format!("creating the parameter {}", desired.name));
                return create(client, desired).await;
            };
            context.keep_first(|| Earlier { observed, value: current.value.clone() });
            update(context, client, desired, &difference).await?;
            Ok(Probe::Done(current.arn))
        })
        .await
    }

    /// Deletes a parameter that the stack owns.
    pub(crate) async fn delete(&self, context: &Context, name: &str) -> Result<()> {
        let client = self.aws.ssm().await?;
        let Some(tags) = observed::tags(client, name).await? else { return Ok(()) };
        let ownership = Ownership::of(context);
        if ownership.owner(observed::pairs(&tags)) != Owner::Ours {
            return Ok(());
        }
        require_unprotected(&ownership, name, &tags)?;
        context.progress(format!("deleting the parameter {name}"));
        let delete = || async {
            match client.delete_parameter().name(name).send().await {
                Ok(_) => Ok(observed::tags(client, name).await?.is_none()),
                Err(error) if code(&error) == Some("ParameterNotFound") => Ok(true),
                Err(error) => Err(failure(&error, format!("ssm:DeleteParameter {name}"))),
            }
        };
        wait::until_deleted(context, &resource(name), delete).await
    }
}

/// Makes sure that the parameter may be removed.
pub(crate) fn require_unprotected(
    ownership: &Ownership,
    name: &str,
    tags: &BTreeMap<String, String>,
) -> Result<()> {
    let checked = ownership.require_unprotected(resource(name), observed::pairs(tags));
    checked.map_err(|failure| failure.at(format!("ssm:ListTagsForResource {name}")))
}

fn put(client: &Client, desired: &Desired<'_>) -> PutParameterFluentBuilder {
    client
        .put_parameter()
        .name(desired.name)
        .description(desired.description)
        .r#type(ParameterType::SecureString)
        .set_key_id(desired.key.map(str::to_owned))
        .tier(desired.tier.declared())
        .value(desired.value.expose())
}

/// Without `Overwrite` it is made by one caller only, and with its tags: no other owner's parameter is touched. The
/// answer has no ARN, so that it is looked up.
async fn create(client: &Client, desired: &Desired<'_>) -> Result<Probe<String>> {
    let request = put(client, desired).overwrite(false).set_tags(Some(tags(&desired.ownership.tags())?));
    let at = format!("ssm:PutParameter {}", desired.name);
    if let Err(error) = request.send().await {
        let failure = failure(&error, at);
        // Another process was faster, or an answer was lost.
        return if failure.kind == FailureKind::Conflict { Ok(Probe::Again(failure)) } else { Err(failure) };
    }
    match observed::current(client, desired.name).await? {
        Some(current) => Ok(Probe::Done(current.arn)),
        None => {
            let message = "the parameter was made and is not visible yet";
            Ok(Probe::Again(Failure::new(FailureKind::Unavailable, message).at(at)))
        }
    }
}

async fn update(
    context: &Context,
    client: &Client,
    desired: &Desired<'_>,
    difference: &Difference,
) -> Result<()> {
    if !difference.is_empty() {
        context.progress(format!("updating the parameter {}", desired.name));
    }
    if !difference.tags.is_empty() {
        let pairs: Vec<_> =
            difference.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let request = client
            .add_tags_to_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(desired.name)
            .set_tags(Some(tags(&pairs)?));
        let at = format!("ssm:AddTagsToResource {}", desired.name);
        request.send().await.map_err(|error| failure(&error, at))?;
    }
    if difference.writes() {
        let request = put(client, desired).overwrite(true);
        let at = format!("ssm:PutParameter {}", desired.name);
        request.send().await.map_err(|error| failure(&error, at))?;
    }
    Ok(())
}

pub(crate) fn tags(pairs: &[(&str, &str)]) -> Result<Vec<Tag>> {
    let tags: std::result::Result<_, _> =
        pairs.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    tags.map_err(|error| Failure::new(FailureKind::Internal, format!("a tag cannot be built: {error}")))
}
