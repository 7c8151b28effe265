//! References of the configuration, held against the steps that they name.

use std::collections::BTreeMap;

use longshore_model::{Problem, Reference, Stack, StepId, ValueType, closest, is_internal};
use longshore_plugin::{Node, Output};

/// Returns the problems of the references in `stack`, and of the steps that `after` names: no such step, no such output,
/// an output of another type.
pub(crate) fn wrong(stack: &Stack, nodes: &[Node]) -> Vec<Problem> {
    let steps: BTreeMap<_, _> = nodes.iter().map(|node| (node.id.as_str(), &*node.outputs)).collect();
    let all = references(stack)
        .into_iter()
        .filter_map(|(key, reference)| wrong_reference(&key, &reference, &steps));
    let after = after(stack).into_iter().filter(|(_, step)| !steps.contains_key(step.as_str()));
    let after = after.map(|(key, step)| no_such_step(&key, step, &steps));
    all.chain(after).collect()
}

type Steps<'a> = BTreeMap<&'a str, &'a [Output]>;

/// The references of a stack, by their keys.
fn references(stack: &Stack) -> Vec<(String, Reference)> {
    let mut found = Vec::new();
    for service in stack.services.values() {
        for plugin in service.load_balancer.iter().chain([&service.deployer]) {
            found.extend(Reference::all_in(&plugin.options.key, &plugin.options.values));
        }
    }
    for step in stack.steps.values() {
        found.extend(Reference::all_in(&step.plugin.options.key, &step.plugin.options.values));
    }
    found
}

/// The steps that `after` names, by the key.
fn after(stack: &Stack) -> Vec<(String, &StepId)> {
    let services =
        stack.services.iter().map(|(name, service)| (format!("services.{name}.after"), &service.after));
    let steps = stack.steps.iter().map(|(name, step)| (format!("steps.{name}.after"), &step.after));
    let all =
        services.chain(steps).flat_map(|(key, steps)| steps.iter().map(move |step| (key.clone(), step)));
    all.collect()
}

fn wrong_reference(key: &str, reference: &Reference, steps: &Steps<'_>) -> Option<Problem> {
    let Some(outputs) = steps.get(reference.from.as_str()) else {
        return Some(no_such_step(key, &reference.from, steps));
    };
    let Some(output) = outputs.iter().find(|output| output.name == reference.output.as_str()) else {
        let names: Vec<_> =
            outputs.iter().map(|output| &*output.name).filter(|name| !is_internal(name)).collect();
        let help = match closest(&reference.output, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "it has no outputs".to_owned(),
            None => format!("its outputs: {}", names.join(", ")),
        };
        let message = format!("refers to {reference}, which the step does not have");
        return Some(Problem::new(key, message).help(help));
    };
    let wanted = arn_of(key).or_else(|| named_arn(key, steps))?;
    let yields = output.value_type.as_str();
    if output.value_type == ValueType::TEXT || wanted.ends_with(yields) {
        return None;
    }
    let message = format!("refers to {reference}, which is a {yields}");
    Some(Problem::new(key, message).help(format!("must be a {wanted}")))
}

/// The type of an ARN that a field takes, as its name says: `targetGroupArn` takes a `target-group-arn`.
fn arn_of(key: &str) -> Option<String> {
    let field = key.rsplit('.').next()?;
    let mut kebab = String::new();
    for character in field.chars() {
        if character.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(character.to_ascii_lowercase());
    }
    kebab.ends_with("-arn").then_some(kebab)
}

/// The type of an ARN that a field takes by its short name, if a step yields one: `listener` takes a `listener-arn`. Names of
/// environment variables tell nothing.
fn named_arn(key: &str, steps: &Steps<'_>) -> Option<String> {
    if key.contains(".environment.") {
        return None;
    }
    let wanted = format!("{}-arn", key.rsplit('.').next()?);
    let mut outputs = steps.values().copied().flatten();
    outputs.any(|output| output.value_type.as_str() == wanted).then_some(wanted)
}

fn no_such_step(key: &str, step: &StepId, steps: &Steps<'_>) -> Problem {
    let help = match closest(step.as_str(), steps.keys().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`longshore graph` shows the steps".to_owned(),
    };
    Problem::new(key, format!("refers to the step `{step}`, which does not exist")).help(help)
}
