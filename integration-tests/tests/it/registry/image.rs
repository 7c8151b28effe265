//! Images, and a client that pushes them: the OCI distribution specification, "Push".

use longshore_net::{Trust, http_client};
use reqwest::{Client, Method, Response, Url, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The digests of an image for two platforms: that of the index, and those of the manifests in it.
pub(crate) struct Index {
    pub(crate) digest: String,
    pub(crate) amd64: String,
    pub(crate) arm64: String,
}

/// Pushes into one repository.
pub(crate) struct Pusher {
    client: Client,
    base: Url,
    authorization: String,
}

impl Pusher {
    /// One that shows `authorization` to the registry at `host`.
    pub(crate) fn new(host: &str, repository: &str, authorization: String) -> Self {
        let base = format!("http://{host}/v2/{repository}/").parse().unwrap();
        Self { client: http_client(&Trust::of_system(), None).unwrap(), base, authorization }
    }

    async fn send(&self, method: Method, url: Url, content_type: &str, body: Vec<u8>) -> Response {
        let request =
            self.client.request(method.clone(), url.clone()).header(header::CONTENT_TYPE, content_type);
        let request = request.header(header::AUTHORIZATION, &self.authorization).body(body);
        let response = request.send().await.unwrap();
        if !response.status().is_success() {
            panic!("{method} {url}: {} {}", response.status(), response.text().await.unwrap());
        }
        response
    }

    /// Pushes a blob. Answers with its descriptor.
    async fn blob(&self, media_type: &str, content: Vec<u8>) -> Value {
        let descriptor = descriptor(media_type, &content);
        let start = self.base.join("blobs/uploads/").unwrap();
        let started = self.send(Method::POST, start.clone(), "application/octet-stream", Vec::new()).await;
        let mut place = start.join(started.headers()[header::LOCATION].to_str().unwrap()).unwrap();
        place.query_pairs_mut().append_pair("digest", descriptor["digest"].as_str().unwrap());
        self.send(Method::PUT, place, "application/octet-stream", content).await;
        descriptor
    }

    /// Pushes a manifest or an index under a tag or its digest. Answers with its digest.
    async fn manifest(&self, reference: &str, manifest: &Value) -> String {
        let url = self.base.join(&format!("manifests/{reference}")).unwrap();
        let media_type = manifest["mediaType"].as_str().unwrap();
        let content = manifest.to_string().into_bytes();
        let answer = self.send(Method::PUT, url, media_type, content.clone()).await;
        let told = answer.headers()["docker-content-digest"].to_str().unwrap();
        assert_eq!(told, digest(&content), "the registry keeps other bytes");
        told.to_owned()
    }

    /// Pushes an image for `linux/ARCHITECTURE` under its digest. Answers with its entry in an index.
    async fn image(&self, architecture: &str) -> Value {
        let layer = file_system(architecture);
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": { "Cmd": ["/app"] },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(CONFIG, config.to_string().into_bytes()).await,
            "layers": [self.blob(LAYER, layer).await],
        });
        let mut entry = descriptor(MANIFEST, manifest.to_string().as_bytes());
        self.manifest(entry["digest"].as_str().unwrap(), &manifest).await;
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        entry
    }

    /// Pushes an image for two platforms under a tag.
    pub(crate) async fn image_for_both(&self, tag: &str) -> Index {
        let entries = [self.image("amd64").await, self.image("arm64").await];
        let [amd64, arm64] = entries.each_ref().map(|entry| entry["digest"].as_str().unwrap().to_owned());
        Index { digest: self.index(tag, &entries).await, amd64, arm64 }
    }

    /// Pushes an index of images under a tag. Answers with its digest.
    async fn index(&self, tag: &str, entries: &[Value]) -> String {
        self.manifest(tag, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries })).await
    }

    /// Gives the image `digest` a tag.
    pub(crate) async fn tag(&self, tag: &str, digest: &str) {
        let url = self.base.join(&format!("manifests/{digest}")).unwrap();
        let request = self.client.get(url).header(header::ACCEPT, MANIFEST);
        let answer = request.header(header::AUTHORIZATION, &self.authorization).send().await.unwrap();
        let manifest = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(self.manifest(tag, &manifest).await, digest);
    }
}

/// The one layer of an image: a file that says which platform it is for.
fn file_system(architecture: &str) -> Vec<u8> {
    let content = format!("linux/{architecture}\n");
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "etc/platform", content.as_bytes()).unwrap();
    archive.into_inner().unwrap()
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(content), "size": content.len() })
}

pub(super) fn digest(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
