//! Against the simulated cloud, by way of what a configuration says.

use std::sync::Arc;

use aws_sdk_secretsmanager::primitives::Blob;
use longshore_credential::{Environment, SecretInput};
use longshore_model::{Name, Options, StepId};
use longshore_simcloud::{ApiError, Blueprint, Cloud, Effect, Fault, Moment, TokioClock};
use longshore_testkit::Told;
use serde_json::{Value, json};

use super::*;
use crate::{Embedded, Target};

const SECRET: &str = "correct-horse-battery-staple";

/// An account in which things are kept, and its clients in `region`.
fn aws(cloud: &Cloud, region: &str) -> Aws {
    let embedded = Embedded::new(cloud.connector(), cloud.clone());
    Aws::connect(Target { region: Some(region.to_owned()), ..Target::default() }, Some(embedded))
}

fn cloud() -> Cloud {
    let clock = Arc::new(TokioClock::starting_at(Moment(1_795_000_000_000)));
    Cloud::new(&Blueprint::default(), clock).unwrap()
}

/// Fetches what `password = PLACE` says.
async fn fetch(aws: &Aws, place: Value) -> Result<String> {
    let mut options = Options { key: "registries.harbor".to_owned(), ..Options::default() };
    options.values.insert("password".to_owned(), place);
    let input = options.read(|fields| SecretInput::read(fields, "password")).unwrap();
    let told = Arc::new(Told::default());
    let context = told.context(&Name::new("shop").unwrap(), StepId::new("credential", "harbor"));
    let environment = Environment::new(|_| None).with_vault(Arc::new(aws.clone()));
    Ok(input.fetch(&context, &environment).await?.expose().clone())
}

async fn put_parameter(aws: &Aws, name: &str, value: &str) {
    let kind = aws_sdk_ssm::types::ParameterType::SecureString;
    let call = aws.ssm().await.unwrap().put_parameter().name(name).value(value).r#type(kind);
    call.overwrite(true).send().await.unwrap();
}

async fn create_secret(aws: &Aws, name: &str, value: &str) -> String {
    let call = aws.secretsmanager().await.unwrap().create_secret().name(name).secret_string(value);
    call.send().await.unwrap().arn.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_value_is_the_current_one_and_nothing_is_changed() {
    let cloud = cloud();
    let (here, there) = (aws(&cloud, "eu-central-1"), aws(&cloud, "eu-west-1"));
    let pair = json!({ "user": "robot$acme", "password": SECRET, "port": 1 }).to_string();
    put_parameter(&here, "/acme/harbor", "old").await;
    put_parameter(&here, "/acme/harbor", SECRET).await;
    put_parameter(&here, "/acme/pair", &pair).await;
    let arn = create_secret(&here, "acme/harbor", &pair).await;
    create_secret(&here, "acme/plain", SECRET).await;
    let elsewhere = create_secret(&there, "acme/elsewhere", SECRET).await;
    let writes = |cloud: &Cloud| {
        let is_read = |call: &str| call.contains(":Get");
        cloud.calls().into_iter().filter(|(call, _)| !is_read(call)).collect::<Vec<_>>()
    };
    let before = writes(&cloud);
    for place in [
        json!({ "ssm": "/acme/harbor" }),
        json!({ "ssm": "/acme/harbor:2" }),
        json!({ "ssm": "arn:aws:ssm:eu-central-1:123456789012:parameter/acme/harbor" }),
        json!({ "ssm": "/acme/pair", "field": "password" }),
        json!({ "secretsmanager": "acme/plain" }),
        json!({ "secretsmanager": "acme/harbor", "field": "password" }),
        json!({ "secretsmanager": arn, "field": "password" }),
        json!({ "secretsmanager": elsewhere }),
    ] {
        assert_eq!(fetch(&here, place.clone()).await.as_deref(), Ok(SECRET), "{place}");
    }
    assert_eq!(fetch(&here, json!({ "ssm": "/acme/harbor:1" })).await.as_deref(), Ok("old"));
    assert_eq!(writes(&cloud), before);
}

#[tokio::test(start_paused = true)]
async fn says_why_there_is_no_value() {
    let cloud = cloud();
    let aws = aws(&cloud, "eu-central-1");
    create_secret(&aws, "acme/plain", SECRET).await;
    create_secret(&aws, "acme/pair", &json!({ "Password": SECRET, "port": 1 }).to_string()).await;
    let binary = aws.secretsmanager().await.unwrap().create_secret().name("acme/binary");
    binary.secret_binary(Blob::new(SECRET)).send().await.unwrap();
    create_secret(&aws, "acme/gone", SECRET).await;
    aws.secretsmanager().await.unwrap().delete_secret().secret_id("acme/gone").send().await.unwrap();
    let mut said = Vec::new();
    for place in [
        json!({ "ssm": "/acme/none" }),
        json!({ "secretsmanager": "acme/none" }),
        json!({ "secretsmanager": "acme/gone" }),
        json!({ "secretsmanager": "acme/binary" }),
        json!({ "secretsmanager": "acme/plain", "field": "password" }),
        json!({ "secretsmanager": "acme/pair", "field": "password" }),
        json!({ "secretsmanager": "acme/pair", "field": "port" }),
    ] {
        said.push(fetch(&aws, place).await.unwrap_err());
    }
    for (operation, place) in [
        ("ssm:GetParameter", json!({ "ssm": "/acme/harbor" })),
        ("secretsmanager:GetSecretValue", json!({ "secretsmanager": "acme/plain" })),
    ] {
        let message =
            format!("User: arn:aws:iam::123456789012:user/ci is not authorized to perform: {operation}");
        let effect = Effect::Refuse(ApiError::new("AccessDeniedException", &message));
        cloud.inject(Fault { operation: operation.to_owned(), after: 0, times: 1, effect });
        said.push(fetch(&aws, place).await.unwrap_err());
    }
    let said: String = said.iter().map(|failure| format!("{:?}: {failure}\n", failure.kind)).collect();
    assert!(!said.contains(SECRET), "{said}");
    insta::assert_snapshot!(said);
}
