//! The program under test, declared as the command line says.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::future::join_all;
use longshore_credential::Environment;
use longshore_model::{Failure, FailureKind, Options, Plugin, Problem, Secret};
use longshore_plugin::{Extensions, Plugins};
use longshore_process::{Kind, PROCESS, Probe, Processes};
use serde_json::{Map, Value, json};

use crate::{arguments, host};

/// The placeholder for the throw-away directory in an option.
const DIRECTORY: &str = "{dir}";

/// The program under test.
pub(super) struct Bench {
    common: Map<String, Value>,
    options: Vec<(String, Value)>,
    absent: Vec<(String, Value)>,
    changes: Vec<(String, Value)>,
    host: String,
    variables: BTreeMap<String, String>,
    directory: ThrowAway,
    processes: Mutex<Vec<Processes>>,
    probes: Mutex<Vec<Arc<Probe>>>,
}

/// The options in one of their forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// As they are.
    Usual,
    /// With those that lead to nothing.
    Absent,
    /// With those of another declaration.
    Changed,
}

/// A directory with a directory for each case, which is removed in the end.
struct ThrowAway {
    path: PathBuf,
    next: AtomicU32,
}

impl ThrowAway {
    fn new() -> io::Result<Self> {
        let mut number = 0;
        loop {
            let path = env::temp_dir().join(format!("longshore-plugin-test-{}-{number}", process::id()));
            match create_private(&path) {
                Ok(()) => return Ok(Self { path, next: AtomicU32::new(0) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a directory for a case.
    fn case(&self) -> PathBuf {
        let path = self.path.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        if let Err(error) = create_private(&path) {
            tracing::warn!(%error, "the directory of a case cannot be made");
        }
        path
    }
}

/// Makes a directory that no other user may read: programs keep secrets in it.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, "the throw-away directory cannot be removed");
        }
    }
}

/// A case's own directory and programs.
pub(super) struct Case {
    bench: Arc<Bench>,
    directory: PathBuf,
    pub(super) processes: Processes,
}

impl Bench {
    pub(super) fn new(
        options: &arguments::PluginTest,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Failure>> {
        let invalid = |message: String| vec![Failure::new(FailureKind::Invalid, message)];
        let read = |all: &[String]| -> Result<Vec<_>, Vec<Failure>> {
            all.iter().map(|text| pair(text).map_err(invalid)).collect()
        };
        let mut secrets = Map::new();
        for (name, variable) in read(&options.secret)? {
            secrets.insert(name, json!({ "env": variable }));
        }
        let common = json!({
            "program": options.program,
            "timeout": format!("{}s", options.timeout.as_secs().max(1)),
            "environment": options.pass,
            "secrets": secrets,
        });
        let Value::Object(common) = common else { unreachable!("it is an object") };
        let directory = ThrowAway::new().map_err(|error| {
            let message = format!("a throw-away directory cannot be made: {error}");
            vec![Failure::new(FailureKind::Internal, message)]
        })?;
        Ok(Self {
            common,
            options: read(&options.option)?,
            absent: read(&options.absent)?,
            changes: read(&options.change)?,
            host: options.host.clone(),
            variables: variables.clone(),
            directory,
            processes: Mutex::default(),
            probes: Mutex::default(),
        })
    }

    /// Returns true if there are options of this form.
    pub(super) fn has(&self, variant: Variant) -> bool {
        match variant {
            Variant::Usual => true,
            Variant::Absent => !self.absent.is_empty(),
            Variant::Changed => !self.changes.is_empty(),
        }
    }

    /// The names of the options that another declaration changes.
    pub(super) fn changed(&self) -> Vec<String> {
        self.changes.iter().map(|(name, _)| name.clone()).collect()
    }

    fn environment(&self, directory: &Path) -> Environment {
        let mut variables = self.variables.clone();
        variables.insert("HOME".to_owned(), directory.display().to_string());
        let given = self.common["secrets"].as_object().into_iter().flatten();
        let hidden = given.filter_map(|(_, place)| place["env"].as_str()).map(str::to_owned);
        Environment::new(move |name| variables.get(name).map(Into::into)).hiding(hidden)
    }

    fn options(&self, directory: &Path, variant: Variant) -> Options {
        let mut values = self.common.clone();
        let more: &[_] = match variant {
            Variant::Usual => &[],
            Variant::Absent => &self.absent,
            Variant::Changed => &self.changes,
        };
        let shown = directory.display().to_string();
        for (name, value) in self.options.iter().chain(more) {
            let value = match value {
                Value::String(text) => text.replace(DIRECTORY, &shown).into(),
                other => other.clone(),
            };
            values.insert(name.clone(), value);
        }
        let taken = json!({ "host": self.host }).as_object().cloned().unwrap_or_default();
        Options { key: "plugin".to_owned(), values, taken, ..Options::default() }
    }

    /// A probe of the program as a plugin of the `kind`.
    ///
    /// # Errors
    /// Everything that is wrong with the options.
    pub(super) fn probe(&self, kind: Kind) -> Result<Arc<Probe>, Failure> {
        let directory = self.directory.case();
        let options = self.options(&directory, Variant::Usual);
        let probe = Probe::new(&options, kind, self.environment(&directory));
        let probe = Arc::new(probe.map_err(|problems| wrong(&problems))?);
        self.probes.lock().unwrap_or_else(PoisonError::into_inner).push(probe.clone());
        Ok(probe)
    }

    /// A case with a directory and programs of its own.
    pub(super) fn case(self: &Arc<Self>) -> Case {
        let processes = Processes::default();
        self.processes.lock().unwrap_or_else(PoisonError::into_inner).push(processes.clone());
        Case { bench: self.clone(), directory: self.directory.case(), processes }
    }

    /// Asks all programs to end, and kills those that do not.
    pub(super) async fn shut_down(&self) {
        let processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        join_all(processes.iter().map(Processes::shut_down)).await;
        join_all(probes.iter().map(|probe| probe.ends())).await;
    }

    /// Returns true if a program has said a secret where it must not. Ends the programs of all cases.
    pub(super) fn have_told_a_secret(&self) -> bool {
        let all = std::mem::take(&mut *self.processes.lock().unwrap_or_else(PoisonError::into_inner));
        all.iter().any(Processes::have_told_a_secret)
    }
}

impl Case {
    /// The program's declaration in a form.
    pub(super) fn plugin(&self, variant: Variant) -> Plugin {
        Plugin { name: PROCESS.to_owned(), options: self.bench.options(&self.directory, variant) }
    }

    /// Everything that is lent to the plugin.
    pub(super) fn extensions(&self) -> Extensions {
        Extensions::default().with(self.bench.environment(&self.directory)).with(self.processes.clone())
    }

    /// The same case in another run, with programs of its own.
    pub(super) fn next_run(&self) -> Self {
        Self { directory: self.directory.clone(), ..self.bench.case() }
    }

    /// The plugins of the command line, among which is the adapter.
    pub(super) fn plugins() -> Plugins {
        host::plugins()
    }

    /// Hides `secret` in everything that the programs of the case say.
    pub(super) fn hide(&self, secret: &Secret<String>) {
        self.processes.hide(secret);
    }

    /// Returns true if there are options of this form.
    pub(super) fn has(&self, variant: Variant) -> bool {
        self.bench.has(variant)
    }

    /// The names of the options that another declaration changes.
    pub(super) fn changed(&self) -> Vec<String> {
        self.bench.changed()
    }
}

/// Creates the failure for wrong options.
pub(super) fn wrong(problems: &[Problem]) -> Failure {
    let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Failure::new(FailureKind::Invalid, all.join("; ")).help("correct --option, --absent or --change")
}

/// Reads `KEY=VALUE`, whose value is JSON or a text.
fn pair(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}
