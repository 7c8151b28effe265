//! The proof itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use longshore_model::{Failure, ImageReference, Platform};
use longshore_outside::Words;
use longshore_plugin::{Credential, PullCheck, PullProof};
use tokio::time::Instant;
use url::Url;

use crate::{
    Access, Transport,
    address::Address,
    digest::{is_digest, matches, sha256},
    exchange::Exchange,
    manifest::{self, Entry, ImagePlatform, Manifest},
    refusal::Subject,
    session::{Session, content_digest},
};

/// How long one check may wait for registries that ask to come again later.
const DEADLINE: Duration = Duration::from_secs(60);
/// How many images of an index are asked for their platforms, where the index does not tell.
const UNTOLD: usize = 8;

/// Proves that images can be pulled, by reading their manifests and platforms as a container runtime does.
///
/// What a digest stands for never changes: so a manifest that was read is not read again, neither by clones. Each later
/// check of it, with another credential or for another platform, asks the registry for its headers alone, which some
/// registries do not count as a pull. A tag stands for one digest as long as the puller lives: whoever pushes it again
/// meanwhile does not divide the services that run it.
#[derive(Clone)]
pub struct Puller {
    transport: Arc<dyn Transport>,
    deadline: Duration,
    access: Access,
    known: Arc<Known>,
}

/// What is known of manifests.
#[derive(Default)]
struct Known {
    /// The digest that a tag named when it was first looked at, by the URL with the tag.
    tags: Mutex<BTreeMap<Url, String>>,
    /// The manifests that were read, by the URL with their digest.
    read: Mutex<BTreeMap<Url, Seen>>,
}

/// A manifest or index that was read.
#[derive(Clone)]
struct Seen {
    platforms: Vec<ImagePlatform>,
    /// The digests of an index's manifests.
    manifests: Vec<String>,
}

impl Puller {
    /// A puller whose requests leave through `transport`, and which waits 60 s at most when it is asked to wait.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, deadline: DEADLINE, access: Access::default(), known: Arc::default() }
    }

    /// Reaches registries by `access`.
    #[must_use]
    pub fn reaching(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Limits how long one check may wait for registries that ask to come again later.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

impl std::fmt::Debug for Puller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Puller").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

#[async_trait]
impl PullCheck for Puller {
    async fn check(
        &self,
        image: &ImageReference,
        platform: Platform,
        credential: Option<&Credential>,
        endpoint: Option<&str>,
    ) -> longshore_plugin::Result<PullProof> {
        let address = Address::of(image, endpoint, self.access.is_plain)?;
        let transport = match &self.access.authorities {
            Some(authorities) => authorities.transport().await?,
            None => self.transport.clone(),
        };
        let exchange = Exchange {
            transport: &*transport,
            registry: image.host(),
            address: &address,
            deadline: Instant::now() + self.deadline,
            words: Words::default(),
        };
        let session = Session::new(exchange, Subject { image, user: None }, credential)?;
        Check { image, session, known: &self.known }.run(platform).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The check of one image.
struct Check<'a> {
    image: &'a ImageReference,
    session: Session<'a>,
    known: &'a Known,
}

/// A manifest that the registry let the credential at.
struct Found {
    /// The call that found it, as errors name it.
    at: String,
    /// Its digest, where the registry tells it.
    digest: Option<String>,
    /// Its content, where it took reading it.
    content: Option<Bytes>,
}

impl Check<'_> {
    async fn run(mut self, platform: Platform) -> Result<PullProof, Failure> {
        let found = self.find().await?;
        let known = found.digest.as_ref().and_then(|digest| Some((digest.clone(), self.recall(digest)?)));
        let (digest, Seen { platforms: has, manifests }) = match known {
            // Where it names none for an image, it matters for which platform that was asked.
            Some((digest, seen)) if seen.platforms.iter().any(|one| one.runs_on(platform)) => (digest, seen),
            _ => self.look(&found, platform).await?,
        };
        let at = found.at;
        let words = self.session.words();
        let mut platforms: Vec<String> = Vec::new();
        for text in has.iter().map(|one| one.show(words)) {
            if !platforms.contains(&text) {
                platforms.push(text);
            }
        }
        if has.iter().any(|one| one.runs_on(platform)) {
            Ok(PullProof { digest, platforms, manifests, note: None })
        } else {
            Err(self.session.subject().wrong_platform(&at, platform, &platforms))
        }
    }

    /// Reads the manifest, and answers with its digest and what it holds.
    async fn look(
        &mut self,
        Found { at, digest, content }: &Found,
        platform: Platform,
    ) -> Result<(String, Seen), Failure> {
        let reference = digest.as_deref().unwrap_or_else(|| self.image.manifest_reference()).to_owned();
        let content = match content {
            Some(content) => self.verified(at, &reference, content.clone())?,
            None => self.manifest(at, &reference).await?,
        };
        let digest = digest.clone().unwrap_or_else(|| sha256(&content));
        let seen = match manifest::read(&content) {
            Manifest::Index(entries) => {
                let manifests = entries.iter().map(|entry| entry.digest.clone());
                let manifests = manifests.filter(|digest| is_digest(digest)).collect();
                Seen { platforms: self.platforms(at, entries, platform).await?, manifests }
            }
            Manifest::Image { config } => {
                Seen { platforms: vec![self.config(at, &config).await?], manifests: Vec::new() }
            }
            Manifest::Unusable(what) => return Err(self.session.subject().no_image(at, what)),
        };
        let url = self.session.address().manifest(self.image.repository(), &digest);
        lock(&self.known.read).insert(url, seen.clone());
        Ok((digest, seen))
    }

    /// The manifest with this digest, if it was read before.
    fn recall(&self, digest: &str) -> Option<Seen> {
        let url = self.session.address().manifest(self.image.repository(), digest);
        lock(&self.known.read).get(&url).cloned()
    }

    /// Finds the manifest.
    async fn find(&mut self) -> Result<Found, Failure> {
        let url = self.session.address().manifest(self.image.repository(), self.image.manifest_reference());
        let get;
        let head = self.session.read(Method::HEAD, url.clone(), manifest::ACCEPT).await?;
        let (headers, content) = if head.status.is_success() {
            (&head.headers, None)
        } else {
            // The answer to HEAD has no body; the registry's words come with that to GET.
            let answer = self.session.read(Method::GET, url.clone(), manifest::ACCEPT).await?;
            if !answer.status.is_success() {
                return Err(self.session.refusal(&head.at, &answer));
            }
            get = answer;
            (&get.headers, Some(get.body.clone()))
        };
        let told = content_digest(headers).filter(|digest| is_digest(digest)).map(str::to_owned);
        let digest = match (self.image.digest(), told) {
            (Some(wanted), Some(told)) if wanted != told => {
                return Err(self.session.subject().wrong_content(&head.at, wanted));
            }
            (Some(wanted), _) => Some(wanted.to_owned()),
            (None, Some(told)) => {
                let first = lock(&self.known.tags).entry(url).or_insert_with(|| told.clone()).clone();
                if first != told {
                    return Ok(Found { at: head.at, digest: Some(first), content: None });
                }
                Some(told)
            }
            (None, None) => None,
        };
        Ok(Found { at: head.at, digest, content })
    }

    /// The content of a manifest that was found under the tag or digest `reference`.
    async fn manifest(&mut self, at: &str, reference: &str) -> Result<Bytes, Failure> {
        let url = self.session.address().manifest(self.image.repository(), reference);
        let answer = self.session.read(Method::GET, url, manifest::ACCEPT).await?;
        if !answer.status.is_success() {
            return Err(self.session.refusal(at, &answer));
        }
        self.verified(at, reference, answer.body)
    }

    /// The platforms that an index is for. Where it names none for an image, the image itself is asked, but only if
    /// it matters.
    async fn platforms(
        &mut self,
        at: &str,
        entries: Vec<Entry>,
        wanted: Platform,
    ) -> Result<Vec<ImagePlatform>, Failure> {
        let mut platforms: Vec<_> = entries.iter().filter_map(|entry| entry.platform.clone()).collect();
        if platforms.iter().any(|platform| platform.runs_on(wanted)) {
            return Ok(platforms);
        }
        let untold = entries.iter().filter(|entry| entry.platform.is_none() && is_digest(&entry.digest));
        for entry in untold.take(UNTOLD) {
            let content = self.manifest(at, &entry.digest).await?;
            if let Manifest::Image { config } = manifest::read(&content) {
                platforms.push(self.config(at, &config).await?);
            }
        }
        Ok(platforms)
    }

    /// The platform that an image's configuration names.
    async fn config(&mut self, at: &str, digest: &str) -> Result<ImagePlatform, Failure> {
        let url = self.session.address().blob(self.image.repository(), digest);
        let answer = self.session.read(Method::GET, url, "*/*").await?;
        let subject = self.session.subject();
        match answer.status {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND => {
                return Err(subject.incomplete(&answer.at, digest, &self.session.said(&answer)));
            }
            _ => return Err(subject.unexpected(&answer.at, &self.session.said(&answer))),
        }
        let content = self.verified(&answer.at, digest, answer.body)?;
        let unusable = || subject.no_image(at, "an artifact without operating system and architecture");
        manifest::read_platform(&content).ok_or_else(unusable)
    }

    /// `content`, if it is what the reference says, where that is a digest.
    fn verified(&self, at: &str, reference: &str, content: Bytes) -> Result<Bytes, Failure> {
        if is_digest(reference) && !matches(reference, &content) {
            return Err(self.session.subject().wrong_content(at, reference));
        }
        Ok(content)
    }
}
