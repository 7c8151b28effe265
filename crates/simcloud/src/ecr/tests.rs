use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::{
    Blueprint, Cloud, World,
    registry::{Improvised, RegistrySpec},
    testing::{cloud, cloud_of},
};

const INDEX: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// Calls ECR in a region, and answers with the output or the error.
async fn ecr_in(cloud: &Cloud, region: &str, operation: &str, input: Value) -> Value {
    let scope = format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/{region}/ecr/aws4_request");
    let request = Request::post(format!("https://api.ecr.{region}.amazonaws.com/"))
        .header("authorization", scope)
        .header("x-amz-target", format!("AmazonEC2ContainerRegistry_V20150921.{operation}"))
        .body(Bytes::from(input.to_string()))
        .unwrap();
    serde_json::from_slice(cloud.aws_request(request).await.unwrap().body()).unwrap()
}

async fn ecr(cloud: &Cloud, operation: &str, input: Value) -> Value {
    ecr_in(cloud, "eu-central-1", operation, input).await
}

#[tokio::test(start_paused = true)]
async fn tags_pushed_again_name_another_digest() {
    let cloud = cloud();
    ecr(&cloud, "CreateRepository", json!({ "repositoryName": "acme/api" })).await;
    let push = async |manifest: &str| {
        let input = json!({ "repositoryName": "acme/api", "imageTag": "1", "imageManifest": manifest });
        let put = ecr(&cloud, "PutImage", input).await;
        put["image"]["imageId"]["imageDigest"].as_str().unwrap().to_owned()
    };
    let named = async || {
        let input =
            json!({ "repositoryName": "acme/api", "imageIds": [{ "imageTag": "1" }, { "imageTag": "2" }] });
        ecr(&cloud, "BatchGetImage", input).await
    };
    let first = push(INDEX).await;
    let answer = named().await;
    assert_eq!(answer["images"][0]["imageId"], json!({ "imageDigest": first, "imageTag": "1" }));
    assert_eq!(answer["images"][0]["imageManifest"], INDEX);
    assert_eq!(answer["failures"][0]["failureCode"], "ImageNotFound");
    let second = push(&INDEX.replace(":2", ": 2")).await;
    assert_ne!(first, second);
    assert_eq!(named().await["images"][0]["imageId"]["imageDigest"], second);
}

#[tokio::test(start_paused = true)]
async fn absent_repositories_are_refused_by_name() {
    let cloud = cloud();
    let input = json!({ "repositoryName": "acme/api", "imageIds": [{ "imageTag": "1" }] });
    let answer = ecr(&cloud, "BatchGetImage", input).await;
    assert_eq!(answer["__type"], "RepositoryNotFoundException");
    let none = ecr(&cloud, "BatchGetImage", json!({ "repositoryName": "acme/api", "imageIds": [] })).await;
    assert_eq!(none["__type"], "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn hosts_of_one_registry_have_the_same_images() {
    for (region, host, other) in [
        (
            "eu-central-1",
            "210987654321.dkr.ecr.eu-central-1.amazonaws.com",
            "210987654321.dkr-ecr.eu-central-1.on.aws",
        ),
        (
            "us-gov-west-1",
            "210987654321.dkr.ecr.us-gov-west-1.amazonaws.com",
            "210987654321.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
        ),
        (
            "cn-north-1",
            "210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "210987654321.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
        ),
        (
            "eusc-de-east-1",
            "210987654321.dkr.ecr.eusc-de-east-1.amazonaws.eu",
            "210987654321.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu",
        ),
    ] {
        let declared: RegistrySpec =
            serde_json::from_value(json!({ "repositories": { "api": { "tags": { "1": {} } } } })).unwrap();
        let blueprint = Blueprint {
            region: region.to_owned(),
            registries: [(other.to_owned(), declared)].into(),
            improvised: Some(Improvised::default()),
            ..Blueprint::default()
        };
        let cloud = cloud_of(&blueprint);
        let input = json!({ "registryId": "210987654321", "repositoryName": "api", "imageIds": [{ "imageTag": "1" }] });
        let answer = ecr_in(&cloud, region, "BatchGetImage", input).await;
        let digest =
            answer["images"][0]["imageId"]["imageDigest"].as_str().unwrap_or_else(|| panic!("{answer}"));
        for host in [host, other] {
            let of_registry = |world: &World| world.registries.digest(host, "api", "1").map(str::to_owned);
            assert_eq!(cloud.inspect(of_registry).await.as_deref(), Some(digest), "{host}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn improvised_repositories_have_every_image() {
    let cloud = cloud_of(&Blueprint { improvised: Some(Improvised::default()), ..Blueprint::default() });
    let digest = format!("sha256:{}", "a".repeat(64));
    let ids = json!([{ "imageTag": "1" }, { "imageDigest": digest }]);
    let answer = ecr(&cloud, "BatchGetImage", json!({ "repositoryName": "acme/api", "imageIds": ids })).await;
    assert_eq!(
        (answer["failures"].as_array().unwrap().len(), answer["images"].as_array().unwrap().len()),
        (0, 2)
    );
    assert_eq!(answer["images"][1]["imageId"]["imageDigest"], digest.as_str());
}
