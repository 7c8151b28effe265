//! Reading a value: who may, and in which words it is refused.

use serde_json::{Value, json};

use super::{
    Secret, Version,
    error::{marked_for_deletion, no_stage, no_version, not_found, parameter, request},
    list::Filter,
    stages::CURRENT,
    validate,
};
use crate::{
    ApiError, Call, Moment, World,
    dispatch::who,
    input::page,
    kms,
    policy::{Context, Document, Kind, Who},
};

/// Reads a secret as the ECS agent does with a role's credentials: `GetSecretValue` of the current version.
///
/// `session_arn` is who AWS's messages name: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`. `region` is where the
/// agent runs; `secret_id` may be a name, a partial or a full ARN.
///
/// # Errors
/// AWS's own: `AccessDeniedException`, `ResourceNotFoundException`, `InvalidRequestException`.
pub fn read_as(
    world: &World,
    now: Moment,
    region: &str,
    role_arn: &str,
    session_arn: &str,
    secret_id: &str,
) -> Result<String, ApiError> {
    let who = Who::Session { role: role_arn, session: session_arn };
    let secret = readable(world, now, region, who, secret_id)?;
    let version = secret.staged(CURRENT).map(|(_, version)| version);
    let text = version.and_then(|version| version.string.as_ref());
    text.map(|text| text.expose().to_owned()).ok_or_else(|| no_stage(CURRENT))
}

/// Returns the answer to `GetSecretValue`.
pub(crate) fn value(world: &World, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let secret = readable(world, call.now, &call.region, who(world, call), id)?;
    let (version_id, version) = wanted(secret, call)?;
    Ok(rendered(secret, version_id, version))
}

pub(super) fn get(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let answer = value(world, call)?;
    if let (Some(arn), Some(version_id)) = (answer["ARN"].as_str(), answer["VersionId"].as_str()) {
        touch(world, arn, version_id, call.now);
    }
    Ok(answer)
}

/// Up to twenty secrets by name or filter; what cannot be read stands under `Errors`.
pub(super) fn batch_get(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let (ids, filters) = (call.texts("SecretIdList"), Filter::all(call)?);
    if ids.is_empty() == filters.is_empty() {
        return Err(parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both."));
    }
    if ids.len() > 20 {
        return Err(parameter("SecretIdList can have no more than 20 secrets."));
    }
    let (ids, next) = if filters.is_empty() {
        (ids, None)
    } else {
        let limit = validate::number(call, "MaxResults", 1, 20, 20)?;
        let fitting = world
            .secrets
            .all()
            .filter(|secret| secret.region == call.region && secret.deleted.is_none())
            .filter(|secret| filters.iter().all(|filter| filter.accepts(secret)))
            .map(|secret| secret.arn.clone())
            .collect();
        page(fitting, call.text("NextToken"), limit, || {
            ApiError::new("InvalidNextTokenException", "The NextToken value is invalid.")
        })?
    };
    let (mut values, mut errors, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        let found = readable(world, call.now, &call.region, who(world, call), &id)
            .and_then(|secret| Ok((secret, secret.staged(CURRENT).ok_or_else(|| no_stage(CURRENT))?)));
        match found {
            Ok((secret, (version_id, version))) => {
                values.push(rendered(secret, version_id, version));
                read.push((secret.arn.clone(), version_id.clone()));
            }
            Err(error) => {
                errors.push(json!({ "SecretId": id, "ErrorCode": error.code, "Message": error.message }));
            }
        }
    }
    for (arn, version_id) in read {
        touch(world, &arn, &version_id, call.now);
    }
    Ok(json!({ "SecretValues": values, "Errors": errors, "NextToken": next }))
}

/// The version that a call asks for: by id, by stage, or the current one.
fn wanted<'a>(secret: &'a Secret, call: &Call) -> Result<(&'a String, &'a Version), ApiError> {
    let (id, stage) = (call.text("VersionId"), call.text("VersionStage"));
    let Some(id) = id else {
        let stage = stage.unwrap_or(CURRENT);
        return secret.staged(stage).ok_or_else(|| no_stage(stage));
    };
    let (id, version) = secret.versions.get_key_value(id).ok_or_else(|| no_version(id))?;
    if stage.is_some_and(|stage| !version.stages.contains(stage)) {
        return Err(request("You provided a VersionStage that is not associated to the provided VersionId."));
    }
    Ok((id, version))
}

fn rendered(secret: &Secret, id: &str, version: &Version) -> Value {
    let mut value = json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": id,
        "VersionStages": version.stages,
        "CreatedDate": version.created.epoch_seconds(),
    });
    if let Some(text) = &version.string {
        value["SecretString"] = json!(text.expose());
    }
    if let Some(bytes) = &version.binary {
        value["SecretBinary"] = json!(bytes.expose());
    }
    value
}

/// Notes that a value was read.
fn touch(world: &mut World, arn: &str, version_id: &str, now: Moment) {
    let Some(secret) = world.secrets.secrets.get_mut(arn) else { return };
    secret.accessed = Some(now);
    if let Some(version) = secret.versions.get_mut(version_id) {
        version.accessed = Some(now);
    }
}

/// The day of a moment, which is as exactly as AWS tells when a secret was read.
pub(super) fn day(moment: Moment) -> f64 {
    (moment.0 / 86_400_000 * 86_400) as f64
}

/// The secret, if it is there and `who` may read and decrypt its value.
fn readable<'a>(
    world: &'a World,
    now: Moment,
    region: &str,
    who: Who<'_>,
    secret_id: &str,
) -> Result<&'a Secret, ApiError> {
    const ACTION: &str = "secretsmanager:GetSecretValue";
    let secret = world.secrets.find(region, secret_id);
    // Access comes first: a caller that may not read learns nothing about existence.
    let resource = secret.map_or(secret_id, |secret| &secret.arn);
    let policy = secret.and_then(|secret| secret.policy.as_deref());
    let policy = policy.and_then(|text| Document::parse(text, Kind::Resource).ok());
    let context = secret.map_or_else(Context::new, conditions).with("aws:RequestedRegion", region);
    world
        .iam
        .authorize(now, who, ACTION, resource, &context, policy.as_ref())
        .map_err(|denial| ApiError::new("AccessDeniedException", denial.to_string()))?;
    let secret = secret.ok_or_else(not_found)?;
    if secret.deleted.is_some() {
        return Err(marked_for_deletion());
    }
    if let Some(key) = &secret.kms_key {
        kms::decrypt(world, now, region, who, key, &kms_context(world, region, &secret.arn))?;
    }
    Ok(secret)
}

/// The condition keys that Secrets Manager adds for a secret.
fn conditions(secret: &Secret) -> Context {
    let mut context = Context::new().with("secretsmanager:SecretId", &secret.arn);
    for (key, value) in &secret.tags {
        context.insert(&format!("aws:ResourceTag/{key}"), vec![value.clone()]);
        context.insert(&format!("secretsmanager:ResourceTag/{key}"), vec![value.clone()]);
    }
    context
}

/// The condition keys of a call to KMS that Secrets Manager makes for a caller.
pub(super) fn kms_context(world: &World, region: &str, secret_arn: &str) -> Context {
    Context::new()
        .with("kms:ViaService", format!("secretsmanager.{region}.amazonaws.com"))
        .with("kms:EncryptionContext:SecretARN", secret_arn)
        .with("kms:CallerAccount", &world.account)
}
