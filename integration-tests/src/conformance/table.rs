//! The table operation × cloud × result, as Markdown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{
    Case, Disagreement, Operation, Outcome, Report,
    lacks::{LACKS, Lack},
};

/// A cloud in the table: what was found, or why it was not run.
#[derive(Debug)]
pub struct Column {
    /// The cloud.
    pub cloud: String,
    /// The report, or the reason for which the cloud was not run.
    pub found: Result<Report, String>,
}

/// The text above the tables.
const HEAD: &str = "\
# Conformance

What clouds answer to the operations that Longshore uses, compared with what AWS documents. `cargo xtask conformance` runs
the cases (`integration-tests/src/conformance`) and writes this file; `cargo xtask conformance --check` fails when the file
is not what was found. Where clouds disagree, AWS's documentation decides, and the reason stands below.

✓ 3: three cases are answered as by AWS · ≠ 7: one is answered otherwise, for which see note 7 · –: the cloud does not have
the operation, or one that the cases need

No case is about what cannot be brought about at will: throttling, internal failures, two changes that get into each other's
way. What Longshore makes of these is tested by faults of the simulated cloud.
";

/// The services, by the prefix of their actions.
const SERVICES: [(&str, &str); 12] = [
    ("ecs", "Amazon ECS"),
    ("iam", "IAM"),
    ("secretsmanager", "Secrets Manager"),
    ("ssm", "Systems Manager Parameter Store"),
    ("kms", "KMS"),
    ("sts", "STS"),
    ("logs", "CloudWatch Logs"),
    ("ec2", "EC2"),
    ("elasticloadbalancing", "Elastic Load Balancing"),
    ("application-autoscaling", "Application Auto Scaling"),
    ("ecr", "Amazon ECR"),
    ("tag", "Resource Groups Tagging"),
];

/// A known disagreement, and its number, which does not depend on what is run.
struct Note<'a> {
    number: usize,
    operation: &'static str,
    case: &'a Case,
    disagreement: &'a Disagreement,
}

impl Note<'_> {
    /// The note, about these clouds.
    fn text(&self, clouds: &[&str]) -> String {
        let Self { number, operation, case, disagreement } = self;
        let (aws, clouds, others) = (shown(case.answer), clouds.join(" and "), shown(disagreement.answer));
        let Disagreement { why, page, .. } = disagreement;
        format!(
            "**{number}** `{operation}`, {}: AWS answers {aws}, and {clouds} {others}. {why} ([AWS]({page}))",
            case.name
        )
    }
}

/// An answer, which may be that there is nothing.
fn shown(answer: &str) -> String {
    if answer.is_empty() { "nothing".to_owned() } else { format!("“{answer}”") }
}

/// All notes, by the place of operation and case.
fn notes(operations: &[Operation]) -> BTreeMap<(usize, usize), Vec<Note<'_>>> {
    let mut notes = BTreeMap::new();
    let mut number = 0;
    for (row, operation) in operations.iter().enumerate() {
        for (place, case) in operation.cases.iter().enumerate() {
            let of_case = case.disagreements.iter().map(|disagreement| {
                number += 1;
                Note { number, operation: operation.name, case, disagreement }
            });
            notes.insert((row, place), of_case.collect::<Vec<_>>());
        }
    }
    notes
}

/// The file.
#[must_use]
pub fn render(operations: &[Operation], columns: &[Column]) -> String {
    let notes = notes(operations);
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "\n{}", size(operations));
    for (prefix, service) in SERVICES {
        let rows: Vec<_> = operations
            .iter()
            .enumerate()
            .filter(|(_, operation)| operation.name.split(':').next() == Some(prefix))
            .collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n## {service}\n");
        let head: Vec<_> = columns.iter().map(|column| format!(" {} |", column.cloud)).collect();
        let _ = writeln!(text, "| operation |{}", head.concat());
        let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
        for (row, operation) in rows {
            let cells: Vec<_> = columns
                .iter()
                .map(|column| {
                    let note = |place: usize| {
                        let cloud = column.cloud.as_str();
                        let mut notes = notes[&(row, place)].iter();
                        notes.find(|note| note.disagreement.clouds.contains(&cloud)).map(|note| note.number)
                    };
                    match &column.found {
                        Ok(report) => format!(" {} |", cell(&report.outcomes[row], note)),
                        Err(_) => " not run |".to_owned(),
                    }
                })
                .collect();
            let _ = writeln!(text, "| `{}` |{}", operation.name, cells.concat());
        }
    }
    not_run(&mut text, columns);
    not_there(&mut text, columns);
    write_notes(&mut text, notes.into_values().flatten(), columns);
    text
}

fn size(operations: &[Operation]) -> String {
    let cases: usize = operations.iter().map(|operation| operation.cases.len()).sum();
    format!("{} operations, {cases} cases.", operations.len())
}

fn cell(outcomes: &[Outcome], note: impl Fn(usize) -> Option<usize>) -> String {
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
    let agreed = count(|outcome| *outcome == Outcome::Agrees);
    let absent = count(|outcome| matches!(outcome, Outcome::NotServed { .. }));
    let wrong = count(|outcome| matches!(outcome, Outcome::Differs { .. } | Outcome::Stale { .. }));
    let explained: Vec<usize> =
        (0..outcomes.len()).filter(|place| outcomes[*place] == Outcome::Explained).filter_map(note).collect();
    let mut parts = Vec::new();
    if agreed > 0 {
        parts.push(format!("✓ {agreed}"));
    }
    if !explained.is_empty() {
        parts.push(format!("≠ {}", ranges(&explained)));
    }
    if wrong > 0 {
        parts.push(format!("✗ {wrong}"));
    }
    if absent == outcomes.len() {
        parts.push("–".to_owned());
    } else if absent > 0 {
        parts.push(format!("– {absent}"));
    }
    parts.join(" · ")
}

/// Ascending numbers, of which three and more in a row are a range: `1, 4–7`.
fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(first, last): (usize, usize)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}–{last}"),
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join(", ")
}

fn not_run(text: &mut String, columns: &[Column]) {
    let reasons: Vec<_> = columns
        .iter()
        .filter_map(|column| Some(format!("- {}: {}\n", column.cloud, column.found.as_ref().err()?)))
        .collect();
    if !reasons.is_empty() {
        let _ = write!(text, "\n## Not run\n\n{}", reasons.concat());
    }
}

fn absence(lack: &Lack) -> String {
    format!("- {}, `{}`: {}.", lack.cloud, lack.operations, lack.reason)
}

fn not_there(text: &mut String, columns: &[Column]) {
    let run = |cloud: &str| columns.iter().any(|column| column.cloud == cloud && column.found.is_ok());
    let lacks: Vec<_> =
        LACKS.iter().filter(|lack| run(lack.cloud)).map(|lack| format!("{}\n", absence(lack))).collect();
    if !lacks.is_empty() {
        let _ = write!(text, "\n## What is not there\n\n{}", lacks.concat());
    }
}

fn write_notes<'a>(text: &mut String, notes: impl Iterator<Item = Note<'a>>, columns: &[Column]) {
    let mut head = "\n## Where clouds disagree with AWS\n";
    for note in notes {
        let run = |cloud: &&str| columns.iter().any(|column| column.cloud == **cloud && column.found.is_ok());
        let clouds: Vec<&str> = note.disagreement.clouds.iter().copied().filter(run).collect();
        if clouds.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{head}\n{}", note.text(&clouds));
        head = "";
    }
}

/// The cells of a rendered table: by operation and cloud.
fn cells(text: &str) -> BTreeMap<(String, String), String> {
    let mut cells = BTreeMap::new();
    let mut clouds: Vec<&str> = Vec::new();
    for line in text.lines() {
        let Some(line) = line.strip_prefix("| ") else { continue };
        let mut parts = line.trim_end_matches('|').split('|').map(str::trim);
        let Some(first) = parts.next() else { continue };
        if first == "operation" {
            clouds = parts.collect();
            continue;
        }
        for (cloud, cell) in clouds.iter().zip(parts) {
            cells.insert((first.trim_matches('`').to_owned(), (*cloud).to_owned()), cell.to_owned());
        }
    }
    cells
}

/// Returns the differences of a file from the results of the clouds that were run, and from the suite's own texts on
/// all clouds: nothing where it is the same.
#[must_use]
pub fn differences(file: &str, operations: &[Operation], columns: &[Column]) -> Vec<String> {
    let found = render(operations, columns);
    let (said, found) = (cells(file), cells(&found));
    let run = |cloud: &str| columns.iter().any(|column| column.cloud == cloud && column.found.is_ok());
    let mut differences = Vec::new();
    for ((operation, cloud), cell) in found.iter().filter(|((_, cloud), _)| run(cloud)) {
        match said.get(&(operation.clone(), cloud.clone())) {
            Some(said) if said == cell => {}
            Some(said) => {
                differences.push(format!("{operation}, {cloud}: found “{cell}”, the file has “{said}”"))
            }
            None => differences.push(format!("{operation}, {cloud}: is not in the file")),
        }
    }
    let gone = said.keys().filter(|key| run(&key.1) && !found.contains_key(key));
    differences.extend(gone.map(|(operation, cloud)| format!("{operation}, {cloud}: only in the file")));
    differences.extend(outdated(file, operations));
    differences
}

/// Returns the lines in which a file differs from the suite, independently of the clouds' answers.
fn outdated(file: &str, operations: &[Operation]) -> Vec<String> {
    let notes = notes(operations).into_values().flatten();
    let notes = notes.map(|note| note.text(note.disagreement.clouds));
    let notes: BTreeSet<String> = notes.chain(LACKS.iter().map(absence)).collect();
    let said: BTreeSet<&str> =
        file.lines().filter(|line| line.starts_with("**") || line.starts_with("- ")).collect();
    let mut outdated = Vec::new();
    if !file.lines().any(|line| line == size(operations)) {
        outdated.push(format!("there are {}", size(operations)));
    }
    let missing = notes.iter().filter(|note| !said.contains(note.as_str()));
    outdated.extend(missing.map(|note| format!("is not in the file: {note}")));
    let gone = said.iter().filter(|note| !notes.contains(**note));
    outdated.extend(gone.map(|note| format!("is only in the file: {note}")));
    outdated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_row_are_a_range() {
        assert_eq!(ranges(&[1, 2, 4, 5, 6, 9]), "1, 2, 4–6, 9");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn cells_are_found_again() {
        let text = "| operation | moto | x |\n|---|---|---|\n| `ecs:A` | ✓ 2 · ≠ 1, 2 | – |\n";
        let cells: Vec<_> = cells(text).into_iter().map(|((a, b), c)| format!("{a} {b} {c}")).collect();
        assert_eq!(cells, ["ecs:A moto ✓ 2 · ≠ 1, 2", "ecs:A x –"]);
    }
}
