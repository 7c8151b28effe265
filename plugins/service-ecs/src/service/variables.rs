//! Environment variables that tasks read from secrets and parameters when they start.
//!
//! A task keeps what it has read. So a value that was written after the service's deployment began is not in all of its
//! tasks, and a new deployment has to replace them. Both moments are AWS's own: no run has to remember what an earlier
//! one did.

use aws_sdk_ecs::types::Service;
use longshore_model::{Inputs, Known};
use longshore_plugin::ContainerVariable;

use crate::reads::primary;

/// The prefix of the inputs that say when a variable was written.
const WRITTEN_AT: &str = "written-at.";

/// The name of the input that is the moment at which the value of `variable` was written.
pub(crate) fn written_at_input(variable: &ContainerVariable) -> String {
    format!("{WRITTEN_AT}{variable}")
}

/// The variables, as `CONTAINER.NAME`, that were written since the service's deployment began, or will be.
pub(super) fn rewritten<'a>(inputs: &'a Inputs, service: &Service) -> Vec<&'a str> {
    let began = primary(service).and_then(|deployment| deployment.created_at?.to_millis().ok());
    let Some(began) = began else { return Vec::new() };
    let is_newer = |written_at: &Known| match written_at {
        Known::AfterApply => true,
        // A store that does not tell says `unknown`.
        Known::Value(moment) => moment.parse::<i64>().is_ok_and(|moment| moment > began),
    };
    let variables =
        inputs.iter().filter_map(|(input, written_at)| Some((input.strip_prefix(WRITTEN_AT)?, written_at)));
    variables.filter(|(_, written_at)| is_newer(written_at)).map(|(variable, _)| variable).collect()
}

/// Returns the reason for replacing tasks although nothing in their definition changes.
pub(super) fn reason(rewritten: &[&str]) -> String {
    let (is, it) = if rewritten.len() == 1 { ("is", "it") } else { ("are", "them") };
    let names = rewritten.join(", ");
    format!("{names} {is} written anew: tasks read {it} when they start, so they are replaced")
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::{primitives::DateTime, types::Deployment};

    use super::*;

    #[test]
    fn what_was_written_since_the_deployment_began_is_not_in_its_tasks() {
        let deployment = Deployment::builder().status("PRIMARY").created_at(DateTime::from_millis(1000));
        let service = Service::builder().deployments(deployment.build()).build();
        let value = |moment: &str| Known::Value(moment.to_owned());
        let inputs: Inputs = [
            ("written-at.api.OLD", value("1000")),
            ("written-at.api.NEW", value("1001")),
            ("written-at.api.SOON", Known::AfterApply),
            ("written-at.api.WHENEVER", value("unknown")),
            ("task-definition-arn", Known::AfterApply),
        ]
        .map(|(name, known)| (name.to_owned(), known))
        .into_iter()
        .collect();
        assert_eq!(rewritten(&inputs, &service), ["api.NEW", "api.SOON"]);
        assert!(rewritten(&inputs, &Service::builder().build()).is_empty());
    }
}
