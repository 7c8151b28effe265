//! GitHub's API for reading the token's own user. Requests and answers are checked against the API that GitHub
//! publishes.

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use longshore_net::{Transport, TransportError, TransportErrorKind};
use longshore_published::{GITHUB, PublishedApi};
use serde_json::{Value, json};

/// The answer, and the URLs of the requests.
pub(super) struct GitHub {
    /// 0: it is not there at all.
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    published: PublishedApi,
    seen: Mutex<Vec<String>>,
}

impl GitHub {
    pub(super) fn new(status: u16, headers: &[(&'static str, &'static str)]) -> Self {
        let published = PublishedApi::read(GITHUB);
        Self { status, headers: headers.to_vec(), published, seen: Mutex::default() }
    }

    /// Returns the requests so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for GitHub {
    async fn send(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, TransportError> {
        self.seen.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        let authorization = &request.headers()["authorization"];
        assert!(authorization.is_sensitive());
        assert_eq!(request.headers()["accept"], "application/vnd.github+json");
        let mut answer =
            Response::builder().status(self.status.max(200)).header("content-type", "application/json");
        for (name, value) in &self.headers {
            answer = answer.header(*name, *value);
        }
        let echo = format!("Bad credentials: {}", authorization.to_str().unwrap());
        let body = if self.status == 200 { user() } else { json!({ "message": echo }) };
        let answer = answer.body(Bytes::from(body.to_string())).unwrap();
        // GitHub Enterprise Server has the API below a path.
        let below = if request.uri().path().starts_with("/api/v3/") { "/api/v3" } else { "" };
        let published = self.published.clone().below(below);
        match self.status {
            // That it is broken, or not there, is not published.
            0 | 500.. => published.request(&request),
            _ => published.exchange(&request, &answer),
        }
        assert_eq!(published.found(), Vec::<String>::new());
        match self.status {
            0 => Err(TransportError::new(TransportErrorKind::Name, "no address")),
            _ => Ok(answer),
        }
    }
}

/// By the schema `private-user`.
fn user() -> Value {
    let url = "https://api.github.com/users/acme-bot";
    json!({
        "login": "acme-bot",
        "id": 1,
        "node_id": "MDQ6VXNlcjE=",
        "avatar_url": "https://github.com/images/acme-bot.gif",
        "gravatar_id": "",
        "url": url,
        "html_url": "https://github.com/acme-bot",
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        "type": "User",
        "site_admin": false,
        "name": "Bot of Acme",
        "company": null,
        "blog": "",
        "location": null,
        "email": null,
        "hireable": null,
        "bio": null,
        "twitter_username": null,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "private_gists": 0,
        "total_private_repos": 1,
        "owned_private_repos": 1,
        "disk_usage": 0,
        "collaborators": 0,
        "two_factor_authentication": true,
    })
}
