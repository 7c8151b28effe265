//! Whether the image that can be read can also be run.

use longshore_model::FailureKind;

use super::script::{AMD64, ARM64, INDEX, Script, error, reply};
use crate::digest::sha256;

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

fn image_with(config: &str) -> String {
    format!(r#"{{"schemaVersion":2,"config":{{"digest":"{}"}},"layers":[]}}"#, sha256(config.as_bytes()))
}

fn blob(config: &str) -> String {
    format!("GET https://ghcr.io/v2/acme/api/blobs/{} as bearer TOKEN", sha256(config.as_bytes()))
}

#[tokio::test]
async fn a_single_image_tells_its_platform_in_its_configuration() {
    let config = r#"{"os":"linux","architecture":"arm64","variant":"v8","config":{}}"#;
    let storage = reply(307, &[("location", "https://storage.example/blob?signature=x")], "");
    let script = || {
        Script::default()
            .token()
            .manifest(MANIFEST_TYPE, &image_with(config))
            .then(&blob(config), storage.clone())
            .then("GET https://storage.example/blob?signature=x", reply(200, &[], config))
    };
    assert_eq!(script().check(ARM64).await.unwrap().platforms, ["linux/arm64"]);
    let failure = script().check(AMD64).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert_eq!(failure.message, "ghcr.io/acme/api:1 has linux/arm64 only, the task runs on linux/amd64");
}

#[tokio::test]
async fn a_configuration_that_is_missing_or_changed_is_no_proof() {
    let config = r#"{"os":"linux","architecture":"amd64"}"#;
    let script = || Script::default().token().manifest(MANIFEST_TYPE, &image_with(config));
    let missing = script().then(&blob(config), reply(404, &[], &error("BLOB_UNKNOWN", "blob unknown")));
    let missing = missing.check(AMD64).await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::NotFound);
    assert!(missing.message.ends_with("blob unknown (BLOB_UNKNOWN)"), "{missing}");
    let changed = script().then(&blob(config), reply(200, &[], r#"{"os":"linux","architecture":"amd64" }"#));
    assert_eq!(changed.check(AMD64).await.unwrap_err().kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn an_artifact_that_is_no_container_is_refused() {
    let config = r#"{"name":"chart","version":"1"}"#;
    let script = Script::default()
        .token()
        .manifest(MANIFEST_TYPE, &image_with(config))
        .then(&blob(config), reply(200, &[], config));
    assert_eq!(script.check(AMD64).await.unwrap_err().kind, FailureKind::Invalid);
}

#[tokio::test]
async fn an_index_that_names_no_platforms_is_looked_into() {
    let config = r#"{"os":"linux","architecture":"amd64"}"#;
    let image = image_with(config);
    let digest = sha256(image.as_bytes());
    let index = format!(
        r#"{{"manifests":[{{"digest":"{digest}"}},
            {{"digest":"{digest}","platform":{{"os":"linux","architecture":"arm64"}}}}]}}"#
    );
    let looked_into = Script::default()
        .token()
        .manifest(INDEX, &index)
        .then(
            &format!("GET https://ghcr.io/v2/acme/api/manifests/{digest} as bearer TOKEN"),
            reply(200, &[], &image),
        )
        .then(&blob(config), reply(200, &[], config));
    assert_eq!(looked_into.check(AMD64).await.unwrap().platforms, ["linux/arm64", "linux/amd64"]);
    let not_needed = Script::default().token().manifest(INDEX, &index);
    assert!(not_needed.check(ARM64).await.is_ok());
}
