//! Running the cases against one cloud.

use std::time::Duration;

use futures_util::StreamExt as _;

use super::{Account, Answer, Case, Cloud, Operation, Refused, lacks};

/// The time limit of a case, waiting included.
const LIMIT: Duration = Duration::from_secs(600);

/// The result of a case at a cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The cloud answers as AWS does.
    Agrees,
    /// The cloud answers otherwise, as its disagreement says.
    Explained,
    /// The cloud does not have an operation, which is known.
    NotServed {
        /// The operation: the case's own, or one that it needs.
        operation: String,
    },
    /// The cloud answers otherwise, without an explanation.
    Differs {
        /// The cloud's answer.
        answer: String,
        /// Its words, where it refused.
        words: Option<String>,
    },
    /// The explanation about the cloud does not hold any more.
    Stale {
        /// The cloud's present answer.
        answer: String,
    },
}

impl Outcome {
    /// Returns true if that is what the suite says of the cloud.
    fn is_known(&self) -> bool {
        !matches!(self, Self::Differs { .. } | Self::Stale { .. })
    }
}

/// The results of all cases at a cloud.
#[derive(Debug)]
pub struct Report {
    /// The cloud.
    pub cloud: String,
    /// The outcomes: for each operation, those of its cases.
    pub outcomes: Vec<Vec<Outcome>>,
}

/// Runs all cases: many at once, and those that need the account for themselves after them, one by one.
pub async fn run(cloud: &Cloud, operations: &[Operation]) -> Report {
    let mut outcomes: Vec<Vec<Outcome>> = operations.iter().map(|_| Vec::new()).collect();
    let cases =
        operations.iter().flat_map(|operation| operation.cases.iter().map(move |case| (operation, case)));
    let (alone, together): (Vec<_>, Vec<_>) = cases.enumerate().partition(|(_, (_, case))| case.alone);
    let one = async |(number, (operation, case)): (usize, (&Operation, &Case))| {
        let mut tried = 0;
        loop {
            let suffix = format!("{}{tried}-{number:03}", cloud.run);
            let account = Account::new(cloud.clients.clone(), suffix, cloud.time.clone());
            let answer = tokio::time::timeout(LIMIT, case.run(account)).await;
            let answer = answer.unwrap_or(Err(Refused::Never("ended")));
            let outcome = judge(&cloud.name, operation, case, answer);
            tried += 1;
            if outcome.is_known() || tried == cloud.tries {
                break (number, outcome);
            }
        }
    };
    let mut all: Vec<_> =
        futures_util::stream::iter(together).map(one).buffer_unordered(cloud.at_once).collect().await;
    for case in alone {
        all.push(one(case).await);
    }
    all.sort_by_key(|(number, _)| *number);
    let mut all = all.into_iter().map(|(_, outcome)| outcome);
    for (operation, outcomes) in operations.iter().zip(&mut outcomes) {
        outcomes.extend(all.by_ref().take(operation.cases.len()));
    }
    Report { cloud: cloud.name.clone(), outcomes }
}

fn judge(cloud: &str, operation: &Operation, case: &Case, answer: Answer) -> Outcome {
    if let Err(Refused::Call { operation, unserved: true, .. }) = &answer
        && lacks::reason(cloud, operation).is_some()
    {
        return Outcome::NotServed { operation: operation.clone() };
    }
    let words = match &answer {
        Err(Refused::Call { message, .. }) if !message.is_empty() => Some(message.clone()),
        _ => None,
    };
    let answer = answer.unwrap_or_else(|refused| refused.fact());
    if lacks::reason(cloud, operation.name).is_some() {
        return Outcome::Stale { answer };
    }
    match case.disagreement(cloud) {
        Some(disagreement) if disagreement.holds(&answer) => Outcome::Explained,
        Some(_) => Outcome::Stale { answer },
        None if case.answer == answer => Outcome::Agrees,
        None => Outcome::Differs { answer, words },
    }
}

impl Report {
    /// Returns the failures to mend: answers without an explanation, and explanations that do not hold.
    pub fn failures<'a>(&'a self, operations: &'a [Operation]) -> impl Iterator<Item = String> + 'a {
        operations.iter().zip(&self.outcomes).flat_map(|(operation, outcomes)| {
            operation
                .cases
                .iter()
                .zip(outcomes)
                .filter_map(|(case, outcome)| self.failure(operation, case, outcome))
        })
    }

    fn failure(&self, operation: &Operation, case: &Case, outcome: &Outcome) -> Option<String> {
        let Self { cloud, .. } = self;
        let head = format!("{}, {}: {cloud}", operation.name, case.name);
        match outcome {
            Outcome::Agrees | Outcome::Explained | Outcome::NotServed { .. } => None,
            Outcome::Differs { answer, words } => {
                let words = words.as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
                Some(format!("{head} answers\n    {answer}{words}\n  and AWS\n    {}", case.answer))
            }
            Outcome::Stale { answer } => {
                let said = match case.disagreement(cloud) {
                    Some(disagreement) => disagreement.answer,
                    None => "that the operation is not there",
                };
                Some(format!("{head} answers\n    {answer}\n  and not, as the suite says of it,\n    {said}"))
            }
        }
    }
}
