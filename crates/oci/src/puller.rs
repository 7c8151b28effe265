//! The proof itself.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use longshore_model::{Failure, ImageReference, Platform};
use longshore_net::{Transport, Words, status_text};
use longshore_plugin::{Credential, PullCheck, PullProof};
use tokio::{task::spawn_blocking, time::Instant};
use url::Url;

use crate::{
    address::{Access, Address},
    digest::{is_digest, matches, sha256},
    exchange::{Answer, Exchange},
    manifest::{self, Config, Descriptor, Image, Kind, Manifest},
    platform::ImagePlatform,
    refusal::{SHOWN, Subject},
    session::{Session, content_digest, content_length},
};

/// The time limit for one check: all requests with their redirects and tokens, and the pauses that registries ask for.
const DEADLINE: Duration = Duration::from_secs(60);
/// The size in bytes above which containerd reads no manifest.
const LARGEST: u64 = 4 * 1048 * 1048;
/// The size in bytes above which a manifest takes noticeable time to read. Usual ones are a hundredth of it.
const LONG: usize = 256 * 1024;
/// The maximum nesting depth of indexes.
const DEPTH: usize = 4;

/// Proves that images can be pulled, by reading their manifests and platforms as a container runtime does.
///
/// The content of a digest never changes. The puller and its clones therefore read a manifest only once. Each later
/// check of it, with another credential or for another platform, requests only its headers, which some registries do
/// not count as a pull. A tag stands for one digest as long as the puller lives: if it is pushed again meanwhile, all
/// services still get the same digest.
#[derive(Clone)]
pub struct Puller {
    transport: Arc<dyn Transport>,
    deadline: Duration,
    access: Access,
    known: Arc<Known>,
}

/// The tags, manifests and configurations that were read.
#[derive(Default)]
struct Known {
    /// The digest that a tag named when it was first looked at, by the URL with the tag.
    tags: Mutex<BTreeMap<Url, String>>,
    /// The manifests and indexes, by their URLs with the digest.
    manifests: Mutex<BTreeMap<Url, Seen>>,
    configs: Mutex<BTreeMap<Url, Config>>,
}

/// A manifest or index that was read.
#[derive(Clone)]
struct Seen {
    kind: Kind,
    size: usize,
    manifest: Arc<Manifest>,
}

impl Puller {
    /// Creates a puller whose requests leave through `transport`. One check takes 60 s at most.
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

    /// Sets the time limit for one check, with everything that it waits for.
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
            patience: self.deadline,
            deadline: Instant::now() + self.deadline,
            words: Words::default(),
        };
        let session = Session::new(exchange, Subject { image, user: None }, credential)?;
        Check { image, session, known: &self.known }.run(platform).await
    }
}

/// Reads a manifest; `None` if its content is not that of `digest`. A long one is read on a thread of its own, so that the
/// lock is renewed and signals are handled meanwhile.
async fn read_manifest(kind: Kind, digest: &str, content: Bytes) -> Option<Result<Manifest, &'static str>> {
    let digest = digest.to_owned();
    let is_long = content.len() > LONG;
    let read = move || matches(&digest, &content).then(|| manifest::read(kind, &content));
    if !is_long {
        return read();
    }
    match spawn_blocking(read).await {
        Ok(read) => read,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime shuts down, and nothing waits for the answer.
            Err(_) => std::future::pending().await,
        },
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

/// A manifest that the registry let the credential at, as its headers describe it.
struct Found {
    /// The call that found it, as errors name it.
    at: String,
    digest: String,
    kind: Kind,
    /// Its size, if it was told without the content.
    size: Option<u64>,
    /// Its content, where it took reading it.
    content: Option<Bytes>,
}

/// The contents of an image or index.
#[derive(Default)]
struct Contents {
    platforms: Vec<ImagePlatform>,
    /// The digests of an index's manifests.
    manifests: Vec<String>,
}

impl Check<'_> {
    async fn run(mut self, platform: Platform) -> Result<PullProof, Failure> {
        let found = self.find().await?;
        let found = self.first(found).await?;
        let (at, digest) = (found.at.clone(), found.digest.clone());
        let manifest = self.manifest(found).await?;
        let contents = match &*manifest {
            Manifest::Image(image) => self.single(&at, image, platform).await?,
            Manifest::Index(_) => self.select(&at, manifest, platform).await?,
        };
        let platforms = self.shown(&contents.platforms);
        let is_untold = platforms.is_empty();
        let note = is_untold.then(|| "the image does not name its platform".to_owned());
        Ok(PullProof { digest, platforms, manifests: contents.manifests, note })
    }

    /// Finds the manifest, as containerd does: by HEAD, if that tells digest and length.
    async fn find(&mut self) -> Result<Found, Failure> {
        let url = self.session.address().manifest(self.image.repository(), self.image.manifest_reference());
        let head = self.session.read(Method::HEAD, url.clone(), manifest::ACCEPT).await?;
        if head.status.is_success()
            && let Some(found) = self.told(&head)?
        {
            return Ok(found);
        }
        // The answer to HEAD has no body; if it is a refusal, the registry's words come with that to GET.
        let answer = self.session.read(Method::GET, url, manifest::ACCEPT).await?;
        if !answer.status.is_success() {
            return Err(self.session.refusal(&head.at, &answer));
        }
        let is_without_head = head.status == StatusCode::METHOD_NOT_ALLOWED;
        if !head.status.is_success() && !is_without_head {
            return Err(self.session.subject().refuses_head(&head.at, &status_text(head.status)));
        }
        let told = if is_without_head { self.told(&answer)? } else { None };
        let content = answer.body.clone();
        match told {
            Some(found) => Ok(Found { content: Some(content), ..found }),
            None => {
                let kind = self.kind(&answer)?;
                let digest = self.image.digest().map_or_else(|| sha256(&content), str::to_owned);
                Ok(Found { at: answer.at, digest, kind, size: None, content: Some(content) })
            }
        }
    }

    /// The manifest that the tag named when this run first looked at it: within a run, a tag has one digest.
    async fn first(&mut self, found: Found) -> Result<Found, Failure> {
        if self.image.digest().is_some() {
            return Ok(found);
        }
        let address = self.session.address();
        let tag = address.manifest(self.image.repository(), self.image.manifest_reference());
        let digest = lock(&self.known.tags).entry(tag).or_insert_with(|| found.digest.clone()).clone();
        if digest == found.digest {
            return Ok(found);
        }
        let url = address.manifest(self.image.repository(), &digest);
        let known = lock(&self.known.manifests).get(&url).map(|seen| seen.kind);
        let (kind, content) = match known {
            Some(kind) => (kind, None),
            None => {
                let (kind, content) = self.fetch(&found.at, url).await?;
                (kind, Some(content))
            }
        };
        Ok(Found { at: found.at, digest, kind, size: None, content })
    }

    /// The manifest that the headers of `answer` describe; `None` if they lack its digest or length.
    fn told(&self, answer: &Answer) -> Result<Option<Found>, Failure> {
        let subject = self.session.subject();
        let Some(size) = content_length(&answer.headers) else { return Ok(None) };
        let digest = match self.image.digest() {
            // The image's own digest counts, of whichever algorithm the registry tells another one.
            Some(digest) => digest.to_owned(),
            None => match content_digest(&answer.headers) {
                Some(digest) if is_digest(&digest) => digest,
                Some(other) => return Err(subject.bad_digest(&answer.at, &self.quote(&other))),
                None => return Ok(None),
            },
        };
        let kind = self.kind(answer)?;
        if size == 0 {
            return Err(subject.wrong_size(&answer.at, &digest, 0, None));
        }
        if size > LARGEST {
            return Err(subject.too_long(&answer.at, size));
        }
        Ok(Some(Found { at: answer.at.clone(), digest, kind, size: Some(size), content: None }))
    }

    /// The kind of manifest as which an answer is served.
    fn kind(&self, answer: &Answer) -> Result<Kind, Failure> {
        let media_type = manifest::media_type(&answer.headers);
        let wrong = || self.session.subject().wrong_type(&answer.at, &self.quote(&media_type));
        Kind::of(&media_type).ok_or_else(wrong)
    }

    /// Reads the manifest that was found, unless it was read before. It must be what was told of it.
    async fn manifest(&mut self, found: Found) -> Result<Arc<Manifest>, Failure> {
        let Found { at, digest, kind, size, content } = found;
        let url = self.session.address().manifest(self.image.repository(), &digest);
        let known = lock(&self.known.manifests).get(&url).cloned();
        let seen = match known {
            Some(seen) => seen,
            None => {
                let (served_as, content) = match content {
                    Some(content) => (kind, content),
                    None => self.fetch(&at, url.clone()).await?,
                };
                let subject = self.session.subject();
                let size = content.len();
                if size as u64 > LARGEST {
                    return Err(subject.too_long(&at, size as u64));
                }
                let Some(manifest) = read_manifest(served_as, &digest, content).await else {
                    return Err(subject.wrong_content(&at, &digest));
                };
                let manifest = manifest.map_err(|what| subject.no_image(&at, what))?;
                let seen = Seen { kind: served_as, size, manifest: Arc::new(manifest) };
                lock(&self.known.manifests).insert(url, seen.clone());
                seen
            }
        };
        let subject = self.session.subject();
        match size {
            Some(size) if size != seen.size as u64 => {
                Err(subject.wrong_size(&at, &digest, size, Some(seen.size)))
            }
            _ if kind != seen.kind => {
                Err(subject.no_image(&at, "announced as one kind of manifest, and is another"))
            }
            _ => Ok(seen.manifest),
        }
    }

    /// The content of a manifest, and the kind as which it is served.
    async fn fetch(&mut self, at: &str, url: Url) -> Result<(Kind, Bytes), Failure> {
        let answer = self.session.read(Method::GET, url, manifest::ACCEPT).await?;
        if !answer.status.is_success() {
            return Err(self.session.refusal(at, &answer));
        }
        Ok((self.kind(&answer)?, answer.body))
    }

    /// An image without an index. Runtimes do not select it by its platform; one that names another platform could
    /// still not run.
    async fn single(&mut self, at: &str, image: &Image, platform: Platform) -> Result<Contents, Failure> {
        let config = self.config(at, image, true).await?;
        if config.platform.rules_out(platform) {
            return Err(self.wrong_platform(at, platform, &[config.platform]));
        }
        let platforms = Some(config.platform).filter(ImagePlatform::is_told).into_iter().collect();
        Ok(Contents { platforms, manifests: Vec::new() })
    }

    /// Selects the image of an index that a runtime on `platform` takes. If the index does not name that image's platform,
    /// the image does.
    async fn select(
        &mut self,
        at: &str,
        mut index: Arc<Manifest>,
        platform: Platform,
    ) -> Result<Contents, Failure> {
        let mut contents = Contents::default();
        for _ in 0..DEPTH {
            let Manifest::Index(entries) = &*index else { break };
            let images = || entries.iter().filter(|entry| !entry.is_attestation());
            contents.platforms.extend(images().filter_map(|entry| entry.platform.clone()));
            contents
                .manifests
                .extend(images().map(|entry| entry.digest.clone()).filter(|digest| is_digest(digest)));
            let Some(entry) = choose(entries, platform) else {
                return Err(self.wrong_platform(at, platform, &contents.platforms));
            };
            let found = self.entry(at, entry)?;
            if found.kind == Kind::Image && entry.platform.is_some() {
                return Ok(contents);
            }
            let child = self.manifest(found).await?;
            if let Manifest::Image(image) = &*child {
                let config = self.config(at, image, false).await?;
                let runs = config.platform.rank(platform).is_some();
                contents.platforms.push(config.platform);
                return if runs {
                    Ok(contents)
                } else {
                    Err(self.wrong_platform(at, platform, &contents.platforms))
                };
            }
            index = child;
        }
        Err(self.session.subject().no_image(at, "an index of indexes of indexes"))
    }

    /// The manifest that an index's entry describes, before it is read.
    fn entry(&self, at: &str, entry: &Descriptor) -> Result<Found, Failure> {
        let subject = self.session.subject();
        let Some(kind) = Kind::of(&entry.media_type) else {
            let media_type = self.quote(&entry.media_type);
            let what =
                format!("an index, whose entry for the task's platform has the media type `{media_type}`");
            return Err(subject.no_image(at, &what));
        };
        let size = self.described(at, entry)?;
        Ok(Found { at: at.to_owned(), digest: entry.digest.clone(), kind, size: Some(size), content: None })
    }

    /// The size of a part, if runtimes could read it.
    fn described(&self, at: &str, part: &Descriptor) -> Result<u64, Failure> {
        let subject = self.session.subject();
        if !is_digest(&part.digest) {
            return Err(subject.bad_digest(at, &self.quote(&part.digest)));
        }
        match u64::try_from(part.size) {
            Ok(size) if size > 0 => Ok(size),
            _ => Err(subject.wrong_size(at, &part.digest, 0, None)),
        }
    }

    /// Reads an image's configuration, unless it was read before.
    async fn config(&mut self, at: &str, image: &Image, is_single: bool) -> Result<Config, Failure> {
        let Descriptor { media_type, digest, .. } = &image.config;
        let is_legacy = is_single && media_type == manifest::LEGACY_CONFIG;
        if !is_legacy && !manifest::is_config(media_type) {
            let media_type = self.quote(media_type);
            let what = format!("an artifact, whose configuration has the media type `{media_type}`");
            return Err(self.session.subject().no_image(at, &what));
        }
        let size = self.described(at, &image.config)?;
        let url = self.session.address().blob(self.image.repository(), digest);
        let known = lock(&self.known.configs).get(&url).cloned();
        if let Some(config) = known {
            return Ok(config);
        }
        let answer = self.session.read(Method::GET, url.clone(), "*/*").await?;
        let subject = self.session.subject();
        match answer.status {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND => {
                return Err(subject.incomplete(&answer.at, digest, &self.session.said(&answer)));
            }
            _ => return Err(subject.unexpected(&answer.at, &self.session.said(&answer))),
        }
        if !matches(digest, &answer.body) {
            return Err(subject.wrong_content(&answer.at, digest));
        }
        if size != answer.body.len() as u64 {
            return Err(subject.wrong_size(&answer.at, digest, size, Some(answer.body.len())));
        }
        let no_image = |what| Err(subject.no_image(at, what));
        let Some(config) = manifest::read_config(&answer.body) else {
            return no_image("an artifact, whose configuration no runtime can read");
        };
        if config.rootfs.is_none() && !config.platform.is_told() {
            return no_image("an artifact without operating system, architecture and root file system");
        }
        if !image.fits(config.diff_ids()) {
            return no_image("an artifact, whose configuration names other layers than its manifest");
        }
        lock(&self.known.configs).insert(url, config.clone());
        Ok(config)
    }

    fn wrong_platform(&self, at: &str, platform: Platform, has: &[ImagePlatform]) -> Failure {
        self.session.subject().wrong_platform(at, platform, &self.shown(has))
    }

    fn shown(&self, platforms: &[ImagePlatform]) -> Vec<String> {
        shown(platforms, self.session.words())
    }

    /// A registry's words, without secrets.
    fn quote(&self, text: &str) -> String {
        self.session.words().quote(text, 100)
    }
}

/// Returns platforms as people write them, each once, and the first [`SHOWN`] at most.
pub(crate) fn shown(platforms: &[ImagePlatform], words: &Words) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut shown = HashSet::new();
    let distinct = platforms.iter().filter(|platform| seen.insert(*platform));
    let texts = distinct.map(|platform| platform.show(words)).filter(|text| shown.insert(text.clone()));
    texts.take(SHOWN).collect()
}

/// The entry that containerd takes: the one whose platform ranks best, the first of equal ones, and before those that
/// name no platform.
pub(crate) fn choose(entries: &[Descriptor], platform: Platform) -> Option<&Descriptor> {
    let ranked = entries.iter().filter_map(|entry| match &entry.platform {
        Some(own) => Some((own.rank(platform)?, entry)),
        None => Some((usize::MAX, entry)),
    });
    Some(ranked.min_by_key(|(rank, _)| *rank)?.1)
}
