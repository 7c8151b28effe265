//! The suite of credential sources, for what AWS keeps already.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_ssm::types::ParameterType;
use longshore_credential::Environment;
use longshore_model::{Options, Plugin};
use longshore_plugin::{CredentialSource, Extensions, Plugins};
use longshore_testkit::{
    Report,
    source::{self, Given, Harness},
};
use serde_json::{Value, json};

use super::Account;

const USERNAME: &str = "robot$acme";
const PASSWORD: &str = "correct-horse-battery-staple";

/// The keeper of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// A parameter the password.
    Parameter,
    /// A secret both, as two fields.
    SecretWithFields,
}

struct Source {
    account: Account,
    keeper: Keeper,
}

impl Source {
    /// A name of the case's own.
    fn name(&self, word: &str) -> String {
        let Self { account, keeper } = self;
        let begin = if *keeper == Keeper::Parameter { "/" } else { "" };
        format!("{begin}{}/{word}", account.stack)
    }

    /// The source that finds user name and password where these values say.
    fn of(&self, username: Value, password: Value) -> Arc<dyn CredentialSource> {
        let mut plugins = Plugins::default();
        longshore_credential_static::register(&mut plugins);
        let values = [("username", username), ("password", password)];
        let values = values.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
        let options = Options { key: "registries.harbor".to_owned(), values, ..Options::default() };
        let plugin = Plugin { name: "static".to_owned(), options };
        let environment = Environment::new(|_| None).with_vault(Arc::new(self.account.aws.clone()));
        plugins.credential_source(&plugin, &Extensions::default().with(environment)).unwrap()
    }

    /// The source of what is kept as `word`.
    fn kept(&self, word: &str) -> Arc<dyn CredentialSource> {
        let name = self.name(word);
        let field = |field: &str| json!({ "secretsmanager": name, "field": field });
        match self.keeper {
            Keeper::Parameter => self.of(USERNAME.into(), json!({ "ssm": name })),
            Keeper::SecretWithFields => self.of(field("username"), field("password")),
        }
    }

    /// Keeps a credential as `word`.
    async fn keep(&self, word: &str, password: &str) -> Given {
        let (aws, name) = (&self.account.aws, self.name(word));
        match self.keeper {
            Keeper::Parameter => {
                let put = aws.ssm().await.unwrap().put_parameter().name(name).value(password);
                put.r#type(ParameterType::SecureString).send().await.unwrap();
            }
            Keeper::SecretWithFields => {
                let text = json!({ "username": USERNAME, "password": password }).to_string();
                let create = aws.secretsmanager().await.unwrap().create_secret().name(name);
                create.secret_string(text).send().await.unwrap();
            }
        }
        Given { source: self.kept(word), username: USERNAME.to_owned(), password: password.to_owned() }
    }
}

#[async_trait]
impl Harness for Source {
    async fn good(&self) -> Given {
        self.keep("good", PASSWORD).await
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        let mut absent = vec![self.kept("nowhere")];
        if self.keeper == Keeper::SecretWithFields {
            self.keep("other", PASSWORD).await;
            let field = json!({ "secretsmanager": self.name("other"), "field": "token" });
            absent.push(self.of(USERNAME.into(), field));
            let create = self.account.aws.secretsmanager().await.unwrap().create_secret();
            create.name(self.name("binary")).secret_binary(Blob::new("binary")).send().await.unwrap();
            absent.push(self.kept("binary"));
        }
        absent
    }

    async fn unstorable(&self) -> Vec<Given> {
        vec![self.keep("of-a-job", &format!("glcbt-64_{PASSWORD}")).await]
    }
}

/// Runs the suite against the server at a URL.
pub(crate) async fn source(url: &str, keeper: Keeper) -> Report {
    source::suite(async || Source { account: Account::at(url), keeper }).await
}
