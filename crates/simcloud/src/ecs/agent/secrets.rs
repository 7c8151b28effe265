//! The secrets of containers: their environment variables (`secrets[].valueFrom`), and the options of their log drivers
//! (`secretOptions[].valueFrom`).

use std::collections::BTreeMap;

use super::{
    super::{TaskKey, task_definition::ContainerSpec},
    Role, ValueFrom,
    refusal::{Refusal, Store, sdk},
};
use crate::{
    Moment, World, secretsmanager,
    ssm::{self, Unreadable},
};

/// The most parameters that the agent asks for at once.
const BATCH: usize = 10;

/// Reads the container's secrets; nothing is done with them, for nothing runs.
pub(super) fn read(
    world: &World,
    now: Moment,
    task: &TaskKey,
    role: Option<&Role>,
    container: &ContainerSpec,
) -> Result<(), Refusal> {
    let refuse = |why: &str| Refusal::secret("retrieve secret", Store::SecretsManager, why);
    let mut parameters = BTreeMap::<String, Vec<String>>::new();
    for wanted in container.all_secrets() {
        let Some(role) = role else { return Err(refuse("no execution role")) };
        let value_from = ValueFrom::parse(&wanted.value_from).map_err(|why| refuse(&why))?;
        let region = value_from.region(&task.region).to_owned();
        match value_from {
            ValueFrom::Secret { arn, key } => {
                secret(world, now, &region, role, &arn, key.as_deref()).map_err(|why| refuse(&why))?;
            }
            ValueFrom::Parameter { name } => parameters.entry(region).or_default().push(name),
        }
    }
    let Some(role) = role else { return Ok(()) };
    for (region, names) in parameters {
        for names in names.chunks(BATCH) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let read = ssm::read_as(world, now, &region, &role.arn, &role.session, &names);
            read.map_err(|error| {
                let why = match error {
                    Unreadable::Refused(error) => sdk(world, &error),
                    Unreadable::Invalid(names) => format!("invalid ssm parameters: {}", names.join(",")),
                };
                Refusal::secret("retrieve secrets", Store::Parameters, &why)
            })?;
        }
    }
    Ok(())
}

fn secret(
    world: &World,
    now: Moment,
    region: &str,
    role: &Role,
    secret: &str,
    key: Option<&str>,
) -> Result<(), String> {
    let value =
        secretsmanager::read_as(world, now, region, &role.arn, &role.session, secret).map_err(|error| {
            format!("failed to fetch secret {secret} from secrets manager: {}", sdk(world, &error))
        })?;
    let Some(key) = key else { return Ok(()) };
    let Ok(members) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&value) else {
        // Go's JSON decoder names the first character, which is a part of the secret.
        return Err("invalid character looking for beginning of value".to_owned());
    };
    if members.contains_key(key) {
        return Ok(());
    }
    Err(format!("retrieved secret from Secrets Manager did not contain json key {key}"))
}
