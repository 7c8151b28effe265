//! Exit codes.

/// The exit code of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// `plan --detailed-exitcode` found changes, or `drift` found drift.
    Changes = 2,
    /// A rollout waits for an action: a pause that its configuration asks for.
    AwaitingAction = 3,
    /// The command line is wrong: `EX_USAGE` of sysexits.h, because the usual 2 says that there are changes.
    Usage = 64,
    /// It panicked: `EX_SOFTWARE` of sysexits.h.
    Fault = 70,
    /// It was interrupted: 128 and the number of SIGINT, as shells report it.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
