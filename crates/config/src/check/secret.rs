//! `secrets`: environment variables whose values ECS reads from a secret or parameter.

use std::collections::BTreeMap;

use longshore_model::{
    Arn, AwsTarget, ContainerSecret, Fields, Store, consists_of, partition_of, without_tokens,
};
use serde_json::{Map, Value};

use super::{Named, PluginKind, Plugins, container::Around};

/// The description of a valid ARN, for errors.
const ARN: &str = "the full ARN of a secret or of a parameter, such as \
                   \"arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/db-AbCdEf\"";

/// The description of a valid key, for errors.
const KEY: &str = "a KMS key's ARN, id or alias, such as \"alias/shop\"";

/// Reads the variables of a container. `environment` has those whose values stand in the configuration.
pub(super) fn read_all(
    fields: &mut Fields<'_>,
    environment: Option<&Map<String, Value>>,
    around: &Around<'_>,
) -> BTreeMap<String, ContainerSecret> {
    let mut secrets = BTreeMap::new();
    for name in fields.names() {
        if !is_variable(&name) {
            fields.skip(&name);
            fields.problem(
                &name,
                "is not the name of an environment variable",
                "use letters, digits and `_`, not beginning with a digit",
            );
            continue;
        }
        if environment.is_some_and(|environment| environment.contains_key(&name)) {
            let help = "keep one of them: a variable has one value";
            fields.problem(&name, "stands in `environment` too", help);
        }
        if fields.peek(&name).is_some_and(|value| !value.is_object()) {
            fields.skip(&name);
            fields.problem(
                &name,
                "a secret value must not stand in a configuration file",
                format!("say where it is found: {name} = {{ value = {{ env = \"{name}\" }} }}, or {name} = {{ arn = \"…\" }}"),
            );
            continue;
        }
        if let Some(secret) = fields.table(&name, |fields| read(fields, around)) {
            secrets.insert(name, secret);
        }
    }
    secrets
}

fn read(fields: &mut Fields<'_>, around: &Around<'_>) -> Option<ContainerSecret> {
    match (fields.has("value"), fields.has("arn")) {
        (true, false) => written(fields, around.stores, around.plugins),
        (false, true) => existing(fields, around.aws),
        (both, _) => {
            for field in ["value", "arn", "store", "kms-key"] {
                fields.skip(field);
            }
            let message = if both { "has both `value` and `arn`" } else { "has neither `value` nor `arn`" };
            let help = "set `value` where Longshore writes the secret, or `arn` where it is there already";
            fields.problem("", message, help);
            None
        }
    }
}

fn written(fields: &mut Fields<'_>, stores: &Named<Store>, plugins: &Plugins<'_>) -> Option<ContainerSecret> {
    if fields.has("kms-key") {
        fields.skip("kms-key");
        let help = "set `kms-key` of the store";
        fields.problem("kms-key", "is that of a secret which is there already", help);
    }
    let store = stores.reference(fields, "store", "store");
    for known in ["arn", "kms-key"] {
        fields.skip(known);
    }
    let name = "value".to_owned();
    let value = plugins.options(PluginKind::SecretValue, Some(name), fields)?;
    Some(ContainerSecret::Written { store: store?, value: value.options })
}

fn existing(fields: &mut Fields<'_>, aws: &AwsTarget) -> Option<ContainerSecret> {
    if fields.has("store") {
        fields.skip("store");
        fields.problem("store", "stands beside `arn`", "remove it: the ARN says where the secret is");
    }
    let arn = readable(fields, aws);
    let kms_key = fields.accepted("kms-key", is_key, KEY);
    fields.skip("value");
    Some(ContainerSecret::Existing { arn: arn?, kms_key })
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The ARN of what ECS reads. An ARN is no secret: one that is wrong is shown in full, with what is missing.
fn readable(fields: &mut Fields<'_>, aws: &AwsTarget) -> Option<Arn> {
    let mut text = fields.text("arn")?;
    if is_parameter(&text) {
        let (Some(region), Some(account)) = (&aws.region, &aws.account) else {
            let message =
                "is the name of a parameter, and the configuration does not say of which account and region";
            fields.problem("arn", message, "set `aws.account` and `aws.region`, or write the full ARN");
            return None;
        };
        let (partition, name) = (partition_of(region), text.trim_start_matches('/'));
        text = format!("arn:{partition}:ssm:{region}:{account}:parameter/{name}");
    }
    let wrong = match text.parse() {
        Ok(arn) => match judge(&arn) {
            Ok(()) => return Some(arn),
            Err(wrong) => wrong,
        },
        Err(_) => {
            fields.refuse("arn", ARN);
            return None;
        }
    };
    fields.problem("arn", format!("found \"{}\"", without_tokens(&text)), without_tokens(&wrong));
    None
}

/// Returns an error if ECS cannot read a variable from the ARN. The six characters at the end of a secret's ARN have to
/// be there: without them, it may be taken for another one. Behind them may stand a key of the secret's JSON, a stage
/// and a version (ECS developer guide, "Pass Secrets Manager secrets through Amazon ECS environment variables").
fn judge(arn: &Arn) -> Result<(), String> {
    if arn.region().is_empty() || arn.account().is_empty() {
        return Err(format!("it lacks the region or the account: must be {ARN}"));
    }
    match (arn.service(), arn.resource().split_once('/'), arn.resource().strip_prefix("secret:")) {
        ("ssm", Some(("parameter", name)), _) if !name.is_empty() => match name.split_once(':') {
            None => Ok(()),
            Some((_, version)) => Err(format!(
                "remove `:{version}`: versions and labels of a parameter cannot be referenced, ECS reads the current value"
            )),
        },
        ("secretsmanager", _, Some(rest)) if !rest.is_empty() => {
            let name = rest.split(':').next().unwrap_or_default();
            let suffix = name.rsplit_once('-').map(|(_, suffix)| suffix);
            let is_full = suffix
                .is_some_and(|suffix| suffix.len() == 6 && suffix.bytes().all(|b| b.is_ascii_alphanumeric()));
            if !is_full {
                return Err(format!(
                    "it lacks the hyphen and six characters at the end of the full ARN, as in `{name}-AbCdEf`: `aws \
                     secretsmanager describe-secret --secret-id {name}` shows it"
                ));
            }
            match rest.split(':').count() {
                1 | 4 => Ok(()),
                _ => Err("behind the ARN stand a key of the secret's JSON, a stage and a version, each of which may be \
                          empty: such as `:password::`"
                    .to_owned()),
            }
        }
        _ => Err(format!("must be {ARN}")),
    }
}

/// Returns true if `text` is the path of a parameter, which ECS looks for in the account and region of the task (API reference,
/// Secret). A name without a slash could be anything.
fn is_parameter(text: &str) -> bool {
    text.strip_prefix('/').is_some_and(|name| consists_of(name, "._-/", 1011))
}

fn is_key(text: &str) -> bool {
    let is_arn = |arn: Arn| {
        let resource = arn.resource();
        arn.service() == "kms" && (resource.starts_with("key/") || resource.starts_with("alias/"))
    };
    if text.starts_with("arn:") {
        return text.parse().is_ok_and(is_arn);
    }
    let name = text.strip_prefix("alias/").unwrap_or(text);
    consists_of(name, "/_-", 256)
}

#[cfg(test)]
mod tests {
    use longshore_model::Options;

    use super::*;

    #[test]
    fn what_ecs_can_read() {
        let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret";
        let parameter = "arn:aws:ssm:eu-central-1:123456789012:parameter";
        let fits = |text: String| text.parse().is_ok_and(|arn| judge(&arn).is_ok());
        for good in [":db-AbCdEf", ":a/b-c-123456", ":db-AbCdEf:password::", ":db-AbCdEf::AWSPREVIOUS:"] {
            assert!(fits(format!("{secret}{good}")), "{good}");
        }
        for bad in ["", ":db", ":db-Ab", ":db-AbCdEf:password", ":db-AbCdEf:"] {
            assert!(!fits(format!("{secret}{bad}")), "{bad}");
        }
        assert!(fits(format!("{parameter}/shop/db")) && fits(format!("{parameter}/db")));
        assert!(
            !fits(parameter.to_owned())
                && !fits(format!("{parameter}/"))
                && !fits(format!("{parameter}/db:3"))
        );
        assert!(!fits("arn:aws:s3:::bucket".to_owned()));
    }

    #[test]
    fn an_arn_that_ecs_cannot_read_is_shown_with_what_is_missing() {
        let arn = |resource: &str| format!("arn:aws:{resource}");
        let said = [
            arn("secretsmanager:eu-central-1:123456789012:secret:shop/database"),
            arn("secretsmanager:eu-central-1:123456789012:secret:shop/database-AbCdEf:password"),
            arn("secretsmanager:eu-central-1:123456789012:secret:"),
            arn("ssm:eu-central-1:123456789012:parameter/shop/database-with-a-long-name:3"),
            arn("ssm:eu-central-1::parameter/shop/database"),
            arn("secretsmanager:eu-central-1:123456789012:secret:ghp_0123456789abcdef"),
            "hunter2-hunter2-hunter2-hunter2-hunter2-hunter2-hunter2-hunter2-hunter2".to_owned(),
        ]
        .map(|arn| {
            let values = serde_json::json!({ "arn": arn }).as_object().unwrap().clone();
            let key = "services.api.secrets.DATABASE".to_owned();
            let options = Options { key, values, ..Options::default() };
            let problems =
                options.read(|fields| existing(fields, &AwsTarget::default())).map(drop).unwrap_err();
            problems.iter().map(|problem| format!("{problem}\n")).collect::<String>()
        });
        let said = said.concat();
        assert!(!said.contains("hunter2") && !said.contains("ghp_0123"), "{said}");
        insta::assert_snapshot!(said);
    }
}
