//! A registry and a store outside of the process, which can be killed at any call.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use longshore_model::{
    Action, Failure, FailureKind, ImageReference, Inputs, Name, Platform, Secret, StepId, StepPlan,
};
use longshore_plugin::{
    Context, Credential, CredentialSource, Declared, Labels, Minted, PullCheck, PullProof, PullScope,
    Reporter, Result, Rotation, SecretSpec, SecretStore, Step, StoreCapabilities, Stored, TokenMinter,
    UndeclaredSecret,
};
use tokio_util::sync::CancellationToken;

use crate::{RegistryCredential, Revokers, TokenLabels, UndeclaredSecretsStep};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:1:secret:longshore/shop/hub/pull-AbCdEf";
pub(super) const DAY: u64 = 86_400;

/// The way in which the run ends, or goes wrong, at a call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process is killed before the call.
    KilledBefore,
    /// The call is done, and then the process is killed.
    KilledAfter,
    /// The call is refused.
    Refused,
    /// The call is done, and its answer is lost.
    Lost,
}

/// The state outside of the process: the registry and the store.
#[derive(Default)]
pub(super) struct Outside {
    pub(super) now: u64,
    /// The tokens that are valid: the repositories, by id. The password of a token is `secret-ID`.
    pub(super) tokens: BTreeMap<String, BTreeSet<String>>,
    pub(super) minted: u32,
    /// True if the tokens that are made from now on pull nothing.
    pub(super) mints_bad: bool,
    pub(super) refuses_to_revoke: bool,
    /// True if the store loses half of a staged value.
    pub(super) truncates: bool,
    pub(super) versions: Vec<Secret<String>>,
    pub(super) current: Option<usize>,
    pub(super) previous: Option<usize>,
    pub(super) pending: Option<usize>,
    pub(super) labels: BTreeMap<String, String>,
    /// The fault at the n-th change from now.
    pub(super) fault: Option<(u32, Fault)>,
    pub(super) dead: bool,
    pub(super) warnings: Vec<String>,
    /// True if the secret belongs to another stack or to another environment.
    pub(super) is_of_others: bool,
    /// The credential that the source returns if it does not mint.
    pub(super) fetched: Option<String>,
}

#[derive(Clone, Default)]
pub(super) struct World(Arc<Mutex<Outside>>);

fn killed() -> Failure {
    Failure::new(FailureKind::Internal, "killed")
}

impl World {
    pub(super) fn outside(&self) -> MutexGuard<'_, Outside> {
        self.0.lock().unwrap()
    }

    fn alive(&self) -> Result<MutexGuard<'_, Outside>> {
        let outside = self.outside();
        if outside.dead { Err(killed()) } else { Ok(outside) }
    }

    /// Makes a change, unless what was arranged comes in between.
    fn change<T>(&self, change: impl FnOnce(&mut Outside) -> T) -> Result<T> {
        let mut outside = self.alive()?;
        let fault = match &mut outside.fault {
            Some((0, fault)) => Some(*fault),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        let Some(fault) = fault else { return Ok(change(&mut outside)) };
        outside.fault = None;
        if matches!(fault, Fault::KilledAfter | Fault::Lost) {
            change(&mut outside);
        }
        outside.dead = matches!(fault, Fault::KilledBefore | Fault::KilledAfter);
        Err(Failure::new(FailureKind::Unavailable, format!("{fault:?}")))
    }

    fn image(text: &str) -> (ImageReference, Platform) {
        (text.parse().unwrap(), Platform::default())
    }

    /// The credential as a new process sees it.
    fn credential(&self, images: &[&str]) -> Arc<RegistryCredential> {
        self.outside().dead = false;
        let arc = Arc::new(self.clone());
        let secret = SecretSpec { path: "shop/hub/pull".into(), ..SecretSpec::default() };
        let mut credential =
            RegistryCredential::new(Name::new("hub").unwrap(), arc.clone(), arc.clone(), secret, arc);
        credential.images = images.iter().map(|image| Self::image(image)).collect();
        credential.scope = PullScope {
            stack: "shop".into(),
            host: "docker.io".into(),
            repositories: credential.images.iter().map(|(image, _)| image.repository().to_owned()).collect(),
            holder: String::new(),
        };
        Arc::new(credential)
    }

    fn context(&self) -> Context {
        let stack = Name::new("shop").unwrap();
        Context::new(
            stack,
            Name::new("test").unwrap(),
            StepId::new("credential", "hub"),
            CancellationToken::new(),
            Arc::new(self.clone()),
        )
    }

    /// Does the work of `deploy`: plans, and applies what changes something.
    pub(super) async fn deploy(&self, images: &[&str]) -> Result<StepPlan> {
        let context = self.context();
        let step = self.credential(images).publishing();
        let plan = step.plan(&context, &Inputs::default()).await?;
        if plan.is_change() {
            step.apply(&context, &Inputs::default(), &plan).await?;
        }
        Ok(plan)
    }

    /// Does the work of `rotate`, without waiting.
    pub(super) async fn rotate(&self, images: &[&str]) -> Result<StepPlan> {
        let context = self.context();
        let credential = self.credential(images);
        let plan = credential.plan_renewal(&context).await?;
        if plan.is_change() {
            credential.renew(&context).await?;
            credential.revoke_replaced(&context).await?;
        }
        Ok(plan)
    }

    pub(super) async fn destroy(&self, images: &[&str]) -> Result<StepPlan> {
        let step = self.credential(images).publishing();
        let plan = step.plan_removal(&self.context()).await?;
        if plan.is_change() {
            step.remove(&self.context()).await?;
        }
        Ok(plan)
    }

    /// Does the work of `deploy` when the registry is not declared any more, but these are.
    pub(super) async fn leave(&self, revokers: Revokers) -> Result<StepPlan> {
        self.outside().dead = false;
        let step = UndeclaredSecretsStep {
            name: "secretsmanager".to_owned(),
            store: Arc::new(self.clone()),
            declared: Arc::default(),
            revokers,
        };
        let plan = step.plan(&self.context(), &Inputs::default()).await?;
        if plan.is_change() {
            step.apply(&self.context(), &Inputs::default(), &plan).await?;
        }
        Ok(plan)
    }

    /// A registry that is declared as `name`, such as to revoke what it has made.
    pub(super) fn declared_as(&self, name: &str) -> Arc<RegistryCredential> {
        let known = self.credential(&[]);
        let (world, secret) = (Arc::new(self.clone()), known.secret.clone());
        let mut credential =
            RegistryCredential::new(Name::new(name).unwrap(), world.clone(), world.clone(), secret, world);
        credential.scope = known.scope.clone();
        Arc::new(credential)
    }

    /// The token that a task would pull with.
    pub(super) fn current(&self) -> Option<String> {
        let outside = self.outside();
        let value = &outside.versions[outside.current?];
        let credential = Credential::from_secret_string(value)?;
        credential.password.expose().strip_prefix("secret-").map(str::to_owned)
    }

    pub(super) fn tokens(&self) -> Vec<String> {
        self.outside().tokens.keys().cloned().collect()
    }

    pub(super) fn labels(&self) -> TokenLabels {
        TokenLabels::read(&self.outside().labels)
    }

    /// Everything is as after a run that nothing came in between: one token, which is the stored one.
    pub(super) fn assert_settled(&self, what: &str) {
        let current = self.current().unwrap_or_else(|| panic!("{what}: nothing is stored"));
        assert_eq!(self.tokens(), std::slice::from_ref(&current), "{what}: the valid tokens");
        let labels = self.labels();
        assert_eq!(labels.id.as_deref(), Some(current.as_str()), "{what}");
        assert_eq!(labels.ids().len(), 1, "{what}: {labels:?}");
    }
}

impl Reporter for World {
    fn progress(&self, _: &StepId, message: &str) {
        assert!(!message.contains("secret-"), "{message}");
    }

    fn warning(&self, _: &StepId, message: &str) {
        self.outside().warnings.push(message.to_owned());
    }

    fn now(&self) -> u64 {
        self.outside().now * 1000
    }
}

#[async_trait]
impl CredentialSource for World {
    fn describe(&self) -> String {
        "the test".to_owned()
    }

    async fn fetch(&self, _: &Context) -> Result<Credential> {
        let password = self.alive()?.fetched.clone().unwrap();
        Ok(Credential { username: "acme".to_owned(), password: Secret::new(password) })
    }

    fn minter(&self) -> Option<&dyn TokenMinter> {
        if self.outside().fetched.is_some() { None } else { Some(self) }
    }
}

#[async_trait]
impl TokenMinter for World {
    fn issuer(&self) -> String {
        "dockerhub hub.docker.com acme".to_owned()
    }

    async fn check(&self, _: &Context, scope: &PullScope) -> Result<String> {
        drop(self.alive()?);
        let repositories: Vec<_> = scope.repositories.iter().map(String::as_str).collect();
        Ok(format!("limited to {}", repositories.join(", ")))
    }

    async fn mint(&self, _: &Context, scope: &PullScope) -> Result<Minted> {
        assert!(scope.holder.ends_with("shop/hub/pull"), "{scope:?}");
        self.change(|outside| {
            outside.minted += 1;
            let id = outside.minted.to_string();
            let repositories = if outside.mints_bad { BTreeSet::new() } else { scope.repositories.clone() };
            outside.tokens.insert(id.clone(), repositories);
            Minted {
                credential: Credential {
                    username: "acme".to_owned(),
                    password: Secret::new(format!("secret-{id}")),
                },
                id,
                expires_at: Some(outside.now + 90 * DAY),
            }
        })
    }

    async fn list(&self, _: &Context, scope: &PullScope) -> Result<Vec<String>> {
        assert!(scope.holder.ends_with("longshore/shop/hub/pull"), "{scope:?}");
        Ok(self.alive()?.tokens.keys().cloned().collect())
    }

    async fn revoke(&self, _: &Context, id: &str) -> Result<()> {
        if self.outside().refuses_to_revoke {
            return Err(Failure::new(FailureKind::Denied, "docker.io: not an owner of acme"));
        }
        self.change(|outside| drop(outside.tokens.remove(id)))
    }
}

#[async_trait]
impl PullCheck for World {
    async fn check(
        &self,
        image: &ImageReference,
        _: Platform,
        credential: Option<&Credential>,
        _: Option<&str>,
    ) -> Result<PullProof> {
        let outside = self.alive()?;
        let password = credential.unwrap().password.expose();
        let id = password.strip_prefix("secret-").unwrap_or_default();
        let may =
            outside.tokens.get(id).is_some_and(|repositories| repositories.contains(image.repository()));
        if !may {
            return Err(Failure::new(FailureKind::Denied, format!("docker.io: {image}: access denied")));
        }
        if image.tag() == Some("missing") {
            return Err(Failure::new(FailureKind::NotFound, format!("docker.io: {image}: not found")));
        }
        Ok(PullProof {
            digest: "sha256:00".to_owned(),
            platforms: Vec::new(),
            manifests: Vec::new(),
            note: None,
        })
    }
}

impl World {
    fn put(&self, value: &Secret<String>) -> Result<usize> {
        self.change(|outside| {
            let text = value.expose();
            let kept = if outside.truncates { &text[..text.len() / 2] } else { text };
            outside.versions.push(Secret::new(kept.to_owned()));
            outside.versions.len() - 1
        })
    }
}

#[async_trait]
impl SecretStore for World {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities {
            pull_credentials: true,
            container_secrets: true,
            finds_undeclared: true,
            ..StoreCapabilities::default()
        }
    }

    fn kms_key(&self) -> Option<&str> {
        None
    }

    async fn plan(&self, _: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<StepPlan> {
        let outside = self.alive()?;
        let action = match outside.current {
            None => Action::Create,
            Some(current) if outside.versions[current] == *value && outside.labels == secret.labels => {
                Action::NoChange
            }
            Some(_) => Action::Update,
        };
        Ok(StepPlan::new(action, "secret longshore/shop/hub/pull"))
    }

    async fn apply(&self, _: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        let is_there = self.alive()?.current.is_some();
        if is_there {
            self.change(|outside| outside.labels.clone_from(&secret.labels))?;
        }
        self.change(|outside| {
            if outside.current.is_none_or(|current| outside.versions[current] != *value) {
                outside.versions.push(value.clone());
                outside.previous = outside.current;
                outside.current = Some(outside.versions.len() - 1);
            }
            outside.labels.clone_from(&secret.labels);
        })?;
        Ok(ARN.to_owned())
    }

    async fn plan_removal(&self, _: &Context, _: &SecretSpec) -> Result<StepPlan> {
        let outside = self.alive()?;
        let is_ours = outside.current.is_some() && !outside.is_of_others;
        let action = if is_ours { Action::Delete } else { Action::NoChange };
        Ok(StepPlan::new(action, "secret longshore/shop/hub/pull"))
    }

    async fn remove(&self, _: &Context, _: &SecretSpec) -> Result<()> {
        self.change(|outside| {
            outside.current = None;
            outside.labels.clear();
        })
    }

    async fn undeclared(&self, _: &Context, declared: &Declared) -> Result<Vec<UndeclaredSecret>> {
        let outside = self.alive()?;
        let (name, resource) = ("longshore/shop/hub/pull".to_owned(), "credential.hub".to_owned());
        let is_left = outside.current.is_some() && !outside.is_of_others && !declared.makes(&resource, &name);
        let secret = UndeclaredSecret { name, resource, labels: outside.labels.clone(), is_protected: false };
        Ok(is_left.then_some(secret).into_iter().collect())
    }

    async fn read(&self, _: &Context, _: &SecretSpec) -> Result<Option<Stored>> {
        let outside = self.alive()?;
        Ok(outside.current.filter(|_| !outside.is_of_others).map(|current| Stored {
            arn: ARN.to_owned(),
            name: "longshore/shop/hub/pull".to_owned(),
            value: outside.versions[current].clone(),
            labels: outside.labels.clone(),
            version: current.to_string(),
            changed_at: None,
        }))
    }

    fn labels(&self) -> Option<&dyn Labels> {
        Some(self)
    }

    fn rotation(&self) -> Option<&dyn Rotation> {
        Some(self)
    }
}

#[async_trait]
impl Labels for World {
    async fn address(&self, _: &Context, secret: &SecretSpec) -> Result<String> {
        let name = secret.name.clone().unwrap_or_else(|| format!("longshore/{}", secret.path));
        Ok(format!("arn:aws:secretsmanager:eu-central-1:1:secret:{name}"))
    }

    async fn label(&self, _: &Context, secret: &SecretSpec) -> Result<()> {
        self.change(|outside| outside.labels.clone_from(&secret.labels))
    }

    async fn belongs_to_others(&self, _: &Context, _: &SecretSpec) -> Result<bool> {
        Ok(self.alive()?.is_of_others)
    }
}

#[async_trait]
impl Rotation for World {
    async fn stage(&self, _: &Context, _: &SecretSpec, value: &Secret<String>) -> Result<String> {
        let version = self.put(value)?;
        self.outside().pending = Some(version);
        Ok(version.to_string())
    }

    async fn read_version(&self, _: &Context, _: &SecretSpec, version: &str) -> Result<Secret<String>> {
        Ok(self.alive()?.versions[version.parse::<usize>().unwrap()].clone())
    }

    async fn promote(&self, _: &Context, _: &SecretSpec, version: &str) -> Result<()> {
        self.change(|outside| {
            outside.previous = outside.current;
            outside.current = Some(version.parse().unwrap());
            outside.pending = None;
        })
    }

    async fn discard(&self, _: &Context, _: &SecretSpec, _: &str) -> Result<()> {
        self.change(|outside| outside.pending = None)
    }
}
