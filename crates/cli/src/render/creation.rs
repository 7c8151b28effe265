//! The fields of a resource that is created.
//!
//! Nothing has to be compared, and there are many fields: so they stand several on a line, those below one name together.

use longshore_aws::is_ownership_tag;
use longshore_model::{Action, FieldChange, StepPlan};

use super::Style;

/// The width at which a line is broken, if it can be.
const WIDTH: usize = 100;

/// Returns true if `plan` makes something of which nothing is there.
pub(super) fn is_creation(plan: &StepPlan) -> bool {
    plan.action == Action::Create && plan.changes.iter().all(|change| change.old.is_none())
}

/// The fields, in lines. The tags by which Longshore knows its own are on everything that it makes, and are left out.
pub(super) fn fields(changes: &[FieldChange], style: Style) -> String {
    let mut groups: Vec<(&str, Vec<(&str, String)>)> = vec![("", Vec::new())];
    let shown: Vec<_> = changes.iter().filter(|change| !is_ownership(&change.field)).collect();
    for change in &shown {
        let value = change.new.as_ref().map(ToString::to_string).unwrap_or_default();
        let (group, name) = split(&change.field);
        let has_company = shown.iter().filter(|other| split(&other.field).0 == group).count() > 1;
        let (group, name) = if has_company { (group, name) } else { ("", change.field.as_str()) };
        match groups.iter_mut().find(|(there, _)| *there == group) {
            Some((_, items)) => items.push((name, value)),
            None => groups.push((group, vec![(name, value)])),
        }
    }
    groups.into_iter().map(|(group, items)| paragraph(group, &items, style)).collect()
}

/// Returns true if the field is one of the tags that say whose the resource is.
fn is_ownership(field: &str) -> bool {
    let tag = field.strip_prefix("tags.").or_else(|| field.strip_prefix("Tags."));
    tag.is_some_and(is_ownership_tag)
}

/// The names that a field is below, two at most, and its own.
fn split(field: &str) -> (&str, &str) {
    let below = field.match_indices('.').take(2).last();
    below.map_or(("", field), |(at, _)| (&field[..at], &field[at + 1..]))
}

/// The fields of one group.
fn paragraph(group: &str, items: &[(&str, String)], style: Style) -> String {
    let first = "      ";
    let others = if group.is_empty() { first } else { "        " };
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut begun = !group.is_empty();
    if begun {
        line.push_str(&style.dim(&format!("{group}:")));
    }
    for (name, value) in items {
        // A value of several lines is indented as a whole.
        let value = value.replace('\n', &format!("\n{others}  "));
        let item = format!("{}{value}", style.dim(&format!("{name}=")));
        let width = console::measure_text_width(&line) + 2 + console::measure_text_width(&item);
        if begun && (width > WIDTH || line.contains('\n') || item.contains('\n')) {
            lines.push(std::mem::replace(&mut line, others.to_owned()));
            begun = false;
        }
        if begun {
            line.push_str("  ");
        }
        line.push_str(&item);
        begun = true;
    }
    if begun {
        lines.push(line);
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use longshore_model::Shown;

    use super::*;

    fn change(field: &str, new: &str) -> FieldChange {
        FieldChange::new(field, None, Some(Shown::text(new)))
    }

    #[test]
    fn fields_below_one_name_stand_together() {
        let changes = [
            change("cpu", "256"),
            FieldChange::new("executionRoleArn", None, Some(Shown::AfterApply)),
            change("containerDefinitions.api.image", "ghcr.io/acme/api:1"),
            change("containerDefinitions.api.environment.MOTD", "Welcome.\nEverything is logged."),
            change(
                "containerDefinitions.api.environment.JAVA_TOOL_OPTIONS",
                "-XX:MaxRAMPercentage=75 -Xlog:gc",
            ),
            change("containerDefinitions.api.logConfiguration.options.awslogs-group", "/longshore/shop/api"),
            change("containerDefinitions.proxy.image", "docker.io/library/nginx:1"),
            change("memory", "1024"),
            change("tags.longshore:stack", "shop"),
            change("Tags.longshore:region", "eu-central-1"),
            change("Tags.longshore:token-id", "17"),
        ];
        insta::assert_snapshot!(fields(&changes, Style::default()));
        let colored = fields(&changes, Style { color: true, unicode: true });
        assert_eq!(console::strip_ansi_codes(&colored), fields(&changes, Style::default()));
        assert_eq!(fields(&[change("tags.longshore:stack", "shop")], Style::default()), "");
    }
}
