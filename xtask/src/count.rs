//! The number of tests of each suite, and their backends.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{helper::Helper, suite};

/// The tests of a package that run against one backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    package: String,
    /// Without one, the tests need nothing but themselves.
    backend: Option<(Helper, String)>,
}

/// The number of tests of each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(BTreeMap<Row, usize>);

impl Count {
    /// Reads what `cargo nextest list --message-format oneline` prints: the test's binary and its name, line by line.
    pub(crate) fn of(list: &str) -> Self {
        let mut rows = BTreeMap::new();
        for (binary, test) in list.lines().filter_map(|line| line.split_once(' ')) {
            let package = binary.split("::").next().unwrap_or(binary).to_owned();
            *rows.entry(Row { package, backend: backend(test) }).or_default() += 1;
        }
        Self(rows)
    }

    /// Returns true if any test needs `helper`.
    pub(crate) fn needs(&self, helper: Helper) -> bool {
        self.0.keys().any(|row| row.backend.as_ref().is_some_and(|(needed, _)| *needed == helper))
    }

    /// Returns true if any test runs against `backend`, which needs `helper`.
    pub(crate) fn runs_against(&self, helper: Helper, backend: &str) -> bool {
        let wanted = Some((helper, backend.to_owned()));
        self.0.keys().any(|row| row.backend == wanted)
    }

    /// Returns true if there are tests, and none of them runs without what is missing.
    pub(crate) fn is_left_out(&self, missing: &BTreeMap<Helper, String>) -> bool {
        let is_missing =
            |row: &Row| row.backend.as_ref().is_some_and(|(needed, _)| missing.contains_key(needed));
        !self.0.is_empty() && self.0.keys().all(is_missing)
    }

    /// One line for each suite, with why it did not run.
    pub(crate) fn table(&self, missing: &BTreeMap<Helper, String>) -> String {
        let lines: Vec<_> = self
            .0
            .iter()
            .map(|(Row { package, backend }, tests)| {
                let shown = match backend {
                    None => "in process".to_owned(),
                    Some((helper, name)) => format!("{name} ({})", helper.name()),
                };
                let reason = backend.as_ref().and_then(|(helper, _)| missing.get(helper));
                (package, shown, tests, reason.map(|reason| format!("not run: {reason}")).unwrap_or_default())
            })
            .collect();
        let width = |column: fn(&(&String, String, &usize, String)) -> usize, title: &str| {
            lines.iter().map(column).max().unwrap_or(0).max(title.len())
        };
        let (packages, backends) =
            (width(|line| line.0.len(), "suite"), width(|line| line.1.len(), "backend"));
        let mut table = format!("{:<packages$}  {:<backends$}  tests\n", "suite", "backend");
        for (package, backend, tests, reason) in &lines {
            let line = format!("{package:<packages$}  {backend:<backends$}  {tests:>5}  {reason}");
            // Writing to a string does not fail.
            let _ = writeln!(table, "{}", line.trim_end());
        }
        table
    }
}

/// Returns the backend of a test: the helper that its module is named after, and in it the module, which is named after
/// the server or the client.
fn backend(test: &str) -> Option<(Helper, String)> {
    let parts: Vec<_> = test.split("::").collect();
    for helper in Helper::ALL {
        let module = suite::module(helper);
        if let Some(at) = parts.iter().position(|part| *part == module) {
            // The last part is the test itself.
            let inner = parts.get(at + 1).filter(|_| at + 2 < parts.len());
            return Some((helper, inner.copied().unwrap_or(helper.name()).to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "longshore-model name::tests::a\n\
        longshore-model name::tests::b\n\
        longshore-integration-tests::it faults::one\n\
        longshore-integration-tests::it needs_docker::registry::deploys\n\
        longshore-integration-tests::it needs_docker::registry::pulls\n\
        longshore-integration-tests::it needs_registry::pulls\n";

    #[test]
    fn each_suite_has_a_line_with_its_backend_and_count() {
        let count = Count::of(LIST);
        assert!(count.needs(Helper::Docker) && !count.needs(Helper::Python));
        assert!(
            count.runs_against(Helper::Docker, "registry") && !count.runs_against(Helper::Docker, "image")
        );
        let missing = BTreeMap::from([(Helper::Docker, "no Docker engine".to_owned())]);
        assert!(!count.is_left_out(&missing) && !Count::of("").is_left_out(&missing));
        assert!(Count::of("its::it needs_docker::registry::pulls\n").is_left_out(&missing));
        assert_eq!(
            count.table(&missing),
            "suite                        backend              tests\n\
             longshore-integration-tests  in process               1\n\
             longshore-integration-tests  registry (docker)        2  not run: no Docker engine\n\
             longshore-integration-tests  registry (registry)      1\n\
             longshore-model              in process               2\n"
        );
    }
}
