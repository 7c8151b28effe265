//! Images that are checked more than once in a run.

use std::sync::Arc;

use longshore_plugin::{PullCheck, PullProof, Result};

use super::script::{AMD64, ARM64, IMAGE, INDEX, Script, credential, descriptor, error};
use crate::{Puller, digest::sha256};

fn index(architectures: &[&str]) -> String {
    let entries = architectures.iter().map(|architecture| {
        let platform = format!(r#","platform":{{"os":"linux","architecture":"{architecture}"}}"#);
        descriptor(IMAGE, architecture, &platform)
    });
    format!(r#"{{"mediaType":"{INDEX}","manifests":[{}]}}"#, entries.collect::<Vec<_>>().join(","))
}

/// Expects a check that is content with the headers of the manifest `content`.
fn headers_alone(script: Script, content: &str) -> Script {
    script.token().headers(INDEX, content)
}

async fn check(puller: &Puller, platform: longshore_model::Platform) -> Result<PullProof> {
    puller.check(&"ghcr.io/acme/api:1".parse().unwrap(), platform, Some(&credential()), None).await
}

#[tokio::test]
async fn what_was_read_is_not_read_again_but_everybody_has_to_be_let_at_it() {
    let content = index(&["amd64", "arm64"]);
    let script = headers_alone(Script::default().token().manifest(INDEX, &content), &content);
    let script = headers_alone(script, &content);
    let script = script.token().refused(403, &error("DENIED", "requested access to the resource is denied"));
    let puller = Puller::new(Arc::new(script.clone()));
    let first = check(&puller, AMD64).await.unwrap();
    assert_eq!(first.platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(first.manifests, [sha256(b"amd64"), sha256(b"arm64")]);
    assert_eq!(check(&puller.clone(), AMD64).await.unwrap(), first);
    assert_eq!(check(&puller, ARM64).await.unwrap(), first);
    let refused = check(&puller, AMD64).await.unwrap_err();
    assert!(refused.message.contains("requested access to the resource is denied"), "{refused}");
    script.is_at_its_end();
}

#[tokio::test]
async fn tag_keeps_its_digest_within_a_run() {
    let (old, new) = (index(&["amd64"]), index(&["amd64", "arm64"]));
    let script = headers_alone(Script::default().token().manifest(INDEX, &old), &new);
    let puller = Puller::new(Arc::new(script.clone()));
    let first = check(&puller, AMD64).await.unwrap();
    assert_eq!((&first.digest, &first.manifests), (&sha256(old.as_bytes()), &vec![sha256(b"amd64")]));
    assert_eq!(check(&puller, AMD64).await.unwrap(), first);
    script.is_at_its_end();
}

#[tokio::test]
async fn another_platform_is_looked_for_without_reading_again() {
    let content = index(&["amd64"]);
    let script = headers_alone(Script::default().token().manifest(INDEX, &content), &content);
    let puller = Puller::new(Arc::new(script.clone()));
    check(&puller, AMD64).await.unwrap();
    check(&puller, ARM64).await.unwrap_err();
    script.is_at_its_end();
}
