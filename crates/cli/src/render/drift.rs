//! The differences between the declared and the actual resources.

use longshore_model::{Drift, DriftKind, LeftAlone, Shown};

use super::{Style, words};

/// Every resource with its fields: what is declared, and what was found.
pub(super) fn block(drifts: &[Drift], style: Style) -> String {
    if drifts.is_empty() {
        return "There is no drift: everything is as declared.\n".to_owned();
    }
    let mut text = String::new();
    for drift in drifts {
        let (mark, kind) = match drift.kind {
            DriftKind::Missing => (style.red("-"), "is missing"),
            DriftKind::Changed => (style.yellow("~"), "was changed"),
            DriftKind::Undeclared => (style.green("+"), "is there, and nothing declares it"),
            DriftKind::Foreign => (style.red("!"), "is not this stack's"),
        };
        let owner = match &drift.owner {
            Some(stack) => format!("owner: stack {stack}"),
            None => "owner: no stack".to_owned(),
        };
        text.push_str(&format!("  {mark} {}  {kind}  {}\n", drift.resource, style.dim(&owner)));
        if let Some(detail) = &drift.detail {
            text.push_str(&format!("      {}\n", style.dim(detail)));
        }
        let width = drift.fields.iter().map(|field| field.field.chars().count()).max().unwrap_or_default();
        for field in &drift.fields {
            let shown =
                |value: &Option<Shown>| value.as_ref().map_or_else(|| "(nothing)".to_owned(), indented);
            let (declared, found) = (shown(&field.old), shown(&field.new));
            text.push_str(&format!("      {:width$}  declared {declared}, found {found}\n", field.field));
        }
    }
    let drifted = words::count(drifts.len(), "resource");
    text.push_str(&format!("\n{drifted} drifted. {}\n", what_deploy_does(drifts)));
    text
}

/// The fields that nothing declares, resource by resource.
pub(super) fn left_alone(all: &[LeftAlone], style: Style) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut text = "\nLeft as they are, because nothing declares them:\n".to_owned();
    for LeftAlone { resource, fields, .. } in all {
        text.push_str(&format!("  {}\n", style.bold(resource)));
        let width = fields.iter().map(|field| field.field.chars().count()).max().unwrap_or_default();
        for field in fields {
            let value = field.new.as_ref().map(indented).unwrap_or_default();
            text.push_str(&format!("      {:width$}  {value}\n", field.field));
        }
    }
    text
}

/// A value of several lines stays behind its field.
fn indented(value: &Shown) -> String {
    value.to_string().replace('\n', "\n        ")
}

fn what_deploy_does(drifts: &[Drift]) -> String {
    let blocking: Vec<_> = drifts.iter().filter(|drift| drift.blocks).map(|drift| &*drift.resource).collect();
    let is_pruned = drifts.iter().any(|drift| drift.kind == DriftKind::Undeclared);
    let deploy = if is_pruned { "deploy --prune" } else { "deploy" };
    if blocking.is_empty() {
        return format!("`longshore {deploy}` puts that right.");
    }
    let are = if blocking.len() == 1 { "is" } else { "are" };
    let rest = if blocking.len() == drifts.len() { "" } else { "; then it puts the rest right" };
    format!(
        "`longshore {deploy}` changes nothing while {} {are} not this stack's{rest}.",
        blocking.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use longshore_model::{FieldChange, StepId};

    use super::*;

    #[test]
    fn says_what_is_declared_and_what_was_found() {
        let drift = |kind, resource: &str, detail: Option<&str>, fields| Drift {
            step: StepId::new("role", "api"),
            resource: resource.to_owned(),
            kind,
            owner: (kind != DriftKind::Foreign).then(|| "shop".to_owned()),
            blocks: kind == DriftKind::Foreign,
            detail: detail.map(str::to_owned),
            fields,
        };
        let count = FieldChange::new("desiredCount", Some(Shown::text(2)), Some(Shown::text(5)));
        let drifts = [
            drift(DriftKind::Changed, "service default/api", None, vec![count]),
            drift(DriftKind::Missing, "role shop-api-execution", None, Vec::new()),
            drift(DriftKind::Undeclared, "service default/old", Some("made by service.old"), Vec::new()),
            drift(DriftKind::Foreign, "secret shop/ghcr", Some("it carries no tag"), Vec::new()),
        ];
        insta::assert_snapshot!(block(&drifts, Style::default()));
        assert!(
            block(&drifts[..3], Style::default())
                .ends_with("drifted. `longshore deploy --prune` puts that right.\n")
        );
        insta::assert_snapshot!(block(&[], Style::default()));
        let grace = FieldChange::new("healthCheckGracePeriodSeconds", None, Some(Shown::text(30)));
        let alone = LeftAlone {
            step: StepId::new("service", "api"),
            resource: "service default/api".to_owned(),
            fields: vec![grace],
        };
        insta::assert_snapshot!(left_alone(&[alone], Style::default()));
    }
}
