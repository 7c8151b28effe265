//! The parameters below `/aws`: secrets by reference, and what AWS publishes for everybody.

use serde_json::{Value, json};

use super::{
    error::{invalid, not_found},
    read::permit,
    validate::{self, name_of},
};
use crate::{ApiError, Call, Ids, World, dispatch::who, partition, secretsmanager};

/// The names of secrets as parameters.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>
const SECRETS: &str = "/aws/reference/secretsmanager/";
/// The names of parameters that AWS publishes.
const PUBLISHED: &str = "/aws/service/";
/// The machine images for Amazon ECS among them.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html>
const IMAGES: &str = "/aws/service/ecs/optimized-ami/";
/// The kinds of these images, with the operating system and how their names begin.
const KINDS: [(&str, &str, &str); 6] = [
    ("amazon-linux-2", "Amazon Linux 2", "amzn2-ami-ecs-hvm-2.0.20261102-x86_64-ebs"),
    ("amazon-linux-2/arm64", "Amazon Linux 2", "amzn2-ami-ecs-hvm-2.0.20261102-arm64-ebs"),
    ("amazon-linux-2/gpu", "Amazon Linux 2", "amzn2-ami-ecs-gpu-hvm-2.0.20261102-x86_64-ebs"),
    ("amazon-linux-2023", "Amazon Linux 2023", "al2023-ami-ecs-hvm-2023.0.20261102-kernel-6.1-x86_64"),
    ("amazon-linux-2023/arm64", "Amazon Linux 2023", "al2023-ami-ecs-hvm-2023.0.20261102-kernel-6.1-arm64"),
    (
        "amazon-linux-2023/gpu",
        "Amazon Linux 2023",
        "al2023-ami-ecs-gpu-hvm-2023.0.20261102-kernel-6.1-x86_64",
    ),
];

/// Returns the parameter of a name below `/aws`; `None` for all other names.
pub(super) fn find(world: &World, call: &Call, name: &str) -> Option<Result<Value, ApiError>> {
    let name = if name.starts_with("arn:") { format!("/{}", name_of(name)) } else { name.to_owned() };
    if let Some(secret) = name.strip_prefix(SECRETS) {
        return Some(referenced(world, call, &name, secret));
    }
    name.starts_with(PUBLISHED).then(|| published(world, call, &name))
}

/// The value of a secret, which the caller has to be allowed to read.
fn referenced(world: &World, call: &Call, name: &str, secret: &str) -> Result<Value, ApiError> {
    permit(
        world,
        call.now,
        &call.region,
        who(world, call),
        &format!("ssm:{}", call.operation),
        &[name.to_owned()],
    )?;
    if !call.flag("WithDecryption").unwrap_or_default() {
        return Err(invalid("WithDecryption flag must be True for retrieving a Secret Manager secret."));
    }
    let (secret, selector) = secret.split_once(':').map_or((secret, None), |(name, rest)| (name, Some(rest)));
    let member =
        selector.map(|text| if validate::is_version_id(text) { "VersionId" } else { "VersionStage" });
    let mut input = json!({ "SecretId": secret });
    if let (Some(member), Some(selector)) = (member, selector) {
        input[member] = json!(selector);
    }
    let read = Call { input, operation: "GetSecretValue".to_owned(), ..call.clone() };
    let value = secretsmanager::value(world, &read).map_err(|error| match error.code.as_str() {
        "ResourceNotFoundException" => ApiError::new(
            "ParameterNotFound",
            format!(
                "An error occurred (ResourceNotFoundException) when referencing Secrets Manager: Secret {name} not found."
            ),
        ),
        _ => error,
    })?;
    Ok(json!({
        "Name": name,
        "ARN": value["ARN"],
        "Type": "SecureString",
        "Value": value["SecretString"],
        "Version": 0,
        "LastModifiedDate": value["CreatedDate"],
        "SourceResult": value.to_string(),
        "DataType": "text",
        "Selector": selector.map(|selector| format!(":{selector}")),
    }))
}

fn published(world: &World, call: &Call, name: &str) -> Result<Value, ApiError> {
    permit(
        world,
        call.now,
        &call.region,
        who(world, call),
        &format!("ssm:{}", call.operation),
        &[name.to_owned()],
    )?;
    let Some(path) = name.strip_prefix(IMAGES) else {
        return Err(invalid(format!(
            "the simulated cloud does not have {name}: of what AWS publishes it has {IMAGES}…/recommended alone"
        )));
    };
    let (kind, attribute) = path.split_once("/recommended").ok_or_else(not_found)?;
    let (_, os, image) = KINDS.iter().find(|(known, ..)| *known == kind).ok_or_else(not_found)?;
    // The same image in every account, another one in every region.
    let seed = call
        .region
        .bytes()
        .chain(kind.bytes())
        .fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let recommended = json!({
        "ecs_agent_version": "1.99.0",
        "ecs_runtime_version": "Docker version 25.0.13",
        "image_id": format!("ami-{}", Ids::new(seed).hex(17)),
        "image_name": image,
        "os": os,
        "schema_version": 1,
        "source_image_name": image,
    });
    let value = match attribute {
        "" => recommended.to_string(),
        attribute => {
            let value = attribute.strip_prefix('/').and_then(|attribute| recommended.get(attribute));
            value.and_then(Value::as_str).ok_or_else(not_found)?.to_owned()
        }
    };
    let arn = format!("arn:{}:ssm:{}::parameter{name}", partition::Partition::of(&call.region), call.region);
    Ok(
        json!({ "Name": name, "ARN": arn, "Type": "String", "Value": value, "Version": 1, "DataType": "text" }),
    )
}
