//! A client of the token server for tests: it says who may pull, and looks at who asked.

use longshore_integration_tests::{
    registry::PUSHER,
    token_server::{Asked, Grant, TokenServer},
};
use longshore_net::{Trust, http_client};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

pub(crate) struct Tokens {
    client: Client,
    url: String,
}

impl Tokens {
    /// Of the server at `url`.
    pub(crate) fn new(url: &str) -> Self {
        Self { client: http_client(&Trust::of_system(), None).unwrap(), url: url.to_owned() }
    }

    async fn send(&self, request: RequestBuilder) -> Value {
        let answer = request.basic_auth(PUSHER.name, Some(PUSHER.password)).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "the token server answers {status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn grant(&self, grant: &Grant) {
        let body = serde_json::to_string(grant).unwrap();
        self.send(self.client.post(format!("{}/grants", self.url)).body(body)).await;
    }

    /// A token with which to push into `repository`.
    pub(crate) async fn to_push(&self, repository: &str) -> String {
        let scope = format!("repository:{repository}:pull,push");
        let request = self.client.get(format!("{}/token", self.url));
        let request = request.query(&[("service", TokenServer::SERVICE), ("scope", &scope)]);
        self.send(request).await["token"].as_str().unwrap().to_owned()
    }

    /// Returns the requests for repositories below `prefix`. It is told once.
    pub(crate) async fn asked(&self, prefix: &str) -> Vec<Asked> {
        let request = self.client.get(format!("{}/asked", self.url)).query(&[("below", prefix)]);
        let asked: Vec<Asked> = serde_json::from_value(self.send(request).await).unwrap();
        asked.into_iter().filter(|one| one.user.as_deref() != Some(PUSHER.name)).collect()
    }
}
