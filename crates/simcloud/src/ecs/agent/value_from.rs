//! The target of a `valueFrom`.

use crate::ssm;

/// A secret or a parameter that a container gets as an environment variable (ECS developer guide, "Pass Secrets Manager
/// secrets through Amazon ECS environment variables", "Pass Systems Manager parameters …").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum ValueFrom {
    /// A secret's ARN, and a key in its JSON.
    Secret { arn: String, key: Option<String> },
    /// A parameter: its ARN, or its name in the task's own region.
    Parameter { name: String },
}

impl ValueFrom {
    /// Reads `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:KEY[:STAGE[:VERSION]]]`, a parameter's ARN, or a
    /// parameter's name.
    ///
    /// # Errors
    /// What is no such thing, and what is not simulated: versions of a secret other than the current one.
    pub(in crate::ecs) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with("arn:") {
            return parameter(text).ok_or_else(|| no_parameter(text));
        }
        let parts: Vec<&str> = text.split(':').collect();
        let part = |index: usize| parts.get(index).filter(|part| !part.is_empty());
        match parts.get(2).copied() {
            Some("secretsmanager") if parts.len() >= 7 && part(5).is_some_and(|kind| *kind == "secret") => {
                if part(8).is_some_and(|stage| *stage != "AWSCURRENT") || part(9).is_some() {
                    return Err(format!(
                        "the simulated cloud does not simulate versions in a valueFrom ({text})"
                    ));
                }
                Ok(Self::Secret { arn: parts[..7].join(":"), key: part(7).map(|key| (*key).to_owned()) })
            }
            Some("ssm") if parts.len() == 6 && parts[5].starts_with("parameter/") => {
                let found = parameter(text).filter(|_| is_name(ssm::name_of(text)));
                found.ok_or_else(|| no_parameter(text))
            }
            _ => Err(format!("Invalid arn syntax in valueFrom: {text}")),
        }
    }

    /// The region that has it: `own` unless its ARN names another one.
    pub(super) fn region<'a>(&'a self, own: &'a str) -> &'a str {
        let (Self::Secret { arn: name, .. } | Self::Parameter { name }) = self;
        if name.starts_with("arn:") { name.split(':').nth(3).unwrap_or(own) } else { own }
    }
}

fn parameter(text: &str) -> Option<ValueFrom> {
    let fits = text.starts_with("arn:") || is_name(text);
    fits.then(|| ValueFrom::Parameter { name: text.to_owned() })
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    !name.is_empty() && name.len() <= 2048 && name.chars().all(allowed)
}

/// In the words of RegisterTaskDefinition.
fn no_parameter(text: &str) -> String {
    format!(
        "The Systems Manager parameter name specified for secret {text} is invalid. The parameter name can be up to 2048 \
         characters and include the following letters and symbols: a-zA-Z0-9_.-,"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf";
    const PARAMETER: &str = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db";

    #[test]
    fn a_secrets_value_from_is_an_arn_with_an_optional_key() {
        let parsed =
            |key: Option<&str>| Ok(ValueFrom::Secret { arn: ARN.to_owned(), key: key.map(str::to_owned) });
        assert_eq!(ValueFrom::parse(ARN), parsed(None));
        assert_eq!(ValueFrom::parse(&format!("{ARN}:password::")), parsed(Some("password")));
        assert_eq!(ValueFrom::parse(&format!("{ARN}::AWSCURRENT:")), parsed(None));
        assert!(ValueFrom::parse(&format!("{ARN}::AWSPREVIOUS:")).is_err());
        assert!(ValueFrom::parse("arn:aws:s3:::bucket").is_err());
    }

    #[test]
    fn a_parameters_value_from_is_an_arn_or_a_name() {
        for name in [PARAMETER, "/shop/db", "db"] {
            let parsed = ValueFrom::parse(name);
            assert_eq!(parsed, Ok(ValueFrom::Parameter { name: name.to_owned() }));
            let region = if name == PARAMETER { "eu-west-1" } else { "us-east-1" };
            assert_eq!(parsed.unwrap().region("us-east-1"), region);
        }
        for bad in ["", "a b", "arn:aws:ssm:eu-west-1:123456789012:parameter/", "/shop/db:3"] {
            assert!(ValueFrom::parse(bad).is_err(), "{bad}");
        }
    }
}
