//! The results of a suite's cases.

use std::{any::Any, fmt, panic::AssertUnwindSafe};

use futures_util::FutureExt;

/// The result of each case of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Report {
    /// The suite.
    pub suite: &'static str,
    /// The cases that passed.
    pub passed: Vec<&'static str>,
    /// The cases that failed, and why.
    pub failed: Vec<(&'static str, String)>,
    /// The cases that were left out, and why.
    pub left_out: Vec<(&'static str, &'static str)>,
}

impl Report {
    pub(crate) const fn of(suite: &'static str) -> Self {
        Self { suite, passed: Vec::new(), failed: Vec::new(), left_out: Vec::new() }
    }

    /// Runs a case to its end or to its first failed assertion.
    pub(crate) async fn case(&mut self, name: &'static str, work: impl Future<Output = ()>) {
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(()) => self.passed.push(name),
            Err(panic) => self.failed.push((name, message(&*panic))),
        }
    }

    pub(crate) fn leave_out(&mut self, name: &'static str, reason: &'static str) {
        self.left_out.push((name, reason));
    }

    /// Ends the test when a case failed.
    ///
    /// # Panics
    /// With the name and the reason of each case that failed.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.failed.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { suite, passed, failed, left_out } = self;
        write!(f, "the {suite}'s suite: {} cases passed, {} failed", passed.len(), failed.len())?;
        for (name, message) in failed {
            write!(f, "\n  {name}: {message}")?;
        }
        for (name, reason) in left_out {
            write!(f, "\n  {name}: left out, because {reason}")?;
        }
        Ok(())
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

/// Runs cases, each with what `$make` makes for it.
macro_rules! cases {
    ($report:ident, $make:ident: $($case:path),+ $(,)?) => {
        $($report.case(crate::report::name(stringify!($case)), Box::pin(async { $case(&$make().await).await })).await;)+
    };
}
pub(crate) use cases;

/// The last part of a path.
pub(crate) fn name(path: &'static str) -> &'static str {
    path.rsplit("::").next().unwrap_or(path).trim()
}
