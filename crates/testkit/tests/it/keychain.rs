//! A store that keeps secrets in memory, as a third party's plugin would be, and its harness.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use longshore_model::{Action, Failure, FailureKind, FieldChange, Secret, Shown, StepPlan};
use longshore_plugin::{
    Context, Labels, Result, Rotation, SecretSpec, SecretStore, StoreCapabilities, Stored,
};
use longshore_testkit::store::Harness;

/// The backend.
#[derive(Clone, Default)]
pub(crate) struct Keychain(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    entries: BTreeMap<String, Entry>,
    writes: u32,
    /// The number of calls until the store is cut off.
    losing: Option<u32>,
}

#[derive(Clone, Default, PartialEq)]
struct Entry {
    owner: Option<String>,
    values: Vec<Secret<String>>,
    current: usize,
    pending: Option<usize>,
    labels: BTreeMap<String, String>,
    deleted: bool,
}

impl Keychain {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The end of each call: its answer, unless that is lost.
    fn answer<T>(&self, value: T) -> Result<T> {
        let mut state = self.state();
        match state.losing {
            Some(0) => Err(Failure::new(FailureKind::Unavailable, "the connection broke")),
            Some(calls) => {
                state.losing = Some(calls - 1);
                Ok(value)
            }
            None => Ok(value),
        }
    }

    fn get(&self, path: &str) -> Result<Option<Entry>> {
        let entry = self.state().entries.get(path).cloned();
        self.answer(entry)
    }

    fn put(&self, path: &str, entry: Entry) -> Result<()> {
        let mut state = self.state();
        state.writes += 1;
        state.entries.insert(path.to_owned(), entry);
        drop(state);
        self.answer(())
    }

    /// The entry, if there is one, which must be the stack's.
    fn ours(&self, context: &Context, path: &str) -> Result<Option<Entry>> {
        let Some(entry) = self.get(path)? else { return Ok(None) };
        if entry.owner.as_deref() == Some(context.stack.as_str()) {
            return Ok(Some(entry));
        }
        Err(Failure::new(FailureKind::Conflict, format!("{path} belongs to somebody else"))
            .at(format!("keychain {path}"))
            .help("set another `secret-name` for the registry"))
    }

    /// The entry that rotation works on.
    fn live(&self, context: &Context, path: &str) -> Result<Entry> {
        let entry = self.ours(context, path)?.filter(|entry| !entry.deleted);
        entry.ok_or_else(|| {
            Failure::new(FailureKind::NotFound, format!("{path} is not there")).help("deploy the stack first")
        })
    }
}

fn arn(path: &str) -> String {
    format!("keychain:{path}")
}

fn index(version: &str) -> usize {
    version.parse().unwrap_or(usize::MAX)
}

#[async_trait]
impl SecretStore for Keychain {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { restores: true, ..StoreCapabilities::default() }
    }

    fn kms_key(&self) -> Option<&str> {
        None
    }

    async fn plan(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<StepPlan> {
        let (path, resource) = (&secret.path, format!("entry {}", secret.path));
        let Some(entry) = self.ours(context, path)?.filter(|entry| !entry.deleted) else {
            return Ok(StepPlan::new(Action::Create, resource));
        };
        let (mut action, mut changes) = (Action::NoChange, Vec::new());
        if entry.values[entry.current] != *value {
            action = Action::Update;
            changes.push(FieldChange::new("value", Some(Shown::Secret), Some(Shown::Secret)));
        }
        if entry.labels != secret.labels {
            action = Action::Update;
        }
        Ok(StepPlan::new(action, resource).changes(changes).output(<dyn SecretStore>::ARN, arn(path)))
    }

    async fn apply(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        let path = &secret.path;
        let found = self.ours(context, path)?;
        let mut entry = found.clone().unwrap_or_default();
        entry.owner = Some(context.stack.to_string());
        entry.deleted = false;
        entry.labels = secret.labels.clone();
        if entry.values.get(entry.current) != Some(value) {
            entry.values.push(value.clone());
            entry.current = entry.values.len() - 1;
        }
        if found.as_ref() != Some(&entry) {
            self.put(path, entry)?;
        }
        Ok(arn(path))
    }

    async fn plan_removal(&self, context: &Context, secret: &SecretSpec) -> Result<StepPlan> {
        let entry = self.get(&secret.path)?.filter(|entry| !entry.deleted);
        let is_ours = entry.is_some_and(|entry| entry.owner.as_deref() == Some(context.stack.as_str()));
        let action = if is_ours { Action::Delete } else { Action::NoChange };
        Ok(StepPlan::new(action, format!("entry {}", secret.path)))
    }

    async fn remove(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        if !self.plan_removal(context, secret).await?.is_change() {
            return Ok(());
        }
        let entry = self.live(context, &secret.path)?;
        self.put(&secret.path, Entry { deleted: true, pending: None, ..entry })
    }

    async fn read(&self, context: &Context, secret: &SecretSpec) -> Result<Option<Stored>> {
        let Ok(entry) = self.live(context, &secret.path) else { return Ok(None) };
        Ok(Some(Stored {
            arn: arn(&secret.path),
            name: secret.path.clone(),
            value: entry.values[entry.current].clone(),
            labels: entry.labels,
            version: entry.current.to_string(),
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
impl Labels for Keychain {
    async fn address(&self, _: &Context, secret: &SecretSpec) -> Result<String> {
        Ok(arn(&secret.path))
    }

    async fn label(&self, context: &Context, secret: &SecretSpec) -> Result<()> {
        let entry = self.live(context, &secret.path)?;
        self.put(&secret.path, Entry { labels: secret.labels.clone(), ..entry })
    }

    async fn belongs_to_others(&self, context: &Context, secret: &SecretSpec) -> Result<bool> {
        let owner = self.get(&secret.path)?.and_then(|entry| entry.owner);
        Ok(owner.is_some_and(|owner| owner != context.stack.as_str()))
    }
}

#[async_trait]
impl Rotation for Keychain {
    async fn stage(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String> {
        let mut entry = self.live(context, &secret.path)?;
        entry.values.push(value.clone());
        let version = entry.values.len() - 1;
        self.put(&secret.path, Entry { pending: Some(version), ..entry })?;
        Ok(version.to_string())
    }

    async fn read_version(
        &self,
        context: &Context,
        secret: &SecretSpec,
        version: &str,
    ) -> Result<Secret<String>> {
        let entry = self.live(context, &secret.path)?;
        let missing = || Failure::new(FailureKind::NotFound, format!("there is no version {version}"));
        entry.values.get(index(version)).cloned().ok_or_else(missing)
    }

    async fn promote(&self, context: &Context, secret: &SecretSpec, version: &str) -> Result<()> {
        let entry = self.live(context, &secret.path)?;
        self.put(&secret.path, Entry { current: index(version), pending: None, ..entry })
    }

    async fn discard(&self, context: &Context, secret: &SecretSpec, version: &str) -> Result<()> {
        let entry = self.live(context, &secret.path)?;
        let pending = entry.pending.filter(|pending| *pending != index(version));
        self.put(&secret.path, Entry { pending, ..entry })
    }
}

/// The harness: the store under test, and a look behind it. `S` is the store, so that a flawed one can be tested too.
pub(crate) struct Chained<S> {
    keychain: Keychain,
    store: Arc<S>,
}

impl Chained<Keychain> {
    pub(crate) fn new(keychain: Keychain) -> Self {
        Self::of(keychain.clone(), keychain)
    }
}

impl<S> Chained<S> {
    pub(crate) fn of(keychain: Keychain, store: S) -> Self {
        Self { keychain, store: Arc::new(store) }
    }
}

#[async_trait]
impl<S: SecretStore + 'static> Harness for Chained<S> {
    fn store(&self) -> Arc<dyn SecretStore> {
        self.store.clone()
    }

    async fn stored(&self, secret: &SecretSpec) -> Option<String> {
        let state = self.keychain.state();
        let entry = state.entries.get(&secret.path).filter(|entry| !entry.deleted)?;
        Some(entry.values[entry.current].expose().clone())
    }

    async fn put_foreign(&self, secret: &SecretSpec, value: &str) {
        let entry = Entry { values: vec![Secret::new(value.to_owned())], ..Entry::default() };
        self.keychain.put(&secret.path, entry).unwrap();
    }

    async fn writes(&self) -> String {
        self.keychain.state().writes.to_string()
    }

    async fn cut_off_after(&self, calls: u32) -> bool {
        self.keychain.state().losing = Some(calls);
        true
    }

    async fn reconnect(&self) {
        self.keychain.state().losing = None;
    }
}
