//! The failures of a run.

use longshore_model::{Failure, FailureKind, StepId};

use super::{Style, words};

/// A block: what happened, at which resource and call, and what to do.
pub(super) fn block(step: Option<&StepId>, failure: &Failure, style: Style) -> String {
    let what = step.map_or_else(String::new, |step| format!(" in {step}"));
    let mut text = match failure.kind {
        FailureKind::Interrupted => format!("{}{what}\n", style.yellow("interrupted")),
        FailureKind::AwaitingAction => format!("{}{what}\n", style.yellow("paused")),
        kind => format!("{}{what} ({})\n", style.red("error"), words::failure(kind)),
    };
    text.push_str(&part("", &failure.message));
    if let Some(at) = &failure.at {
        text.push_str(&part("at: ", at));
    }
    if let Some(help) = &failure.help {
        text.push_str(&part("help: ", help));
    }
    text
}

/// Several lines are indented alike.
fn part(label: &str, text: &str) -> String {
    let indent = " ".repeat(2 + label.len());
    format!("  {label}{}\n", text.trim_end().replace('\n', &format!("\n{indent}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_happened_where_and_what_to_do() {
        let failure =
            Failure::new(FailureKind::Denied, "AccessDeniedException: not authorised\nand more words")
                .at("secretsmanager:CreateSecret longshore/shop/ghcr/pull")
                .help("allow the caller secretsmanager:CreateSecret");
        insta::assert_snapshot!(block(Some(&StepId::new("credential", "ghcr")), &failure, Style::default()));
        insta::assert_snapshot!(block(None, &Failure::new(FailureKind::Internal, "x"), Style::default()));
    }
}
