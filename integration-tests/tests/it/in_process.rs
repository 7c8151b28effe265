//! What tests, and the bench, lend to runs within their own process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use longshore_aws::Embedded;
use longshore_model::{ImageReference, Platform};
use longshore_plugin::{Credential, PullCheck, PullProof, Result};
use longshore_simcloud::Cloud;

/// Whether the image can be pulled is not in question.
pub(crate) struct Proved;

#[async_trait]
impl PullCheck for Proved {
    async fn check(
        &self,
        _: &ImageReference,
        _: Platform,
        _: Option<&Credential>,
        _: Option<&str>,
    ) -> Result<PullProof> {
        Ok(PullProof { digest: "sha256:00".to_owned(), platforms: Vec::new(), manifests: Vec::new() })
    }
}

#[derive(Debug)]
struct CloudTime(Cloud);

impl TimeSource for CloudTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.now().0)
    }
}

/// A simulated cloud, as the AWS clients reach it.
pub(crate) fn embedded(cloud: &Cloud) -> Embedded {
    Embedded {
        http_client: SharedHttpClient::new(cloud.connector()),
        time_source: SharedTimeSource::new(CloudTime(cloud.clone())),
    }
}
