//! The order and depth in which steps are displayed.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{StepId, StepSummary};

/// Each step, and how far it is indented: below the deepest of the steps that it depends on. Steps that are not among
/// `steps` do not count.
pub(crate) fn tree(steps: &[StepSummary]) -> Vec<(StepId, usize)> {
    let mut depth = BTreeMap::<&StepId, usize>::new();
    let mut below = BTreeMap::<Option<&StepId>, Vec<&StepId>>::new();
    // Each step comes after those that it depends on, so their depths are known.
    for summary in steps {
        let parent =
            summary.after.iter().filter(|step| depth.contains_key(step)).max_by_key(|step| depth[step]);
        depth.insert(&summary.step, parent.map_or(0, |parent| depth[parent] + 1));
        below.entry(parent).or_default().push(&summary.step);
    }
    let mut order = Vec::with_capacity(steps.len());
    let mut seen = BTreeSet::new();
    let mut stack: Vec<_> = below.get(&None).into_iter().flatten().rev().copied().collect();
    while let Some(step) = stack.pop() {
        if seen.insert(step) {
            order.push((step.clone(), depth[step]));
            stack.extend(below.get(&Some(step)).into_iter().flatten().rev());
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StepId {
        let (kind, name) = text.split_once('.').unwrap();
        StepId::new(kind, name)
    }

    fn step(step: &str, after: &[&str]) -> StepSummary {
        StepSummary { step: id(step), after: after.iter().map(|after| id(after)).collect() }
    }

    #[test]
    fn a_step_stands_below_the_deepest_that_it_depends_on() {
        let steps = [
            step("credential.ghcr", &[]),
            step("cluster.default", &["elsewhere.x"]),
            step("role.api", &["credential.ghcr"]),
            step("role.web", &["credential.ghcr"]),
            step("task-definition.api", &["credential.ghcr", "role.api"]),
            step("service.api", &["cluster.default", "task-definition.api"]),
        ];
        let shown: String =
            tree(&steps).iter().map(|(step, depth)| format!("{}{step}\n", "  ".repeat(*depth))).collect();
        insta::assert_snapshot!(shown, @r"
        credential.ghcr
          role.api
            task-definition.api
              service.api
          role.web
        cluster.default
        ");
    }
}
