//! The secrets that containers get as environment variables: `secrets[].valueFrom`.

use super::{
    super::{TaskKey, task_definition::ContainerSpec},
    Role,
    refusal::{Refusal, sdk},
};
use crate::{Moment, World, secretsmanager};

/// Where a `valueFrom` points: a secret's ARN, and a key in its JSON.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ecs) struct ValueFrom {
    secret: String,
    key: Option<String>,
}

impl ValueFrom {
    /// Reads `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:KEY[:STAGE[:VERSION]]]`.
    ///
    /// # Errors
    ///
    /// What is not simulated: SSM parameters, and versions other than the current one.
    pub(in crate::ecs) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        if parts.first() != Some(&"arn") || parts.get(2) != Some(&"secretsmanager") || parts.len() < 7 {
            return Err(format!(
                "the simulated cloud does not simulate SSM parameters as valueFrom ({text})"
            ));
        }
        let part = |index: usize| parts.get(index).filter(|part| !part.is_empty());
        if part(8).is_some_and(|stage| *stage != "AWSCURRENT") || part(9).is_some() {
            return Err(format!("the simulated cloud does not simulate versions in a valueFrom ({text})"));
        }
        Ok(Self { secret: parts[..7].join(":"), key: part(7).map(|key| (*key).to_owned()) })
    }
}

/// Reads the container's secrets; nothing is done with them, for nothing runs.
pub(super) fn read(
    world: &World,
    now: Moment,
    task: &TaskKey,
    role: Option<&Role>,
    container: &ContainerSpec,
) -> Result<(), Refusal> {
    for wanted in &container.secrets {
        let refuse = |why: &str| Refusal::secret("retrieve secret", why);
        let Some(role) = role else { return Err(refuse("no execution role")) };
        let ValueFrom { secret, key } = ValueFrom::parse(&wanted.value_from).map_err(|why| refuse(&why))?;
        let value = secretsmanager::read_as(world, now, &task.region, &role.arn, &role.session, &secret)
            .map_err(|error| {
                refuse(&format!(
                    "failed to fetch secret {secret} from secrets manager: {}",
                    sdk(world, &error)
                ))
            })?;
        let Some(key) = key else { continue };
        let Ok(members) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&value) else {
            // Go's JSON decoder names the first character, which is a part of the secret.
            return Err(refuse("invalid character looking for beginning of value"));
        };
        if !members.contains_key(&key) {
            return Err(refuse(&format!(
                "retrieved secret from Secrets Manager did not contain json key {key}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf";

    #[test]
    fn a_value_from_is_an_arn_with_an_optional_key() {
        let parsed =
            |key: Option<&str>| Ok(ValueFrom { secret: ARN.to_owned(), key: key.map(str::to_owned) });
        assert_eq!(ValueFrom::parse(ARN), parsed(None));
        assert_eq!(ValueFrom::parse(&format!("{ARN}:password::")), parsed(Some("password")));
        assert_eq!(ValueFrom::parse(&format!("{ARN}::AWSCURRENT:")), parsed(None));
        assert!(ValueFrom::parse(&format!("{ARN}::AWSPREVIOUS:")).is_err());
        assert!(ValueFrom::parse("/database/password").is_err());
        assert!(ValueFrom::parse("arn:aws:ssm:eu-central-1:123456789012:parameter/db").is_err());
    }
}
