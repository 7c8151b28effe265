//! The result of a deployment.

use longshore_model::{ServiceStatus, StepId};

use super::{Style, status};

/// Renders the outputs of the steps, in their order, and the tasks that run.
pub(super) fn block(
    outputs: &[(StepId, String, String)],
    services: &[ServiceStatus],
    style: Style,
) -> String {
    let width = |cells: &mut dyn Iterator<Item = usize>| cells.max().unwrap_or_default();
    let titles = width(&mut outputs.iter().map(|(_, name, _)| title(name).len()));
    let names = width(&mut outputs.iter().map(|(step, ..)| name_of(step).len()));
    let mut text = String::new();
    for (step, name, value) in outputs {
        text.push_str(&format!("  {:titles$}  {:names$}  {value}\n", title(name), name_of(step)));
    }
    for service in services {
        let tasks = service.tasks.iter().filter(|task| task.state != "STOPPED").cloned().collect();
        text.push('\n');
        text.push_str(&status::tasks(&ServiceStatus { tasks, ..service.clone() }, style));
    }
    text
}

/// The name behind the kind: `api` of `service.api`.
fn name_of(step: &StepId) -> &str {
    step.as_str().split_once('.').map_or(step.as_str(), |(_, name)| name)
}

/// `secret-arn` as people write it.
fn title(output: &str) -> String {
    output
        .split('-')
        .map(|word| if word == "arn" { "ARN".to_owned() } else { word.to_owned() })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_the_steps_yield() {
        let output = |step: (&str, &str), name: &str, value: &str| {
            (StepId::new(step.0, step.1), name.to_owned(), value.to_owned())
        };
        let outputs = [
            output(
                ("credential", "ghcr"),
                "secret-arn",
                "arn:aws:secretsmanager:eu-central-1:1:secret:s-Ab12Cd",
            ),
            output(("role", "api"), "role-arn", "arn:aws:iam::1:role/r"),
        ];
        insta::assert_snapshot!(block(&outputs, &[], Style::default()));
    }
}
