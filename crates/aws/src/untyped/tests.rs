//! The client against recorded answers.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::HttpResponse,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, error::metadata::ProvideErrorMetadata as _};
use aws_types::{SdkConfig, request_id::RequestId as _};
use longshore_model::FailureKind;
use serde_json::json;

use super::*;
use crate::{code, failure};

/// A service of AWS JSON.
static JSON: Service<Json> = Service {
    id: "ECS",
    version: "2014-11-13",
    signing_name: "ecs",
    hosts: Hosts::with_fips("ecs", "ecs-fips"),
    page_tokens: PageTokens { request: "nextToken", answer: "nextToken" },
    protocol: Json { version: "1.1", target: "AmazonEC2ContainerServiceV20141113" },
};

type Recorded = (u16, &'static [(&'static str, &'static str)], &'static str);

/// A request as it was sent.
#[derive(Clone, Debug)]
struct Sent {
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Gives the recorded answers one after the other, and keeps the requests.
#[derive(Clone, Debug)]
struct Recording {
    answers: Arc<Mutex<Vec<Recorded>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl HttpConnector for Recording {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.sent.lock().unwrap().push(Sent {
            url: request.uri().to_owned(),
            headers: headers.collect(),
            body: String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap(),
        });
        let (status, headers, body) = self.answers.lock().unwrap().remove(0);
        let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn config(answers: &[Recorded]) -> (aws_types::sdk_config::Builder, Recording) {
    let recording = Recording { answers: Arc::new(Mutex::new(answers.to_vec())), sent: Arc::default() };
    let connector = recording.clone();
    let credentials = SharedCredentialsProvider::new(Credentials::from_keys("AKID", "secret", None));
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(credentials)
        .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone())));
    (config, recording)
}

fn ec2(answers: &[Recorded]) -> (Client<Ec2Query>, Recording) {
    let (config, recording) = config(answers);
    (Client::new(&config.build(), &EC2), recording)
}

fn ecs(answers: &[Recorded]) -> (Client<Json>, Recording) {
    let (config, recording) = config(answers);
    (Client::new(&config.build(), &JSON), recording)
}

/// As the API reference shows the answer to `DescribeSubnets`, with a prefix, entities and an empty list added.
const SUBNETS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeSubnetsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>7a62c49f-347e-4fc4-9331-6e8eEXAMPLE</requestId>
  <subnetSet>
    <item>
      <subnetId>subnet-9d4a7b6c</subnetId>
      <vpcId>vpc-1a2b3c4d</vpcId>
      <tagSet><item><key>Name</key><value>a &amp; b &lt;&#x63;&#100;&gt;</value></item></tagSet>
      <ipv6CidrBlockAssociationSet/>
    </item>
    <x:item xmlns:x="urn:x">
      <subnetId><![CDATA[subnet-6e7f829e]]></subnetId>
      <tagSet></tagSet>
    </x:item>
  </subnetSet>
</DescribeSubnetsResponse>"#;

#[tokio::test(start_paused = true)]
async fn query_lists_are_numbered_and_encoded() {
    let (client, recording) = ec2(&[(200, &[], SUBNETS)]);
    let parameters = json!({
        "SubnetId": ["subnet-9d4a7b6c", "subnet-6e7f829e"],
        "Filter": [{ "Name": "tag:a&b", "Value": ["x y", "ü="] }, { "Name": "state", "Value": [] }],
        "DryRun": false,
        "MaxResults": 5,
        "NextToken": null,
    });
    client.call("DescribeSubnets", parameters).await.unwrap();
    let sent = recording.sent.lock().unwrap().remove(0);
    assert_eq!(
        sent.body,
        "Action=DescribeSubnets&Version=2016-11-15&DryRun=false&Filter.1.Name=tag%3Aa%26b&Filter.1.Value.1=x+y\
         &Filter.1.Value.2=%C3%BC%3D&Filter.2.Name=state&MaxResults=5&SubnetId.1=subnet-9d4a7b6c\
         &SubnetId.2=subnet-6e7f829e"
    );
    assert_eq!(sent.url, "https://ec2.eu-central-1.amazonaws.com/");
    assert_eq!(sent.header("content-type"), "application/x-www-form-urlencoded");
    assert!(sent.header("authorization").contains("/eu-central-1/ec2/aws4_request"), "{sent:?}");
    assert!(sent.header("user-agent").contains("aws-sdk-rust"), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn xml_answers_become_trees() {
    let (client, _) = ec2(&[(200, &[], SUBNETS)]);
    let answer = client.call("DescribeSubnets", json!({})).await.unwrap();
    let subnets: Vec<_> = answer.items("subnetSet").collect();
    let ids: Vec<_> = subnets.iter().filter_map(|subnet| subnet.text_of("subnetId")).collect();
    assert_eq!(ids, ["subnet-9d4a7b6c", "subnet-6e7f829e"]);
    let tags: Vec<_> = subnets[0].items("tagSet").filter_map(|tag| tag.text_of("value")).collect();
    assert_eq!(tags, ["a & b <cd>"]);
    assert_eq!(subnets[0].items("ipv6CidrBlockAssociationSet").count(), 0);
    assert_eq!((subnets[1].items("tagSet").count(), subnets[1].text_of("vpcId")), (0, None));
}

#[tokio::test(start_paused = true)]
async fn pages_are_read_to_the_end() {
    let page = |body| (200, [].as_slice(), body);
    let (client, recording) = ec2(&[
        page(
            "<DescribeSubnetsResponse><subnetSet><item/></subnetSet><nextToken>a</nextToken></DescribeSubnetsResponse>",
        ),
        page("<DescribeSubnetsResponse><subnetSet/><nextToken>b</nextToken></DescribeSubnetsResponse>"),
        page("<DescribeSubnetsResponse><subnetSet><item/></subnetSet><nextToken/></DescribeSubnetsResponse>"),
    ]);
    let pages = client.pages("DescribeSubnets", json!({ "MaxResults": 5 })).await.unwrap();
    assert_eq!(pages.iter().flat_map(|page| page.items("subnetSet")).count(), 2);
    let sent = recording.sent.lock().unwrap();
    let tokens: Vec<_> =
        sent.iter().map(|sent| sent.body.split_once("NextToken=").map(|(_, token)| token)).collect();
    assert_eq!(tokens, [None, Some("a"), Some("b")]);
}

#[tokio::test(start_paused = true)]
async fn repeated_tokens_end_the_pages() {
    const SAME: &str = "<DescribeSubnetsResponse><nextToken>a</nextToken></DescribeSubnetsResponse>";
    let (client, _) = ec2(&[(200, &[], SAME), (200, &[], SAME)]);
    let mut pages = client.page_by_page("DescribeSubnets", json!({}));
    for is_there in [true, true, false] {
        assert_eq!(pages.next().await.unwrap().is_some(), is_there);
    }
}

#[tokio::test(start_paused = true)]
async fn json_pages_follow_the_services_token() {
    let (config, recording) = config(&[
        (200, &[], r#"{"ResourceTagMappingList":[],"PaginationToken":"a"}"#),
        (200, &[], r#"{"ResourceTagMappingList":[],"PaginationToken":""}"#),
    ]);
    let client = Client::new(&config.build(), &TAGGING);
    let mut pages = client.page_by_page("GetResources", json!({ "ResourcesPerPage": 100 }));
    while pages.next().await.unwrap().is_some() {}
    let sent = recording.sent.lock().unwrap();
    let bodies: Vec<_> = sent.iter().map(|sent| sent.body.as_str()).collect();
    assert_eq!(bodies, [r#"{"ResourcesPerPage":100}"#, r#"{"PaginationToken":"a","ResourcesPerPage":100}"#]);
    assert_eq!(sent[0].header("x-amz-target"), "ResourceGroupsTaggingAPI_20170126.GetResources");
}

#[tokio::test(start_paused = true)]
async fn query_errors_have_code_message_and_id() {
    const REFUSED: &str = "<?xml version=\"1.0\"?><Response><Errors><Error><Code>InvalidSubnetID.NotFound</Code>\
        <Message>The subnet ID 'subnet-1' does not exist</Message></Error></Errors>\
        <RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>";
    let (client, _) = ec2(&[(400, &[("x-amzn-requestid", "ea966190-f9aa-478e-9ede-example")], REFUSED)]);
    let error = client.call("DescribeSubnets", json!({})).await.unwrap_err();
    assert_eq!(code(&error), Some("InvalidSubnetID.NotFound"));
    assert_eq!(error.as_service_error().unwrap().request_id(), Some("ea966190-f9aa-478e-9ede-example"));
    let failure = failure(&error, "ec2:DescribeSubnets");
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert_eq!(failure.message, "The subnet ID 'subnet-1' does not exist (InvalidSubnetID.NotFound)");
}

#[tokio::test(start_paused = true)]
async fn query_lists_have_members_and_results() {
    const GROUPS: &str = "<DescribeTargetGroupsResponse xmlns=\"urn:x\"><DescribeTargetGroupsResult><TargetGroups>\
        <member><TargetGroupName>web</TargetGroupName></member></TargetGroups><NextMarker>2</NextMarker>\
        </DescribeTargetGroupsResult></DescribeTargetGroupsResponse>";
    const LAST: &str = "<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups><member/></TargetGroups>\
        </DescribeTargetGroupsResult></DescribeTargetGroupsResponse>";
    const REFUSED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>TargetGroupNotFound</Code><Message>One or more \
        target groups not found</Message></Error><RequestId>a</RequestId></ErrorResponse>";
    let (config, recording) = config(&[(200, &[], GROUPS), (200, &[], LAST), (400, &[], REFUSED)]);
    let client = Client::new(&config.build(), &ELBV2);
    let pages = client.pages("DescribeTargetGroups", json!({ "Names": ["web", "api"] })).await.unwrap();
    let groups: Vec<_> = pages.iter().flat_map(|page| page.items("TargetGroups")).collect();
    assert_eq!((groups.len(), groups[0].text_of("TargetGroupName")), (2, Some("web")));
    let error = client.call("DeleteTargetGroup", json!({ "TargetGroupArn": "a" })).await.unwrap_err();
    assert_eq!(code(&error), Some("TargetGroupNotFound"));
    assert_eq!(failure(&error, "elasticloadbalancing:DeleteTargetGroup").kind, FailureKind::NotFound);
    let sent = recording.sent.lock().unwrap();
    assert_eq!(
        sent[1].body,
        "Action=DescribeTargetGroups&Version=2015-12-01&Marker=2&Names.member.1=web&Names.member.2=api"
    );
    assert_eq!(sent[0].url, "https://elasticloadbalancing.eu-central-1.amazonaws.com/");
}

#[tokio::test(start_paused = true)]
async fn json_calls_name_their_target() {
    let (client, recording) = ecs(&[(200, &[], r#"{"clusterArns":["a"]}"#), (200, &[], "")]);
    let answer = client.call("ListClusters", json!({ "maxResults": 5 })).await.unwrap();
    assert_eq!(answer, json!({ "clusterArns": ["a"] }));
    assert_eq!(client.call("DeleteAttributes", json!({})).await.unwrap(), json!({}));
    let sent = recording.sent.lock().unwrap().remove(0);
    assert_eq!(sent.header("x-amz-target"), "AmazonEC2ContainerServiceV20141113.ListClusters");
    assert_eq!(sent.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(sent.body, r#"{"maxResults":5}"#);
}

#[tokio::test(start_paused = true)]
async fn json_errors_have_bare_codes() {
    for (headers, body) in [
        ([].as_slice(), r#"{"__type":"com.amazonaws.ecs#ClusterNotFoundException","message":"gone"}"#),
        (&[], r#"{"code":"ClusterNotFoundException","Message":"gone"}"#),
        (
            &[("x-amzn-errortype", "ClusterNotFoundException:http://internal.amazon.com/x/")],
            r#"{"message":"gone"}"#,
        ),
    ] {
        let (client, _) = ecs(&[(400, headers, body)]);
        let error = client.call("ListServices", json!({})).await.unwrap_err();
        let refusal = error.as_service_error().unwrap();
        assert_eq!(
            (refusal.code(), refusal.message()),
            (Some("ClusterNotFoundException"), Some("gone")),
            "{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_proxies_are_no_answers() {
    for (status, body) in [
        (200, "<html>Please log in</html>"),
        (200, "<html><br>Please log in</html>"),
        (403, "<html>Forbidden</html>"),
        (200, ""),
    ] {
        let (client, _) = ec2(&[(status, &[], body)]);
        let error = client.call("DescribeSubnets", json!({})).await.unwrap_err();
        let failure = failure(&error, "ec2:DescribeSubnets");
        let expected = format!("HTTP {status} with an answer that is not one of AWS");
        assert!(failure.message.starts_with(&expected), "{body}: {failure}");
    }
}

#[test]
fn malformed_documents_are_refused() {
    let deep = "<a>".repeat(100_000);
    for document in [
        "",
        "text",
        "<a>",
        "<a></b>",
        "<a></x:a>",
        "<a/><b/>",
        "</a>",
        "<a>&unknown;</a>",
        "<a>&#xD800;</a>",
        "<a>&amp</a>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        &deep,
    ] {
        assert!(Element::parse(document.as_bytes()).is_err(), "{}", &document[..document.len().min(40)]);
    }
    assert!(Element::parse(b"<a>\xff</a>").is_err());
}

#[test]
fn answers_show_nothing_of_themselves() {
    let element = Element::parse(b"<a><password>hunter2</password></a>").unwrap();
    assert!(!format!("{element:?}").contains("hunter2"));
}

#[test]
fn endpoints_follow_region_and_network() {
    let endpoint = |region: &'static str, fips: bool, dual_stack: bool| {
        let (config, _) = config(&[]);
        let config = config.region(Region::new(region)).use_fips(fips).use_dual_stack(dual_stack).build();
        super::endpoint::Found::of(&config, &EC2).0.unwrap()
    };
    for (region, fips, dual_stack, url) in [
        ("eu-central-1", false, false, "https://ec2.eu-central-1.amazonaws.com"),
        ("us-east-1", true, false, "https://ec2-fips.us-east-1.amazonaws.com"),
        ("us-east-1", false, true, "https://ec2.us-east-1.api.aws"),
        ("us-east-1", true, true, "https://ec2-fips.us-east-1.api.aws"),
        ("us-gov-west-1", true, false, "https://ec2.us-gov-west-1.amazonaws.com"),
        ("us-gov-west-1", true, true, "https://ec2-fips.us-gov-west-1.api.aws"),
        ("cn-north-1", false, false, "https://ec2.cn-north-1.amazonaws.com.cn"),
        ("cn-north-1", false, true, "https://ec2.cn-north-1.api.amazonwebservices.com.cn"),
        ("eusc-de-east-1", false, false, "https://ec2.eusc-de-east-1.amazonaws.eu"),
        ("us-isob-east-1", false, false, "https://ec2.us-isob-east-1.sc2s.sgov.gov"),
    ] {
        assert_eq!(endpoint(region, fips, dual_stack), url);
    }
}

/// As the endpoint rules of the SDKs have them.
#[test]
fn fips_endpoints_differ_by_service() {
    let endpoint = |service: &Service<Json>, region: &'static str| {
        let config = config(&[]).0.region(Region::new(region)).use_fips(true).build();
        super::endpoint::Found::of(&config, service).0.unwrap()
    };
    for (service, commercial, gov) in [
        (&KMS, "kms-fips", "kms-fips"),
        (&CLOUDWATCH_LOGS, "logs-fips", "logs"),
        (&TAGGING, "tagging-fips", "tagging-fips"),
        (&ECR, "ecr-fips", "ecr-fips"),
    ] {
        assert_eq!(
            [endpoint(service, "us-east-1"), endpoint(service, "us-gov-west-1")],
            [
                format!("https://{commercial}.us-east-1.amazonaws.com"),
                format!("https://{gov}.us-gov-west-1.amazonaws.com")
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn configured_endpoints_go_before_regions() {
    let (config, recording) = config(&[(200, &[], SUBNETS)]);
    let config = config.endpoint_url("http://127.0.0.1:4566").build();
    Client::new(&config, &EC2).call("DescribeSubnets", json!({})).await.unwrap();
    assert_eq!(recording.sent.lock().unwrap()[0].url, "http://127.0.0.1:4566/");
    let both = config.to_builder().use_fips(true).build();
    let error = Client::new(&both, &EC2).call("DescribeSubnets", json!({})).await.unwrap_err();
    let failure = failure(&error, "ec2:DescribeSubnets");
    assert!(failure.message.contains("FIPS and a custom endpoint are both configured"), "{failure}");
    assert_eq!(recording.sent.lock().unwrap().len(), 1);
}

/// `AWS_ENDPOINT_URL_EC2`, as the SDK finds it in the environment and in profiles.
#[tokio::test]
async fn endpoints_of_one_service_go_before_those_of_all() {
    #[derive(Debug)]
    struct OfService;
    impl aws_types::service_config::LoadServiceConfig for OfService {
        fn load_config(&self, key: aws_types::service_config::ServiceConfigKey<'_>) -> Option<String> {
            assert_eq!((key.env(), key.profile()), ("AWS_ENDPOINT_URL", "endpoint_url"));
            (key.service_id() == "EC2").then(|| "http://ec2.localhost".to_owned())
        }
    }
    let (config, _) = config(&[]);
    let config = config.service_config(OfService).endpoint_url("http://all.localhost").build();
    let mut shared = config.to_builder();
    shared.insert_origin("endpoint_url", aws_types::origin::Origin::shared_environment_variable());
    let shared = shared.build();
    let found = |config: &SdkConfig| super::endpoint::Found::of(config, &EC2).0.unwrap();
    assert_eq!(found(&shared), "http://ec2.localhost");
    assert_eq!(super::endpoint::Found::of(&shared, &JSON).0.unwrap(), "http://all.localhost");
}
