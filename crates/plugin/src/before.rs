//! What was there before a run changed it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Remembers what resources were like before this run changed them, by name, so that the change can be taken back. Shows
/// nothing of it in `Debug`: it may be secret.
pub struct Before<T>(Mutex<BTreeMap<String, T>>);

impl<T> Default for Before<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Before<T> {
    /// Notes what `name` is like, unless that was noted before: then the run may have changed it already.
    pub fn note(&self, name: &str, state: impl FnOnce() -> T) {
        let mut known = self.lock();
        if !known.contains_key(name) {
            known.insert(name.to_owned(), state());
        }
    }

    /// What `name` was like; nothing when the run has not looked before it changed anything.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<T> {
        self.lock().get(name).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Before<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Before(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_counts() {
        let before = Before::default();
        before.note("api", || 1);
        before.note("api", || 2);
        assert_eq!((before.of("api"), before.of("web")), (Some(1), None));
        assert_eq!(format!("{before:?}"), "Before(…)");
    }
}
