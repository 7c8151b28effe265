//! Pull checks of an environment whose cloud is simulated.

use std::{collections::BTreeSet, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::Uri;
use longshore_model::{Failure, FailureKind, ImageReference, Platform};
use longshore_net::RealTime;
use longshore_oci::Puller;
use longshore_plugin::{Credential, PullCheck, PullProof, Result};
use longshore_simcloud::{
    Blueprint, Cloud, World,
    registry::{canonical_host, is_this_machine},
};

use crate::place::{Pullers, Reaching};

/// The time limit for the check of an image in a real registry, for its waits and its requests.
const LIMIT: Duration = Duration::from_secs(300);

/// The hosts of a simulated environment's registries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    declared: BTreeSet<String>,
    real: BTreeSet<String>,
}

/// The kind of registry behind a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// A registry that `[cloud.registries]` declares.
    Declared,
    /// A registry that has whatever is asked for.
    Improvised,
    /// The network: the host is this machine, or one of `cloud.real-registries`.
    Real,
}

impl Hosts {
    pub(crate) fn of(blueprint: &Blueprint) -> Self {
        let canonical = |host: &String| canonical_host(host).into_owned();
        Self {
            declared: blueprint.registries.keys().map(canonical).collect(),
            real: blueprint
                .improvised
                .iter()
                .flat_map(|improvised| &improvised.real)
                .map(canonical)
                .collect(),
        }
    }

    /// Returns the kind of registry behind `host`, which includes the port if it has one.
    pub(crate) fn answers(&self, host: &str) -> Answers {
        let host = &*canonical_host(host);
        if self.declared.contains(host) {
            Answers::Declared
        } else if is_this_machine(host) || self.real.contains(host) {
            Answers::Real
        } else {
            Answers::Improvised
        }
    }
}

/// Proves pulls: in process where the registry is simulated, over the network and in real time where it is real.
pub(crate) struct SimulatedPulls {
    hosts: Hosts,
    simulated: Puller,
    real: Puller,
    cloud: Cloud,
    real_time: Arc<RealTime>,
}

impl SimulatedPulls {
    /// # Errors
    /// When the operating system refuses a thread.
    pub(crate) fn all(
        hosts: &Hosts,
        simulated: Reaching,
        real: Reaching,
        cloud: &Cloud,
    ) -> io::Result<Pullers> {
        let real_time = Arc::new(RealTime::new()?);
        let pulls = |simulated: Puller, real: Puller| {
            let (hosts, cloud, real_time) = (hosts.clone(), cloud.clone(), real_time.clone());
            Arc::new(Self { hosts, simulated, real, cloud, real_time }) as Arc<dyn PullCheck>
        };
        // Both have the same names.
        let others = simulated.1.into_iter().zip(real.1.into_values());
        let others = others.map(|((name, simulated), real)| (name, pulls(simulated, real))).collect();
        Ok(Pullers { usual: pulls(simulated.0, real.0), others, around: None })
    }

    /// The run's clock may be a paused one: a registry that asks to wait is real, and so is the wait.
    async fn check_real(
        &self,
        image: &ImageReference,
        platform: Platform,
        credential: Option<&Credential>,
        endpoint: Option<&str>,
    ) -> Result<PullProof> {
        let (puller, image_there) = (self.real.clone(), image.clone());
        let (credential, endpoint) = (credential.cloned(), endpoint.map(str::to_owned));
        let check = async move {
            puller.check(&image_there, platform, credential.as_ref(), endpoint.as_deref()).await
        };
        let late = || {
            let message = format!("the registry did not answer for {image} within {} s", LIMIT.as_secs());
            Failure::new(FailureKind::Unavailable, message).help("run again later")
        };
        let proof = self.real_time.run(LIMIT, check).await.unwrap_or_else(|| Err(late()))?;
        let (host, repository, reference) = (image.host(), image.repository(), image.manifest_reference());
        let note = |world: &mut World| {
            world.registries.note_digest(host, repository, reference, &proof.digest);
        };
        self.cloud.edit(note).await;
        Ok(proof)
    }
}

#[async_trait]
impl PullCheck for SimulatedPulls {
    async fn check(
        &self,
        image: &ImageReference,
        platform: Platform,
        credential: Option<&Credential>,
        endpoint: Option<&str>,
    ) -> Result<PullProof> {
        let authority =
            endpoint.and_then(|endpoint| Some(endpoint.parse::<Uri>().ok()?.authority()?.to_string()));
        let host = authority.as_deref().unwrap_or(image.host());
        match self.hosts.answers(host) {
            Answers::Declared => self.simulated.check(image, platform, credential, endpoint).await,
            Answers::Real => self.check_real(image, platform, credential, endpoint).await,
            Answers::Improvised => {
                // The content of a digest cannot be made up, so the check uses the tag.
                let named = image.as_str().split_once('@');
                let by_tag = named.and_then(|(name, _)| name.parse().ok());
                let asked = by_tag.as_ref().unwrap_or(image);
                let mut proof = self.simulated.check(asked, platform, credential, endpoint).await?;
                if let Some(digest) = image.digest() {
                    proof.digest = digest.to_owned();
                }
                proof.note = Some(format!(
                    "simulated: {host} is not in `cloud.registries`, and has every image that is asked for"
                ));
                Ok(proof)
            }
        }
    }
}
