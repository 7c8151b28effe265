//! The planned changes.

use std::collections::BTreeMap;

use longshore_model::{Action, FieldChange, Orphan, StepPlan};

use super::{Style, creation, words};

/// Every step that changes something, with its fields, reason, effect and notes; and what was found out about others.
pub(super) fn plans<'a>(plans: impl IntoIterator<Item = &'a StepPlan>, style: Style) -> String {
    let mut text = String::new();
    for plan in plans {
        if plan.is_change() || !plan.notes.is_empty() {
            text.push_str(&one(plan, style));
        }
    }
    text
}

fn one(plan: &StepPlan, style: Style) -> String {
    let action = pad_left(&style.action(plan.action), 3);
    let mut text = format!("{action} {}  {}\n", plan.resource, style.dim(words::planned(plan.action)));
    if let Some(reason) = &plan.reason {
        text.push_str(&format!("      {reason}\n"));
    }
    if creation::is_creation(plan) {
        text.push_str(&creation::fields(&plan.changes, style));
    } else {
        text.push_str(&changes(&plan.changes, style));
    }
    text.push_str(&orphans(&plan.orphans));
    if let Some(effect) = words::effect(plan.effect) {
        text.push_str(&format!("      {}\n", style.yellow(effect)));
    }
    for note in plan.orphans.iter().filter_map(|orphan| orphan.note.as_ref()).chain(&plan.notes) {
        text.push_str(&format!("      {}\n", style.dim(note)));
    }
    text
}

/// A line for each field.
fn changes(changes: &[FieldChange], style: Style) -> String {
    let width = changes.iter().map(|change| change.field.chars().count()).max().unwrap_or_default();
    changes.iter().map(|change| format!("      {}\n", field(change, width, style))).collect()
}

/// A line for each orphan.
fn orphans(orphans: &[Orphan]) -> String {
    let width = orphans.iter().map(|orphan| orphan.resource.chars().count()).max().unwrap_or_default();
    let made_by =
        |orphan: &Orphan| orphan.made_by.as_ref().map(|step| format!("made by {step}")).unwrap_or_default();
    let line = |orphan: &Orphan| format!("{:width$}  {}", orphan.resource, made_by(orphan));
    orphans.iter().map(|orphan| format!("      {}\n", line(orphan).trim_end())).collect()
}

/// Escape sequences have no width, but count as characters.
fn pad_left(text: &str, width: usize) -> String {
    let pad = width.saturating_sub(console::measure_text_width(text));
    format!("{}{text}", " ".repeat(pad))
}

fn field(change: &FieldChange, width: usize, style: Style) -> String {
    let value = match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{old} {} {new}", style.arrow()),
        (None, Some(new)) => new.to_string(),
        (Some(old), None) => format!("{old} {} (removed)", style.arrow()),
        (None, None) => String::new(),
    };
    // A value of several lines is indented as a whole.
    let value = value.replace('\n', &format!("\n{}", " ".repeat(8 + width)));
    format!("{:width$}  {value}", change.field).trim_end().to_owned()
}

/// `Plan: 5 to create, 0 to update, 0 to delete.`
pub(super) fn summary(counts: &BTreeMap<Action, usize>) -> String {
    let count = |action| counts.get(&action).copied().unwrap_or_default();
    let mut parts = vec![
        format!("{} to create", count(Action::Create)),
        format!("{} to update", count(Action::Update)),
        format!("{} to delete", count(Action::Delete)),
    ];
    if count(Action::Replace) > 0 {
        parts.insert(2, format!("{} to replace", count(Action::Replace)));
    }
    if count(Action::Adopt) > 0 {
        parts.insert(1, format!("{} to adopt", count(Action::Adopt)));
    }
    format!("Plan: {}.", parts.join(", "))
}

/// `4 created, 1 updated`: what was done.
pub(super) fn done(counts: &BTreeMap<Action, usize>) -> String {
    let parts: Vec<_> = counts
        .iter()
        .filter(|(action, count)| **action != Action::NoChange && **count > 0)
        .map(|(action, count)| format!("{count} {}", words::done(*action)))
        .collect();
    if parts.is_empty() { "nothing changed".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use longshore_model::{Effect, Shown};

    use super::*;

    fn sample() -> Vec<StepPlan> {
        let text = |text: &str| Some(Shown::text(text));
        let mut secret = StepPlan::new(Action::Create, "secret longshore/shop/ghcr/pull").changes(vec![
            FieldChange::new("description", None, text("Pull credential")),
            FieldChange::new("value", None, Some(Shown::Secret)),
        ]);
        secret.notes.push("ghcr.io/acme/api:1 can be pulled for linux/amd64 (sha256:0a1b2c3d4e5f)".into());
        let mut task = StepPlan::new(Action::Replace, "task definition shop-api").changes(vec![
            FieldChange::new("memory", text("768"), text("1024")),
            FieldChange::new("containerDefinitions.api.command", text("[\"run\"]"), None),
            FieldChange::new("executionRoleArn", text("arn:old"), Some(Shown::AfterApply)),
        ]);
        task.effect = Effect::RollingUpdate;
        task.reason = Some("revisions cannot be changed".into());
        let mut public = StepPlan::new(Action::NoChange, "public images of docker.io");
        public.notes.push("nginx is public".into());
        vec![secret, StepPlan::new(Action::NoChange, "role shop-api"), task, public]
    }

    #[test]
    fn shows_what_changes_and_what_was_found_out() {
        insta::assert_snapshot!(plans(&sample(), Style::default()));
        let colored = plans(&sample(), Style { color: true, unicode: true });
        assert_eq!(
            console::strip_ansi_codes(&colored),
            plans(&sample(), Style { color: false, unicode: true })
        );
        assert!(colored.contains("768 → 1024") && colored.contains("\u{1b}[32m+\u{1b}[0m"), "{colored}");
    }

    #[test]
    fn counts_what_will_be_and_what_was_done() {
        let counts = [(Action::Create, 5), (Action::NoChange, 1)].into();
        assert_eq!(summary(&counts), "Plan: 5 to create, 0 to update, 0 to delete.");
        assert_eq!(done(&counts), "5 created");
        assert_eq!(
            summary(&[(Action::Replace, 1)].into()),
            "Plan: 0 to create, 0 to update, 1 to replace, 0 to delete."
        );
        assert_eq!(done(&[(Action::NoChange, 4)].into()), "nothing changed");
    }
}
