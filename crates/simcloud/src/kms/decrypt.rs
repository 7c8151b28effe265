//! The permission to decrypt with a key.

use crate::{
    ApiError, Moment, World,
    policy::{Context, Decision, Document, Kind, Naming, Request, Who},
};

/// Checks `kms:Decrypt` for `who` as a service asks on their behalf: the key's state, its policy, the role's policies.
///
/// # Errors
/// `AccessDeniedException` with the text that Secrets Manager passes on, or the key's state.
pub fn decrypt(
    world: &World,
    now: Moment,
    region: &str,
    who: Who<'_>,
    key: &str,
    context: &Context,
) -> Result<(), ApiError> {
    const ACTION: &str = "kms:Decrypt";
    let denied = || ApiError::new("AccessDeniedException", "Access to KMS is not allowed");
    let Some(key) = world.kms.find(region, key) else { return Err(denied()) };
    let policy = Document::parse(&key.policy, Kind::Resource).map_err(|_| denied())?;
    let request = Request { action: ACTION, resource: &key.arn, who, context };
    // A key policy is not an addition to IAM: without it, or its delegation to the account, no decryption is allowed.
    match (policy.decide_named(&request, Naming::Itself), policy.decide(&request)) {
        (Decision::ExplicitDeny, _) | (_, Decision::ExplicitDeny | Decision::ImplicitDeny) => {
            return Err(denied());
        }
        (Decision::Allowed, _) => {
            world.iam.authorize(now, who, ACTION, &key.arn, context, Some(&policy)).map_err(|_| denied())?;
        }
        (Decision::ImplicitDeny, Decision::Allowed) => {
            world.iam.authorize(now, who, ACTION, &key.arn, context, None).map_err(|_| denied())?;
        }
    }
    if key.deletion.is_some() {
        return Err(ApiError::new(
            "InvalidRequestException",
            format!(
                "An error occurred while calling the Decrypt operation: {} is pending deletion.",
                key.arn
            ),
        ));
    }
    Ok(())
}
