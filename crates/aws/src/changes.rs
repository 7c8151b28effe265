//! The count of the run's changes.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of changing calls that the run has made.
#[derive(Debug, Default)]
pub(crate) struct Changes(AtomicU64);

impl Changes {
    /// Returns the number so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Notes that something was, or may have been, changed.
    pub(crate) fn note(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// Returns true if an operation changes nothing, going by its name, as AWS names operations.
pub(crate) fn is_read(operation: &str) -> bool {
    ["Describe", "List", "Get", "BatchGet", "Simulate"].iter().any(|verb| operation.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_known_by_their_verbs() {
        for read in
            ["DescribeServices", "BatchGetSecretValue", "GetRole", "ListTasks", "SimulatePrincipalPolicy"]
        {
            assert!(is_read(read), "{read}");
        }
        for change in
            ["PutParameter", "CreateRole", "TagResource", "RegisterTaskDefinition", "StopServiceDeployment"]
        {
            assert!(!is_read(change), "{change}");
        }
    }
}
