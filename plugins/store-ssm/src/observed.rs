//! The actual parameters.

use std::collections::BTreeMap;

use aws_sdk_ssm::{
    Client,
    error::ProvideErrorMetadata,
    primitives::DateTime,
    types::{ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging},
};
use longshore_aws::{code, failure};
use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::Result;

/// A parameter as Systems Manager describes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observed {
    pub(crate) kind: Option<ParameterType>,
    pub(crate) description: String,
    /// The key as it was given: an ARN, an id or an alias, also that of the key that AWS manages.
    pub(crate) key: Option<String>,
    pub(crate) tier: Option<ParameterTier>,
    pub(crate) version: i64,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Observed {
    /// The tags as pairs.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.tags)
    }
}

pub(crate) fn pairs(tags: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// The newest version of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) arn: String,
    pub(crate) value: Secret<String>,
    pub(crate) version: i64,
    /// When it was written, in milliseconds since the Unix epoch.
    pub(crate) written_at: Option<u64>,
}

/// Returns the tags of a parameter, or `None` if no parameter has this name. This is the first look at a parameter: its
/// owner decides if anything else is read.
pub(crate) async fn tags(client: &Client, name: &str) -> Result<Option<BTreeMap<String, String>>> {
    let request =
        client.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(name);
    match request.send().await {
        Ok(answer) => {
            let tags = answer.tag_list.unwrap_or_default();
            Ok(Some(tags.into_iter().map(|tag| (tag.key, tag.value)).collect()))
        }
        Err(error) if code(&error) == Some("InvalidResourceId") => Ok(None),
        Err(error) => Err(failure(&error, format!("ssm:ListTagsForResource {name}"))),
    }
}

/// Everything about a parameter but its value.
pub(crate) async fn describe(
    client: &Client,
    name: &str,
    tags: BTreeMap<String, String>,
) -> Result<Observed> {
    let at = format!("ssm:DescribeParameters {name}");
    let filter = ParameterStringFilter::builder().key("Name").option("Equals").values(name).build();
    let filter = filter
        .map_err(|error| Failure::new(FailureKind::Internal, format!("a filter cannot be built: {error}")))?;
    let answer = client.describe_parameters().parameter_filters(filter).send().await;
    let answer = answer.map_err(|error| failure(&error, &at))?;
    // A parameter that was just written is listed a little later.
    let listed = answer.parameters.unwrap_or_default().into_iter().next().ok_or_else(|| {
        Failure::new(
            FailureKind::Unavailable,
            "the parameter exists, but Systems Manager does not list it yet",
        )
        .at(&at)
        .help("run again in a moment")
    })?;
    Ok(Observed {
        kind: listed.r#type,
        description: listed.description.unwrap_or_default(),
        key: listed.key_id,
        tier: listed.tier,
        version: listed.version,
        tags,
    })
}

/// The newest value.
pub(crate) async fn current(client: &Client, name: &str) -> Result<Option<Current>> {
    let answer = client.get_parameter().name(name).with_decryption(true).send().await;
    match answer {
        Ok(answer) => Ok(answer.parameter.map(|mut parameter| Current {
            arn: parameter.arn.take().unwrap_or_default(),
            value: Secret::new(parameter.value.take().unwrap_or_default()),
            version: parameter.version,
            written_at: parameter.last_modified_date.as_ref().and_then(milliseconds),
        })),
        Err(error) => {
            let of_kms = error.as_service_error().and_then(ProvideErrorMetadata::message);
            let of_kms =
                of_kms.is_some_and(|message| message.contains("ciphertext") || message.contains("kms:"));
            let failed = failure(&error, format!("ssm:GetParameter {name}"));
            match failed.kind {
                FailureKind::NotFound => Ok(None),
                FailureKind::Denied => {
                    let action =
                        if of_kms { "`kms:Decrypt` on the parameter's key" } else { "`ssm:GetParameter`" };
                    Err(failed.help(format!(
                        "Longshore compares the stored value before it writes: allow {action} to the caller"
                    )))
                }
                _ => Err(failed),
            }
        }
    }
}

fn milliseconds(moment: &DateTime) -> Option<u64> {
    moment.to_millis().ok().and_then(|millis| u64::try_from(millis).ok())
}
