//! The protection of a process that handles secrets.

use longshore_plugin::hide_panics;

/// Keeps the process from leaving its memory in core dumps, and from printing the messages of panics. On Linux, other
/// processes of the same user can no longer read its memory either.
pub(crate) fn protect_process() {
    hide_panics();
    // A system that refuses this offers nothing better.
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let none = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
        let _ = setrlimit(Resource::Core, none);
    }
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
