//! The steps in which a container runtime pulls an image: the OCI distribution specification, "Pull", and the
//! distribution project's token authentication. It knows nothing of Longshore, and verifies everything that has a
//! digest.

use std::{collections::BTreeMap, io::Read};

use longshore_net::{Trust, http_client};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header};
use serde_json::{Value, json};

use super::image::digest;

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";

/// A user's login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Login {
    pub(crate) fn new(username: &str, password: &str) -> Self {
        Self { username: username.to_owned(), password: password.to_owned() }
    }
}

/// An image that was pulled.
#[derive(Debug)]
pub(crate) struct Pulled {
    /// The digest of what the tag names.
    pub(crate) index: String,
    /// The digest of the manifest for the platform.
    pub(crate) manifest: String,
    /// The files of all layers, by their paths.
    pub(crate) files: BTreeMap<String, String>,
}

/// The status of a refusal by the registry or its token server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u16);

/// Pulls the image for `linux/ARCHITECTURE` that has a tag in a repository of the registry at `host`.
pub(crate) async fn pull(
    host: &str,
    repository: &str,
    tag: &str,
    architecture: &str,
    login: &Login,
) -> Result<Pulled, Refused> {
    let base = format!("http://{host}/v2/{repository}/").parse().unwrap();
    let client = http_client(&Trust::of_system(), None).unwrap();
    let mut session = Session { client, base, login, authorization: None };

    let content = session.read(&format!("manifests/{tag}")).await?;
    let index: Value = serde_json::from_slice(&content).unwrap();
    let platform = json!({ "os": "linux", "architecture": architecture });
    let entries = index["manifests"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["platform"] == platform).unwrap();
    let manifest = session.json("manifests", entry).await?;
    let config = session.json("blobs", &manifest["config"]).await?;
    assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!(architecture)));

    let mut files = BTreeMap::new();
    let mut unpacked = Vec::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let content = session.described("blobs", layer).await?;
        unpack(&content, &mut files);
        // They are not compressed: this is the digest of what is unpacked, too.
        unpacked.push(digest(&content));
    }
    assert_eq!(config["rootfs"]["diff_ids"], json!(unpacked));
    let manifest = entry["digest"].as_str().unwrap().to_owned();
    Ok(Pulled { index: digest(&content), manifest, files })
}

/// Reads from one repository, and logs in when it is asked to.
struct Session<'a> {
    client: Client,
    base: Url,
    login: &'a Login,
    authorization: Option<String>,
}

impl Session<'_> {
    /// Returns the content of a descriptor, as JSON.
    async fn json(&mut self, kind: &str, descriptor: &Value) -> Result<Value, Refused> {
        Ok(serde_json::from_slice(&self.described(kind, descriptor).await?).unwrap())
    }

    /// Returns the content of a descriptor.
    async fn described(&mut self, kind: &str, descriptor: &Value) -> Result<Vec<u8>, Refused> {
        let wanted = descriptor["digest"].as_str().unwrap();
        let content = self.read(&format!("{kind}/{wanted}")).await?;
        assert_eq!((digest(&content).as_str(), &json!(content.len())), (wanted, &descriptor["size"]));
        Ok(content)
    }

    async fn read(&mut self, path: &str) -> Result<Vec<u8>, Refused> {
        let url = self.base.join(path).unwrap();
        let mut answer = self.send(&url).await;
        if answer.status() == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
            self.authorization = Some(self.meet(&challenge).await?);
            answer = self.send(&url).await;
        }
        body(answer).await
    }

    async fn send(&self, url: &Url) -> Response {
        let mut request = self.client.get(url.clone()).header(header::ACCEPT, ACCEPT);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.send().await.unwrap()
    }

    /// Returns the authorization that meets a challenge: user name and password, or a token that is given for them.
    async fn meet(&self, challenge: &str) -> Result<String, Refused> {
        let Some(parameters) = challenge.strip_prefix("Bearer ") else {
            assert!(challenge.starts_with("Basic "), "{challenge}");
            let request = self.as_user(self.client.get(self.base.clone())).build().unwrap();
            return Ok(request.headers()[header::AUTHORIZATION].to_str().unwrap().to_owned());
        };
        let parameter = |name: &str| {
            let (_, rest) = parameters.split_once(&format!("{name}=\"")).unwrap();
            rest.split_once('"').unwrap().0
        };
        let asked = ["service", "scope"].map(|name| (name, parameter(name)));
        let request = self.as_user(self.client.get(parameter("realm")).query(&asked));
        let token: Value = serde_json::from_slice(&body(request.send().await.unwrap()).await?).unwrap();
        Ok(format!("Bearer {}", token["token"].as_str().unwrap()))
    }

    fn as_user(&self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(&self.login.username, Some(&self.login.password))
    }
}

async fn body(answer: Response) -> Result<Vec<u8>, Refused> {
    let status = answer.status();
    if status.is_success() {
        Ok(answer.bytes().await.unwrap().to_vec())
    } else {
        Err(Refused(status.as_u16()))
    }
}

fn unpack(layer: &[u8], files: &mut BTreeMap<String, String>) {
    for entry in tar::Archive::new(layer).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        files.insert(path, content);
    }
}
