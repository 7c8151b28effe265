//! Reading a value: who may, and in which words it is refused.

use crate::{
    ApiError, Moment, World, kms,
    policy::{Context, Document, Kind, Who},
};

use super::Secret;

/// What the ECS agent does with a role's credentials: `GetSecretValue` of the current version.
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
    let Some((_, version)) = secret.staged("AWSCURRENT") else { return Err(no_stage("AWSCURRENT")) };
    version.string.as_ref().map(|text| text.expose().to_owned()).ok_or_else(|| no_stage("AWSCURRENT"))
}

/// The secret, if it is there and `who` may read and decrypt its value.
pub(super) fn readable<'a>(
    world: &'a World,
    now: Moment,
    region: &str,
    who: Who<'_>,
    secret_id: &str,
) -> Result<&'a Secret, ApiError> {
    const ACTION: &str = "secretsmanager:GetSecretValue";
    let secret = world.secrets.find(region, secret_id);
    // AWS decides about access first: whoever may not read learns nothing about existence.
    let resource = match secret {
        Some(secret) => secret.arn.clone(),
        None if secret_id.starts_with("arn:") => secret_id.to_owned(),
        None => secret_id.to_owned(),
    };
    let policy = secret.and_then(|secret| secret.policy.as_deref());
    let policy = policy.and_then(|text| Document::parse(text, Kind::Resource).ok());
    let context = secret.map_or_else(Context::new, |secret| conditions(secret, region));
    world
        .iam
        .authorize(now, who, ACTION, &resource, &context, policy.as_ref())
        .map_err(|denial| ApiError::new("AccessDeniedException", denial.to_string()))?;
    let secret = secret.ok_or_else(not_found)?;
    if secret.deleted.is_some() {
        return Err(marked_for_deletion());
    }
    if let Some(key) = &secret.kms_key {
        let context = Context::new()
            .with("kms:ViaService", format!("secretsmanager.{region}.amazonaws.com"))
            .with("kms:EncryptionContext:SecretARN", &secret.arn)
            .with("kms:CallerAccount", &world.account);
        kms::decrypt(world, now, region, who, key, &context)?;
    }
    Ok(secret)
}

/// The condition keys that Secrets Manager adds for a secret.
pub(super) fn conditions(secret: &Secret, region: &str) -> Context {
    let mut context =
        Context::new().with("secretsmanager:SecretId", &secret.arn).with("aws:RequestedRegion", region);
    for (key, value) in &secret.tags {
        context.insert(&format!("aws:ResourceTag/{key}"), vec![value.clone()]);
        context.insert(&format!("secretsmanager:ResourceTag/{key}"), vec![value.clone()]);
    }
    context
}

/// The refusal for a secret that is not there.
pub(super) fn not_found() -> ApiError {
    ApiError::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

/// The refusal for a value of a secret that is scheduled for deletion.
pub(super) fn marked_for_deletion() -> ApiError {
    ApiError::new(
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
}

/// The refusal for a staging label that no version carries.
pub(super) fn no_stage(stage: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("Secrets Manager can't find the specified secret value for staging label: {stage}"),
    )
}
