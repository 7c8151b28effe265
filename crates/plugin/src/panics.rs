//! Panics, whose messages may hold secrets.

use std::{
    panic,
    sync::{Mutex, PoisonError},
};

use longshore_model::{Failure, FailureKind};

/// The position of the process's last panic.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panics of this process from printing their messages. [`panicked`] says where the last one was.
pub fn hide_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
}

/// Returns the failure of work that panicked. It says where that was, if [`hide_panics`] was called, and nothing of the
/// message.
#[must_use]
pub fn panicked(work: &str) -> Failure {
    let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let place = place.map_or_else(String::new, |place| format!(", at {place}"));
    let message = format!("{work} ended abnormally: it panicked{place}");
    Failure::new(FailureKind::Internal, message).help(
        "this is a fault of Longshore or of a plugin; please report it with this message. The next run goes on from \
         what is done",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_told_and_the_message_is_not() {
        let before = panic::take_hook();
        hide_panics();
        let caught = panic::catch_unwind(|| panic!("the token is ghp_secret"));
        panic::set_hook(before);
        assert!(caught.is_err());
        let failure = panicked("the step").to_string();
        assert!(
            failure.starts_with("the step ended abnormally: it panicked, at crates/plugin/src/panics.rs:")
        );
        assert!(!failure.contains("ghp_"), "{failure}");
    }
}
