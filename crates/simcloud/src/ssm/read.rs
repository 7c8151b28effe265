//! Reading values: who may, and in which words it is refused.

use serde_json::{Value, json};

use super::{
    Parameter, Type, Version,
    error::{invalid, no_version, not_found},
    list::Filter,
    public,
    validate::{self, CODE, arn, name_of},
};
use crate::{
    ApiError, Call, Moment, World,
    dispatch::who,
    input::page,
    kms,
    policy::{Context, Who},
};

/// The reason the ECS agent does not get parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// An error of the service.
    Refused(ApiError),
    /// Parameters that are not there: AWS answers with their names.
    Invalid(Vec<String>),
}

/// Reads parameters as the ECS agent does with a role's credentials: `GetParameters` with decryption.
///
/// `session_arn` is who AWS's messages name: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`. `names` may be ARNs.
///
/// # Errors
/// AWS's own, and the names that are not there.
pub fn read_as(
    world: &World,
    now: Moment,
    region: &str,
    role_arn: &str,
    session_arn: &str,
    names: &[&str],
) -> Result<(), Unreadable> {
    let who = Who::Session { role: role_arn, session: session_arn };
    let names: Vec<_> = names.iter().map(|name| arn(region, &world.account, name)).collect();
    permit(world, now, region, who, "ssm:GetParameters", &names).map_err(Unreadable::Refused)?;
    let mut missing = Vec::new();
    for name in &names {
        match world.ssm.find(region, &world.account, name).filter(|found| found.region == region) {
            Some(parameter) => {
                let newest = parameter.newest().ok_or_else(|| Unreadable::Refused(not_found()))?;
                decrypt(world, now, who, parameter, newest).map_err(Unreadable::Refused)?;
            }
            None => missing.push(asked_as(name)),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Unreadable::Invalid(missing)) }
}

/// The name that the agent takes out of an ARN: one in a hierarchy begins with a slash.
fn asked_as(arn: &str) -> String {
    let name = name_of(arn);
    if name.contains('/') { format!("/{name}") } else { name.to_owned() }
}

pub(super) fn get(world: &World, call: &Call) -> Result<Value, ApiError> {
    let name = call.required("Name", CODE)?;
    if let Some(parameter) = public::find(world, call, name) {
        return Ok(json!({ "Parameter": parameter? }));
    }
    let (bare, selector) = selected(name);
    permit(world, call.now, &call.region, who(world, call), "ssm:GetParameter", &[bare.to_owned()])?;
    let parameter = world.ssm.find(&call.region, &world.account, bare).ok_or_else(not_found)?;
    Ok(json!({ "Parameter": rendered(world, call, parameter, selector)? }))
}

/// Up to ten; those that are not there stand under `InvalidParameters`.
pub(super) fn get_several(world: &World, call: &Call) -> Result<Value, ApiError> {
    let names = validate::names(call)?;
    let bare: Vec<_> = names.iter().map(|name| selected(name).0.to_owned()).collect();
    permit(world, call.now, &call.region, who(world, call), "ssm:GetParameters", &bare)?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in &names {
        let (bare, selector) = selected(name);
        let parameter = public::find(world, call, name).or_else(|| {
            let parameter = world.ssm.find(&call.region, &world.account, bare)?;
            Some(rendered(world, call, parameter, selector))
        });
        match parameter {
            Some(Ok(value)) => found.push(value),
            Some(Err(error))
                if !["ParameterNotFound", "ParameterVersionNotFound"].contains(&error.code.as_str()) =>
            {
                return Err(error);
            }
            _ => missing.push(name.clone()),
        }
    }
    Ok(json!({ "Parameters": found, "InvalidParameters": missing }))
}

pub(super) fn get_by_path(world: &World, call: &Call) -> Result<Value, ApiError> {
    let path = call.required("Path", CODE)?;
    if !path.starts_with('/') {
        return Err(invalid(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
             slash \"/\".",
        ));
    }
    let recursive = call.flag("Recursive").unwrap_or(false);
    let root = path.trim_end_matches('/');
    let below = |parameter: &&Parameter| {
        parameter.region == call.region
            && parameter
                .name
                .strip_prefix(root)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|rest| recursive || !rest.contains('/'))
    };
    permit(world, call.now, &call.region, who(world, call), "ssm:GetParametersByPath", &[path.to_owned()])?;
    let filters = Filter::by_path(call)?;
    let found = world.ssm.all().filter(below);
    let found = found.filter(|parameter| filters.iter().all(|filter| filter.accepts(parameter))).collect();
    let (found, next) =
        page(found, call.text("NextToken"), validate::limit(call, 10, 10)?, validate::bad_token)?;
    let values: Result<Vec<_>, _> =
        found.into_iter().map(|parameter| rendered(world, call, parameter, None)).collect();
    Ok(json!({ "Parameters": values?, "NextToken": next }))
}

/// A name and the version behind it: `NAME:VERSION`.
fn selected(name: &str) -> (&str, Option<&str>) {
    let after = name_of(name);
    match after.split_once(':') {
        Some((_, selector)) => (&name[..name.len() - selector.len() - 1], Some(selector)),
        None => (name, None),
    }
}

fn rendered(
    world: &World,
    call: &Call,
    parameter: &Parameter,
    selector: Option<&str>,
) -> Result<Value, ApiError> {
    let version = match selector {
        None => parameter.newest(),
        Some(selector) => parameter.versions.iter().find(|version| version.number.to_string() == selector),
    };
    let version = version.ok_or_else(|| no_version(&parameter.name, selector.unwrap_or_default()))?;
    let value = shown(world, call, parameter, version)?;
    Ok(json!({
        "Name": parameter.name,
        "Type": parameter.kind.as_str(),
        "Value": value,
        "Version": version.number,
        "Selector": selector.map(|selector| format!(":{selector}")),
        "LastModifiedDate": version.written.epoch_seconds(),
        "ARN": parameter.arn,
        "DataType": "text",
    }))
}

/// A value, decrypted where the call asks for it.
pub(super) fn shown(
    world: &World,
    call: &Call,
    parameter: &Parameter,
    version: &Version,
) -> Result<String, ApiError> {
    if parameter.kind != Type::SecureString {
        return Ok(version.value.expose().to_owned());
    }
    if !call.flag("WithDecryption").unwrap_or(false) {
        // As much as a ciphertext tells: nothing.
        return Ok(format!("AQICAHsimulated{:04}", version.number));
    }
    decrypt(world, call.now, who(world, call), parameter, version)?;
    Ok(version.value.expose().to_owned())
}

fn decrypt(
    world: &World,
    now: Moment,
    who: Who<'_>,
    parameter: &Parameter,
    version: &Version,
) -> Result<(), ApiError> {
    let Some(key) = version.key.as_ref().filter(|_| parameter.kind == Type::SecureString) else {
        return Ok(());
    };
    let context = kms_context(world, &parameter.region, &parameter.arn);
    kms::decrypt(world, now, &parameter.region, who, key, &context).map_err(|error| {
        if error.code != "AccessDeniedException" {
            return ApiError::new("InvalidKeyId", error.message);
        }
        // KMS's own words, which Systems Manager passes on.
        ApiError::new(
            "AccessDeniedException",
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you \
             are not allowed to access.",
        )
    })
}

/// The condition keys of a call to KMS that Systems Manager makes for a caller (KMS developer guide, "How AWS Systems
/// Manager Parameter Store uses AWS KMS").
pub(super) fn kms_context(world: &World, region: &str, parameter_arn: &str) -> Context {
    Context::new()
        .with("kms:ViaService", format!("ssm.{region}.amazonaws.com"))
        .with("kms:EncryptionContext:PARAMETER_ARN", parameter_arn)
        .with("kms:CallerAccount", &world.account)
}

/// Returns true if `who` may do something with all of some parameters: with one that is not permitted, nothing is answered.
pub(super) fn permit(
    world: &World,
    now: Moment,
    region: &str,
    who: Who<'_>,
    action: &str,
    names: &[String],
) -> Result<(), ApiError> {
    let context = Context::new().with("aws:RequestedRegion", region);
    for name in names {
        let resource = arn(region, &world.account, name);
        world
            .iam
            .authorize(now, who, action, &resource, &context, None)
            .map_err(|denial| ApiError::new("AccessDeniedException", denial.to_string()))?;
    }
    Ok(())
}
