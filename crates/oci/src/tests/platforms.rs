//! Platforms: an image that can be read must also run.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use longshore_model::FailureKind;

use super::script::{
    AMD64, ARM64, CONFIG, IMAGE, INDEX, Script, by_digest, descriptor, error, image_with, reply,
};
use crate::digest::sha256;

fn index_of(entries: &[String]) -> String {
    format!(r#"{{"manifests":[{}]}}"#, entries.join(","))
}

/// The field of an entry with its platform, such as `linux/arm64`.
fn platform(text: &str) -> String {
    let (os, architecture) = text.split_once('/').unwrap();
    format!(r#","platform":{{"os":"{os}","architecture":"{architecture}"}}"#)
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
            .manifest(IMAGE, &image_with(config))
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
    let script = || Script::default().token().manifest(IMAGE, &image_with(config));
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
        .manifest(IMAGE, &image_with(config))
        .then(&blob(config), reply(200, &[], config));
    assert_eq!(script.check(AMD64).await.unwrap_err().kind, FailureKind::Invalid);
}

#[tokio::test]
async fn an_index_that_names_no_platforms_is_looked_into() {
    let config = r#"{"os":"linux","architecture":"amd64"}"#;
    let image = image_with(config);
    let index = index_of(&[
        descriptor(IMAGE, &image, ""),
        descriptor(IMAGE, &image, r#","platform":{"os":"linux","architecture":"arm64"}"#),
    ]);
    let looked_into = Script::default()
        .token()
        .manifest(INDEX, &index)
        .then(
            &format!("GET {} as bearer TOKEN", by_digest(&image)),
            reply(200, &[("content-type", IMAGE)], &image),
        )
        .then(&blob(config), reply(200, &[], config));
    assert_eq!(looked_into.check(AMD64).await.unwrap().platforms, ["linux/arm64", "linux/amd64"]);
    let not_needed = Script::default().token().manifest(INDEX, &index);
    assert!(not_needed.check(ARM64).await.is_ok());
}

#[tokio::test]
async fn single_images_need_not_name_their_platform() {
    for (config, platforms) in [
        (r#"{"os":"linux","architecture":"","rootfs":{}}"#, &[][..]),
        (r#"{"os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#, &[]),
        (r#"{"architecture":"amd64","rootfs":{}}"#, &[]),
        (r#"{"os":null,"architecture":null,"rootfs":{}}"#, &[]),
        (r#"{"os":"Linux","architecture":"x86_64","variant":"v3"}"#, &["linux/amd64/v3"]),
        (r#"{"os":"linux","architecture":"386"}"#, &["linux/386"]),
    ] {
        let script = Script::default()
            .token()
            .manifest(IMAGE, &image_with(config))
            .then(&blob(config), reply(200, &[], config));
        let proof = script.check(AMD64).await.unwrap();
        assert_eq!(proof.platforms, platforms, "{config}");
        assert_eq!(proof.note.is_some(), platforms.is_empty(), "{config}");
    }
}

#[tokio::test]
async fn single_images_for_another_platform_are_refused() {
    for config in [
        r#"{"os":"linux","architecture":"aarch64","rootfs":{}}"#,
        r#"{"architecture":"s390x","rootfs":{}}"#,
        r#"{"os":"windows","rootfs":{}}"#,
    ] {
        let script = Script::default()
            .token()
            .manifest(IMAGE, &image_with(config))
            .then(&blob(config), reply(200, &[], config));
        let failure = script.check(AMD64).await.unwrap_err();
        assert!(failure.message.ends_with(" only, the task runs on linux/amd64"), "{failure}");
    }
}

#[tokio::test]
async fn artifacts_are_told_by_what_runtimes_cannot_unpack() {
    let config = r#"{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["a"]}}"#;
    let two_layers = image_with(config).replace(
        r#""layers":[]"#,
        r#""layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar"},
            {"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip"}]"#,
    );
    let script =
        Script::default().token().manifest(IMAGE, &two_layers).then(&blob(config), reply(200, &[], config));
    let failure = script.check(AMD64).await.unwrap_err();
    assert!(failure.message.ends_with("names other layers than its manifest"), "{failure}");
    for media_type in ["application/vnd.oci.empty.v1+json", "application/json", ""] {
        let image = image_with(config).replace(CONFIG, media_type);
        let failure = Script::default().token().manifest(IMAGE, &image).check(AMD64).await.unwrap_err();
        assert!(failure.message.contains("an artifact, whose configuration has the media type"), "{failure}");
    }
    // Runtimes convert what early registries wrote.
    let legacy = image_with("{}").replace(CONFIG, "application/octet-stream");
    let config = r#"{"os":"linux","architecture":"amd64"}"#;
    let legacy = legacy.replace(
        &descriptor("application/octet-stream", "{}", ""),
        &descriptor("application/octet-stream", config, ""),
    );
    let script =
        Script::default().token().manifest(IMAGE, &legacy).then(&blob(config), reply(200, &[], config));
    assert!(script.check(AMD64).await.is_ok());
}

#[tokio::test]
async fn odd_entries_do_not_spoil_an_index() {
    let index = index_of(&[
        "{}".to_owned(),
        r#"{"digest":null,"platform":{}}"#.to_owned(),
        r#"{"mediaType":"x/y","platform":{"os":"plan9","architecture":"amd64"}}"#.to_owned(),
        r#"{"mediaType":"x/y","digest":"sha256:x","platform":{"os":"unknown","architecture":"unknown"}}"#
            .to_owned(),
        descriptor(IMAGE, "32", &platform("linux/386")),
        descriptor(IMAGE, "64", r#","platform":{"os":"LINUX","architecture":"X86_64"}"#),
    ]);
    let proof = Script::default().token().manifest(INDEX, &index).check(AMD64).await.unwrap();
    assert_eq!(proof.manifests, [sha256(b"32"), sha256(b"64")]);
    assert_eq!(proof.platforms.last().unwrap(), "linux/amd64");
}

#[tokio::test]
async fn entries_that_runtimes_take_must_be_images() {
    let good = descriptor(IMAGE, "good", &platform("linux/amd64"));
    for odd in [
        descriptor("application/vnd.acme+json", "odd", &platform("linux/amd64")),
        descriptor("", "odd", &platform("linux/amd64")),
        format!(r#"{{"mediaType":"{IMAGE}","digest":"x"{}}}"#, platform("linux/amd64")),
        format!(r#"{{"mediaType":"{IMAGE}","digest":"{}"{}}}"#, sha256(b"x"), platform("linux/amd64")),
    ] {
        let first = Script::default().token().manifest(INDEX, &index_of(&[odd.clone(), good.clone()]));
        assert!(first.check(AMD64).await.is_err(), "{odd}");
        let second = Script::default().token().manifest(INDEX, &index_of(&[good.clone(), odd.clone()]));
        assert!(second.check(AMD64).await.is_ok(), "{odd}");
    }
}

#[tokio::test]
async fn an_index_in_an_index_needs_no_platform() {
    let inner = index_of(&[
        descriptor(IMAGE, "arm", &platform("linux/arm64")),
        descriptor(IMAGE, "amd", &platform("linux/amd64")),
    ]);
    for own in [String::new(), platform("linux/amd64")] {
        let outer = index_of(&[descriptor(INDEX, &inner, &own)]);
        let script = Script::default().token().manifest(INDEX, &outer).then(
            &format!("GET {} as bearer TOKEN", by_digest(&inner)),
            reply(200, &[("content-type", INDEX)], &inner),
        );
        let proof = script.check(AMD64).await.unwrap();
        assert_eq!(proof.manifests, [sha256(inner.as_bytes()), sha256(b"arm"), sha256(b"amd")]);
    }
}

#[tokio::test]
async fn indexes_do_not_nest_for_ever() {
    let mut index = index_of(&[descriptor(IMAGE, "x", &platform("linux/amd64"))]);
    let mut indexes = Vec::new();
    for _ in 0..4 {
        let outer = index_of(&[descriptor(INDEX, &index, "")]);
        indexes.insert(0, index);
        index = outer;
    }
    let mut script = Script::default().token().manifest(INDEX, &index);
    for inner in &indexes {
        let get = format!("GET {} as bearer TOKEN", by_digest(inner));
        script = script.then(&get, reply(200, &[("content-type", INDEX)], inner));
    }
    assert_eq!(script.check(AMD64).await.unwrap_err().kind, FailureKind::Invalid);
}

#[tokio::test]
async fn index_of_130000_platforms_takes_seconds() {
    let entries: Vec<_> = (0..130_000).map(|n| format!(r#"{{"platform":{{"os":"{n}"}}}}"#)).collect();
    let content = format!(r#"{{"manifests":[{}]}}"#, entries.join(","));
    let began = std::time::Instant::now();
    let longest = Arc::new(Mutex::new(Duration::ZERO));
    let pauses = Arc::clone(&longest);
    // Measures for how long the runtime's thread does nothing else.
    let ticking = tokio::spawn(async move {
        let mut last = std::time::Instant::now();
        loop {
            tokio::task::yield_now().await;
            let mut longest = pauses.lock().unwrap();
            *longest = longest.max(last.elapsed());
            last = std::time::Instant::now();
        }
    });
    let failure = Script::default().token().manifest(INDEX, &content).check(AMD64).await.unwrap_err();
    assert!(
        failure.message.ends_with("and 92 or more others only, the task runs on linux/amd64"),
        "{failure}"
    );
    // Without optimisation, on a busy machine: formerly it took minutes.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    ticking.abort();
    let longest = *longest.lock().unwrap();
    // On an idle machine, 30 ms.
    assert!(longest < Duration::from_secs(1), "the runtime was held for {longest:?}");
}
