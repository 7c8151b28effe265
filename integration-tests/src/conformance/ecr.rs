//! Amazon ECR, as much as it takes to see what a tag names.

use std::future::Future;

use serde_json::{Value, json};

use super::{
    Account, Answer, Operation, Refused,
    answer::{Needed as _, either, refusal},
};

/// An index without images, which names no layers that would have to be pushed before.
const INDEX: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ecr:BatchGetImage")
            .case("a tag", "its manifest, media type and digest", tag)
            .case("a tag that was pushed again", "another digest", pushed_again)
            .case("a digest", "its manifest", digest)
            .case("a tag that is not there, beside one that is", "1 image; ImageNotFound", no_tag)
            .case("a repository that is not there", "RepositoryNotFoundException", no_repository),
        Operation::new("ecr:PutImage").case("an image", "its digest and tag", put),
        Operation::new("ecr:CreateRepository").case("a repository", "its name, ARN and URI", create).case(
            "one that is there",
            "RepositoryAlreadyExistsException",
            create_again,
        ),
        Operation::new("ecr:DeleteRepository").case(
            "one that is not there",
            "RepositoryNotFoundException",
            delete_absent,
        ),
    ]
}

/// Does something with a repository, which is gone afterwards.
async fn with_repository<F>(a: &Account, what: &str, act: impl FnOnce(String) -> F) -> Answer
where
    F: Future<Output = Answer>,
{
    let name = a.name(what);
    a.ecr.call("CreateRepository", json!({ "repositoryName": name })).await?;
    let answer = act(name.clone()).await;
    a.ecr.call("DeleteRepository", json!({ "repositoryName": name, "force": true })).await?;
    answer
}

/// Pushes a manifest under the tag `1`. Answers with its digest.
async fn push(a: &Account, name: &str, manifest: &str) -> Result<String, Refused> {
    let image = json!({ "repositoryName": name, "imageTag": "1", "imageManifest": manifest });
    let put = a.ecr.call("PutImage", image).await?;
    Ok(text(&put, "/image/imageId/imageDigest").needed("digest")?.to_owned())
}

async fn get(a: &Account, name: &str, images: Value) -> Result<Value, Refused> {
    let accepted = ["application/vnd.oci.image.index.v1+json"];
    let images = json!({ "repositoryName": name, "imageIds": images, "acceptedMediaTypes": accepted });
    a.ecr.call("BatchGetImage", images).await
}

fn text<'a>(answer: &'a Value, pointer: &str) -> Option<&'a str> {
    answer.pointer(pointer).and_then(Value::as_str)
}

async fn tag(a: Account) -> Answer {
    with_repository(&a, "tag", async |name| {
        let digest = push(&a, &name, INDEX).await?;
        let got = get(&a, &name, json!([{ "imageTag": "1" }])).await?;
        let image = |field: &str| text(&got, &format!("/images/0/{field}"));
        Ok(format!(
            "its {}, {} and {}",
            either(image("imageManifest") == Some(INDEX), "manifest", "own words"),
            either(
                image("imageManifestMediaType") == Some("application/vnd.oci.image.index.v1+json"),
                "media type",
                "no media type"
            ),
            either(image("imageId/imageDigest") == Some(&digest), "digest", "another digest"),
        ))
    })
    .await
}

async fn pushed_again(a: Account) -> Answer {
    with_repository(&a, "again", async |name| {
        let first = push(&a, &name, INDEX).await?;
        push(&a, &name, &INDEX.replace(":2", ": 2")).await?;
        let got = get(&a, &name, json!([{ "imageTag": "1" }])).await?;
        let now = text(&got, "/images/0/imageId/imageDigest").needed("digest")?;
        Ok(either(now == first, "the same digest", "another digest"))
    })
    .await
}

async fn digest(a: Account) -> Answer {
    with_repository(&a, "digest", async |name| {
        let digest = push(&a, &name, INDEX).await?;
        let got = get(&a, &name, json!([{ "imageDigest": digest }])).await?;
        Ok(either(text(&got, "/images/0/imageManifest") == Some(INDEX), "its manifest", "another one"))
    })
    .await
}

async fn no_tag(a: Account) -> Answer {
    with_repository(&a, "no-tag", async |name| {
        push(&a, &name, INDEX).await?;
        let got = get(&a, &name, json!([{ "imageTag": "1" }, { "imageTag": "2" }])).await?;
        let images = got["images"].as_array().map_or(0, Vec::len);
        let code = text(&got, "/failures/0/failureCode").unwrap_or("no failure");
        Ok(format!("{images} image; {code}"))
    })
    .await
}

async fn no_repository(a: Account) -> Answer {
    refusal(get(&a, &a.name("absent"), json!([{ "imageTag": "1" }])).await)
}

async fn put(a: Account) -> Answer {
    with_repository(&a, "put", async |name| {
        let image = json!({ "repositoryName": name, "imageTag": "1", "imageManifest": INDEX });
        let put = a.ecr.call("PutImage", image).await?;
        let id = |field: &str| text(&put, &format!("/image/imageId/{field}"));
        let is_digest = id("imageDigest").is_some_and(|digest| digest.starts_with("sha256:"));
        Ok(format!(
            "its {} and {}",
            either(is_digest, "digest", "own words"),
            either(id("imageTag") == Some("1"), "tag", "no tag")
        ))
    })
    .await
}

async fn create(a: Account) -> Answer {
    let name = a.name("made");
    let made = a.ecr.call("CreateRepository", json!({ "repositoryName": name })).await?;
    let is = |field: &str, begin: &str, end: &str| {
        text(&made, &format!("/repository/{field}"))
            .is_some_and(|text| text.starts_with(begin) && text.ends_with(&format!("{end}{name}")))
    };
    let answer = format!(
        "its {}, {} and {}",
        either(is("repositoryName", "", ""), "name", "other name"),
        either(is("repositoryArn", "arn:aws:ecr:eu-central-1:", ":repository/"), "ARN", "other ARN"),
        either(is("repositoryUri", "", ".dkr.ecr.eu-central-1.amazonaws.com/"), "URI", "other URI"),
    );
    a.ecr.call("DeleteRepository", json!({ "repositoryName": name, "force": true })).await?;
    Ok(answer)
}

async fn create_again(a: Account) -> Answer {
    with_repository(&a, "twice", async |name| {
        refusal(a.ecr.call("CreateRepository", json!({ "repositoryName": name })).await)
    })
    .await
}

async fn delete_absent(a: Account) -> Answer {
    let absent = json!({ "repositoryName": a.name("absent"), "force": true });
    refusal(a.ecr.call("DeleteRepository", absent).await)
}
