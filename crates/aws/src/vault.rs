//! Secret values that AWS keeps already, and that Longshore only reads.

use async_trait::async_trait;
use aws_types::region::Region;
use longshore_credential::{Keeper, Vault};
use longshore_model::{Arn, Failure, FailureKind, Secret};
use longshore_plugin::Result;

use crate::{Aws, failure};

#[async_trait]
impl Vault for Aws {
    async fn read(&self, keeper: Keeper, name: &str) -> Result<Secret<String>> {
        // An ARN says in which region it is; a name is one of the stack's region.
        let region = match name.parse::<Arn>() {
            Ok(arn) => arn.region().to_owned(),
            Err(_) => self.region().await?.to_owned(),
        };
        match keeper {
            Keeper::Ssm => self.parameter(name, &region).await,
            Keeper::SecretsManager => self.secret(name, &region).await,
        }
    }
}

impl Aws {
    async fn parameter(&self, name: &str, region: &str) -> Result<Secret<String>> {
        let at = format!("ssm:GetParameter {name}");
        let there = aws_sdk_ssm::config::Builder::new().region(Region::new(region.to_owned()));
        let call = self.ssm().await?.get_parameter().name(name).with_decryption(true);
        let answer = call.customize().config_override(there).send().await;
        let answer = answer.map_err(|error| explain(failure(&error, &at), "SSM parameter", name, region))?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        value.map(Secret::new).ok_or_else(|| {
            Failure::new(FailureKind::Internal, "Systems Manager answers without a value").at(at)
        })
    }

    async fn secret(&self, name: &str, region: &str) -> Result<Secret<String>> {
        let at = format!("secretsmanager:GetSecretValue {name}");
        let there = aws_sdk_secretsmanager::config::Builder::new().region(Region::new(region.to_owned()));
        let call = self.secretsmanager().await?.get_secret_value().secret_id(name);
        let answer = call.customize().config_override(there).send().await;
        let answer =
            answer.map_err(|error| explain(failure(&error, &at), "Secrets Manager secret", name, region))?;
        answer.secret_string.map(Secret::new).ok_or_else(|| {
            let message = format!("the Secrets Manager secret {name} holds binary data");
            Failure::new(FailureKind::Invalid, message).at(at).help("store it as text (`SecretString`)")
        })
    }
}

/// Returns the failure of a call that read a value named in the configuration.
fn explain(failure: Failure, what: &str, name: &str, region: &str) -> Failure {
    match failure.kind {
        FailureKind::NotFound => {
            let message = format!("there is no {what} {name} in {region}: {}", failure.message);
            Failure { message, ..failure }
                .help("correct the name; the ARN of one in another region names its region")
        }
        FailureKind::Denied => {
            let help = failure.help.clone().unwrap_or_default();
            failure.help(format!("{help}; and `kms:Decrypt`, where a key of your own encrypts it"))
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests;
