//! The programs of a run.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::join_all;
use longshore_model::{Failure, Problem, Secret};
use longshore_plugin::Context;

use crate::process::Process;

/// The programs of a run, one for each configured plugin. A host lends them to the plugins as an
/// [extension](longshore_plugin::Extensions), and ends them with the run. Its clones share the programs, which are killed
/// with the last of them.
#[derive(Clone, Default, Debug)]
pub struct Processes {
    all: Arc<Mutex<BTreeMap<String, Arc<Process>>>>,
}

impl Processes {
    /// Returns the program of the same declaration that is there already, or adds `process`.
    pub(crate) fn share(&self, process: Process) -> Arc<Process> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{} {}", process.kind.name(), process.declaration.key);
        match all.get(&key) {
            Some(known) if known.declaration == process.declaration => known.clone(),
            _ => {
                let process = Arc::new(process);
                all.insert(key, process.clone());
                process
            }
        }
    }

    fn all(&self) -> Vec<Arc<Process>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Starts all programs, and holds the options against the schemas that they announce.
    ///
    /// # Errors
    /// Everything that is wrong with the options, and the failures of the programs that cannot be asked.
    pub async fn check(&self, context: &Context) -> Result<(), (Vec<Problem>, Vec<Failure>)> {
        let all = self.all();
        let (mut problems, mut failures) = (Vec::new(), Vec::new());
        for checked in join_all(all.iter().map(|process| process.problems(context))).await {
            match checked {
                Ok(found) => problems.extend(found),
                Err(failure) => failures.push(failure),
            }
        }
        if problems.is_empty() && failures.is_empty() { Ok(()) } else { Err((problems, failures)) }
    }

    /// Hides `secret` in everything that the programs say from now on.
    pub fn hide(&self, secret: &Secret<String>) {
        self.all().iter().for_each(|process| process.hide(secret.expose()));
    }

    /// Returns true if a program has said a secret where it must not.
    #[must_use]
    pub fn have_told_a_secret(&self) -> bool {
        self.all().iter().any(|process| process.has_told_a_secret())
    }

    /// Asks all programs to end, and kills those that do not. None is started any more.
    pub async fn shut_down(&self) {
        let all = self.all();
        join_all(all.iter().map(|process| process.shut_down())).await;
    }
}
