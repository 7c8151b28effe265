//! An independent judge of the roles: ministack evaluates IAM's policies for each request. A session of the role that the
//! builder made reads exactly its secrets, and nothing else is allowed.
//!
//! The role may read a parameter, too, so that its statement is judged as well: it allows nothing with secrets. That the
//! parameter itself can be read, ministack cannot tell: it takes `*` for the resource of ssm:GetParameters.

use std::fmt::Debug;

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::config::Credentials;
use aws_sdk_ssm::types::ParameterType;
use longshore_aws::Aws;
use longshore_model::{Known, Name, Secret};
use longshore_plugin::{Readable, RoleSpec, SecretSpec};
use serde_json::json;

use super::tool;
use crate::{
    account,
    longshore::{Project, Server, free_port},
};

/// The clients of the holder of `credentials`.
struct Session {
    secrets: aws_sdk_secretsmanager::Client,
    parameters: aws_sdk_ssm::Client,
    iam: aws_sdk_iam::Client,
    sts: aws_sdk_sts::Client,
}

impl Session {
    async fn of(aws: &Aws, credentials: Credentials) -> Self {
        macro_rules! client {
            ($sdk:ident, $service:ident) => {{
                let config = aws.$service().await.unwrap().config().to_builder();
                $sdk::Client::from_conf(config.credentials_provider(credentials.clone()).build())
            }};
        }
        Self {
            secrets: client!(aws_sdk_secretsmanager, secretsmanager),
            parameters: client!(aws_sdk_ssm, ssm),
            iam: client!(aws_sdk_iam, iam),
            sts: client!(aws_sdk_sts, sts),
        }
    }
}

/// Expects that IAM refused, and not that something else went wrong.
#[track_caller]
fn denied<T: Debug, E: ProvideErrorMetadata + Debug, R: Debug>(
    what: &str,
    result: Result<T, SdkError<E, R>>,
) {
    let Err(error) = result else { panic!("{what} is allowed: {result:?}") };
    let code = error.code().unwrap_or_default();
    assert!(["AccessDenied", "AccessDeniedException"].contains(&code), "{what}: {error:?}");
}

fn server(project: &Project) -> Server {
    let port = free_port();
    let mut command = project.command(tool("ministack"));
    command.envs([("AUTH", "true"), ("BIND_HOST", "127.0.0.1"), ("IOT_MTLS_ENABLED", "0")]);
    command.env("GATEWAY_PORT", port.to_string());
    Server::start(command, port)
}

fn value(password: &str) -> Secret<String> {
    Secret::new(json!({ "username": "acme", "password": password }).to_string())
}

/// Stores a secret as a stack does. Answers with its ARN.
async fn secret(aws: &Aws, stack: &str, path: &str) -> String {
    let spec = SecretSpec { path: path.to_owned(), ..SecretSpec::default() };
    let store = account::store(aws, "secretsmanager");
    store.apply(&account::context(stack, "credential"), &spec, &value(path)).await.unwrap()
}

/// Stores a parameter. Not as the store does, because ministack forgets the tags that are given with it. Answers with its
/// ARN.
async fn parameter(aws: &Aws, path: &str) -> String {
    let (client, name) = (aws.ssm().await.unwrap(), format!("/longshore/{path}"));
    let put = client.put_parameter().name(&name).value("of the acme").r#type(ParameterType::SecureString);
    put.send().await.unwrap();
    client.get_parameter().name(name).send().await.unwrap().parameter.unwrap().arn.unwrap()
}

/// Assumes the role. Its trust names ECS alone, and no test can be ECS here, so the account is added to it first. The
/// role's permissions are another policy, and stay as the builder wrote them.
async fn assume(aws: &Aws, arn: &str) -> Session {
    let role = arn.rsplit('/').next().unwrap();
    let assume_role = || async {
        let sts = aws.sts().await.unwrap();
        sts.assume_role().role_arn(arn).role_session_name("judge").send().await
    };
    denied("assuming a role that trusts ECS only", assume_role().await);
    let account = arn.split(':').nth(4).unwrap();
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": { "AWS": format!("arn:aws:iam::{account}:root") },
    }] });
    let iam = aws.iam().await.unwrap();
    let update = iam.update_assume_role_policy().role_name(role).policy_document(trust.to_string());
    update.send().await.unwrap();
    let session = assume_role().await.unwrap().credentials.unwrap();
    let token = Some(session.session_token().to_owned());
    let credentials =
        Credentials::new(session.access_key_id(), session.secret_access_key(), token, None, "a session");
    Session::of(aws, credentials).await
}

#[tokio::test]
async fn a_session_of_the_role_reads_its_secrets_and_may_do_nothing_else() {
    let server = server(&Project::empty());
    let aws = account::connect(&server.url);
    account::ready(&aws).await;

    let own = [secret(&aws, "shop", "shop/ghcr/pull").await, secret(&aws, "shop", "shop/hub/pull").await];
    let own_parameter = parameter(&aws, "shop/api/DATABASE_URL").await;
    let neighbours = [
        secret(&aws, "shop", "shop/gitlab/pull").await,
        secret(&aws, "shop", "shop/ghcr/pull2").await,
        secret(&aws, "shop", "shop/ghcr").await,
        secret(&aws, "blog", "blog/ghcr/pull").await,
    ];
    let neighbour_parameters = ["shop/api/DATABASE_URL2", "shop/web/DATABASE_URL", "shop/api/DATABASE"];
    for path in neighbour_parameters {
        parameter(&aws, path).await;
    }
    let readable = own.iter().chain([&own_parameter]);
    let role = RoleSpec {
        secrets: readable
            .map(|arn| Readable { arn: Known::Value(arn.clone()), foreseen: None, key: None })
            .collect(),
        ..RoleSpec::new(Name::new("api").unwrap())
    };
    let arn = account::role_builder(&aws).apply(&account::context("shop", "role"), &role).await.unwrap();
    let session = assume(&aws, &arn).await;

    for arn in &own {
        let read = session.secrets.get_secret_value().secret_id(arn).send().await.unwrap();
        assert!(read.secret_string().unwrap().contains("acme"));
    }
    let name = |path: &str| format!("/longshore/{path}");
    let get = |path: &str| session.parameters.get_parameters().names(name(path)).with_decryption(true);

    let secrets = &session.secrets;
    for arn in &neighbours {
        denied(&format!("reading {arn}"), secrets.get_secret_value().secret_id(arn).send().await);
    }
    for path in neighbour_parameters {
        denied(&format!("reading {path}"), get(path).send().await);
    }
    for arn in own.iter().chain(&neighbours) {
        let what = |what: &str| format!("{what} {arn}");
        denied(&what("describing"), secrets.describe_secret().secret_id(arn).send().await);
        denied(&what("writing"), secrets.put_secret_value().secret_id(arn).secret_string("x").send().await);
        denied(&what("changing"), secrets.update_secret().secret_id(arn).description("x").send().await);
        denied(&what("deleting"), secrets.delete_secret().secret_id(arn).send().await);
        let tag = aws_sdk_secretsmanager::types::Tag::builder().key("a").value("b").build();
        denied(&what("tagging"), secrets.tag_resource().secret_id(arn).tags(tag).send().await);
        let policy = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
        denied(
            &what("opening to others"),
            secrets.put_resource_policy().secret_id(arn).resource_policy(policy).send().await,
        );
    }
    denied("creating a secret", secrets.create_secret().name("mine").secret_string("x").send().await);
    denied("listing the secrets", secrets.list_secrets().send().await);
    for path in ["shop/api/DATABASE_URL", "shop/web/DATABASE_URL"] {
        let put = session.parameters.put_parameter().name(name(path)).value("x").overwrite(true);
        denied(&format!("writing {path}"), put.r#type(ParameterType::SecureString).send().await);
        denied(
            &format!("deleting {path}"),
            session.parameters.delete_parameter().name(name(path)).send().await,
        );
    }
    let listed = session.parameters.get_parameters_by_path().path("/longshore/").recursive(true).send().await;
    denied("listing the parameters", listed);

    let role = arn.rsplit('/').next().unwrap();
    let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let all = json!({ "Version": "2012-10-17", "Statement": [all] }).to_string();
    let more = session.iam.put_role_policy().role_name(role).policy_name("more").policy_document(&all);
    denied("allowing itself more", more.send().await);
    let another = session.sts.assume_role().role_arn(&arn).role_session_name("another").send().await;
    denied("assuming a role", another);

    // The judge does not deny whatever it is asked: with a policy that is too wide, the session reads a neighbour.
    let wide = all.replace(r#""Action":"*""#, r#""Action":"secretsmanager:GetSecretValue""#);
    let iam = aws.iam().await.unwrap();
    iam.put_role_policy().role_name(role).policy_name("wide").policy_document(wide).send().await.unwrap();
    secrets.get_secret_value().secret_id(&neighbours[0]).send().await.unwrap();
    denied("describing it still", secrets.describe_secret().secret_id(&neighbours[0]).send().await);
}
