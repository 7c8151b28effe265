//! Plans that are kept in a file, so that what was planned, and perhaps approved, is what is applied.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use longshore_model::{
    Action, Failure, FailureKind, FieldChange, Known, Orphan, Shown, StepId, StepPlan, printable,
};
use serde::{Deserialize, Serialize};

use crate::replace_file::replace_file;

/// The format of the file. A change that older versions would misread takes another number.
const FORMAT: &str = "longshore.plan/1";

/// The largest file that is read, in bytes.
const LARGEST: usize = 256 << 20;

/// The target of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) stack: String,
    pub(crate) environment: String,
    pub(crate) account: String,
    pub(crate) region: String,
}

/// A plan as it is kept. It holds no secret, as no plan does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanFile {
    format: String,
    #[serde(flatten)]
    pub(crate) target: Target,
    /// When it was made, in milliseconds since the Unix epoch.
    pub(crate) created: u64,
    /// True if the plan leaves orphans as they are: `plan --no-prune`.
    #[serde(default)]
    pub(crate) keeps_orphans: bool,
    pub(crate) steps: BTreeMap<StepId, StepPlan>,
}

impl PlanFile {
    /// A plan for `target`, made at `created`.
    pub(crate) fn new(
        target: Target,
        created: u64,
        plans: impl IntoIterator<Item = (StepId, StepPlan)>,
    ) -> Self {
        let steps = plans.into_iter().collect();
        Self { format: FORMAT.to_owned(), target, created, keeps_orphans: false, steps }
    }

    /// Writes it. A file that is there stays whole until the new one is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let refused = |error: &dyn std::fmt::Display| {
            Failure::new(FailureKind::Invalid, format!("the plan cannot be written: {error}"))
                .at(path.display().to_string())
        };
        let text = serde_json::to_string_pretty(self).map_err(|error| refused(&error))?;
        // The file is JSON still, and may be printed.
        replace_file(path, &(printable(&text).into_owned() + "\n")).map_err(|error| refused(&error))
    }

    /// Reads one.
    ///
    /// # Errors
    /// When there is no file, or when it holds no plan of this version.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let at = path.display().to_string();
        let refused = |message: String, help: &str| {
            Err(Failure::new(FailureKind::Invalid, message).at(at.clone()).help(help))
        };
        let text = match longshore_files::read_text(path, LARGEST) {
            Ok(text) => text,
            Err(error) => {
                let help = "make one with `longshore plan --out FILE`";
                return refused(format!("the plan cannot be read: {error}"), help);
            }
        };
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        match serde_json::from_str::<Head>(&text) {
            Ok(head) if head.format == FORMAT => {}
            Ok(head) => {
                let message = format!("the plan has the format `{}`, and this is {FORMAT}", head.format);
                return refused(message, "plan again with this version of longshore");
            }
            Err(error) => {
                return refused(
                    format!("this is no plan: {error}"),
                    "make one with `longshore plan --out FILE`",
                );
            }
        }
        serde_json::from_str(&text).or_else(|error| {
            refused(format!("the plan is damaged: {error}"), "plan again with `longshore plan --out FILE`")
        })
    }

    /// Makes sure that it was made for `target`.
    ///
    /// # Errors
    /// When it was made for another stack, environment, account or region.
    pub(crate) fn require_target(&self, target: &Target, path: &Path) -> Result<(), Failure> {
        let pairs = [
            ("stack", &self.target.stack, &target.stack),
            ("environment", &self.target.environment, &target.environment),
            ("account", &self.target.account, &target.account),
            ("region", &self.target.region, &target.region),
        ];
        match pairs.into_iter().find(|(_, planned, now)| planned != now) {
            None => Ok(()),
            Some((what, planned, now)) => Err(Failure::new(
                FailureKind::Invalid,
                format!("the plan was made for the {what} `{planned}`, and this run is for `{now}`"),
            )
            .at(path.display().to_string())
            .help("plan again where it is to be applied; nothing was changed")),
        }
    }

    /// Returns a failure for each step whose plan differs from that of `now`, with the fields.
    pub(crate) fn moved<'a>(&self, now: impl Iterator<Item = (&'a StepId, &'a StepPlan)>) -> Vec<Failure> {
        let now: BTreeMap<_, _> = now.collect();
        let steps: BTreeSet<_> = self.steps.keys().chain(now.keys().copied()).collect();
        steps
            .into_iter()
            .filter_map(|step| Some(moved(step, difference(self.steps.get(step), now.get(step).copied())?)))
            .collect()
    }
}

fn moved(step: &StepId, what: String) -> Failure {
    Failure::new(FailureKind::Conflict, format!("{step} is not as it was planned any more: {what}"))
        .help("the world or the configuration has changed since: plan again; nothing was changed")
}

fn difference(planned: Option<&StepPlan>, now: Option<&StepPlan>) -> Option<String> {
    let (planned, now) = match (planned, now) {
        (Some(planned), Some(now)) if planned == now => return None,
        (Some(planned), Some(now)) => (planned, now),
        (None, Some(now)) => return now.is_change().then(|| "it was not in the plan".to_owned()),
        (planned, None) => return planned.map(|_| "it is not in the configuration any more".to_owned()),
    };
    if planned.action != now.action {
        return Some(format!("the plan says {}, and now it would be {}", planned.action, now.action));
    }
    if planned.resource != now.resource {
        return Some(format!(
            "the plan is for the {}, and now it would be the {}",
            planned.resource, now.resource
        ));
    }
    let (before, after) = (fields(planned), fields(now));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(|name| {
        let value = |fields: &BTreeMap<String, Vec<String>>| match fields.get(name) {
            Some(values) => values.join(" and "),
            None if now.action == Action::Create => "not set".to_owned(),
            None => "unchanged".to_owned(),
        };
        format!("{name} was planned as {}, and now is {}", value(&before), value(&after))
    });
    let changed: Vec<_> = changed.collect();
    if changed.is_empty() {
        // The findings differ: an image's tag that names another image now.
        let new: Vec<_> = now.notes.iter().filter(|note| !planned.notes.contains(note)).cloned().collect();
        return Some(if new.is_empty() { "its circumstances differ".to_owned() } else { new.join("; ") });
    }
    Some(changed.join("; "))
}

/// Returns the values of a plan's fields and outputs. A field that is a list may have several.
fn fields(plan: &StepPlan) -> BTreeMap<String, Vec<String>> {
    let change = |change: &FieldChange| {
        let shown = match (&change.old, &change.new) {
            (None, Some(new)) => new.to_string(),
            (Some(old), Some(new)) => format!("from {old} to {new}"),
            (Some(old), None) => format!("from {old} to nothing"),
            (None, None) => "nothing".to_owned(),
        };
        (change.field.clone(), shown)
    };
    let output = |(name, known): (&String, &Known)| (name.clone(), Shown::from(known).to_string());
    let mut fields = BTreeMap::<_, Vec<_>>::new();
    let orphan = |orphan: &Orphan| (orphan.resource.clone(), "an orphan that is removed".to_owned());
    let changes = plan.changes.iter().map(change).chain(plan.orphans.iter().map(orphan));
    for (name, value) in changes.chain(plan.outputs.iter().map(output)) {
        fields.entry(name).or_default().push(value);
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn target() -> Target {
        Target {
            stack: "shop".into(),
            environment: "production".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
        }
    }

    fn memory(old: &str) -> StepPlan {
        StepPlan::new(Action::Update, "task definition shop-api").changes(vec![FieldChange::new(
            "memory",
            Some(Shown::text(old)),
            Some(Shown::text("1024")),
        )])
    }

    #[test]
    fn a_plan_comes_back_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        let step = StepId::new("task-definition", "api");
        let file = PlanFile::new(target(), 7, [(step, memory("768"))]);
        file.write(&path).unwrap();
        assert_eq!(PlanFile::read(&path).unwrap(), file);
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap());
    }

    #[test]
    fn what_is_no_plan_of_this_version_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        let message = |text: &str| {
            fs::write(&path, text).unwrap();
            PlanFile::read(&path).unwrap_err().message
        };
        assert_eq!(
            message(r#"{"format":"longshore.plan/2"}"#),
            "the plan has the format `longshore.plan/2`, and this is longshore.plan/1"
        );
        assert!(message("{}").starts_with("this is no plan: "));
        assert!(message(r#"{"format":"longshore.plan/1"}"#).starts_with("the plan is damaged: "));
        let elsewhere = Target { account: "210987654321".into(), ..target() };
        let refused = PlanFile::new(target(), 0, []).require_target(&elsewhere, &path).unwrap_err();
        assert!(refused.message.contains("account `123456789012`"), "{refused}");
    }

    #[test]
    fn whatever_moved_is_named() {
        let step = |name: &str| StepId::new("step", name);
        let mut noted = StepPlan::new(Action::NoChange, "secret x");
        noted.notes.push("api:1 can be pulled (sha256:aa)".into());
        let mut renoted = noted.clone();
        renoted.notes = ["api:1 can be pulled (sha256:bb)".to_owned()].into();
        let made = |fields: &[(&str, &str)]| {
            let field = |(field, new): &(&str, &str)| FieldChange::new(*field, None, Some(Shown::text(new)));
            StepPlan::new(Action::Create, "role shop-api").changes(fields.iter().map(field).collect())
        };
        let named = |name: &str| StepPlan::new(Action::Create, name);
        let planned = [
            (step("made"), made(&[("cpu", "256"), ("gone", "1"), ("policies", "a"), ("policies", "b")])),
            (step("named"), named("role shop-api")),
            (step("same"), memory("768")),
            (step("field"), memory("768")),
            (step("action"), memory("768")),
            (step("gone"), memory("768")),
            (step("note"), noted),
        ];
        let now: BTreeMap<StepId, StepPlan> = [
            (step("made"), made(&[("cpu", "512"), ("new", "2"), ("policies", "c"), ("policies", "b")])),
            (step("named"), named("role shop-www")),
            (step("same"), memory("768")),
            (step("field"), memory("512")),
            (step("action"), StepPlan::new(Action::NoChange, "task definition shop-api")),
            (step("note"), renoted),
            (step("new"), memory("768")),
        ]
        .into();
        let moved = PlanFile::new(target(), 0, planned).moved(now.iter());
        let messages: Vec<_> = moved.into_iter().map(|failure| failure.message).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
