//! Names that are typed and not there.

use longshore_model::{Failure, FailureKind, Name, closest};

/// Returns the failure for a `name` of `kind` that is not among `names`. Its help is the closest one, or else `otherwise`.
pub(super) fn unknown<'a>(
    kind: &str,
    name: &str,
    names: impl Iterator<Item = &'a str>,
    otherwise: &str,
) -> Failure {
    let help = match closest(name, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => otherwise.to_owned(),
    };
    Failure::new(FailureKind::Invalid, format!("there is no {kind} `{name}`")).help(help)
}

/// Lists names.
pub(super) fn there_are<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    format!("there are: {}", names.map(Name::as_str).collect::<Vec<_>>().join(", "))
}
