//! Cases: what AWS answers, how it is found out, and who answers otherwise.

use std::{fmt, future::Future};

use futures_util::future::BoxFuture;

use super::{Account, Answer};

/// An operation of AWS with its cases.
#[derive(Debug)]
pub struct Operation {
    /// As IAM names it, such as `ecs:CreateCluster`.
    pub name: &'static str,
    /// The operation's cases.
    pub cases: Vec<Case>,
}

/// Something that holds of an operation at AWS.
pub struct Case {
    /// The subject of the case.
    pub name: &'static str,
    /// AWS's answer.
    pub answer: &'static str,
    /// The known answers of clouds that differ from AWS's.
    pub disagreements: Vec<Disagreement>,
    /// True if nothing else may happen in the account meanwhile.
    pub alone: bool,
    run: Box<dyn Fn(Account) -> BoxFuture<'static, Answer> + Send + Sync>,
}

/// A known answer of a cloud that is not AWS's.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The clouds that give it.
    pub clouds: &'static [&'static str],
    /// Their answer: alternatives with ` | ` between them where that depends on what else is in the account.
    pub answer: &'static str,
    /// The reason for which AWS's answer is the one that the case has.
    pub why: &'static str,
    /// AWS's page that says so.
    pub page: &'static str,
}

impl Operation {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, cases: Vec::new() }
    }

    /// Adds a case: what is tried, what AWS answers, and how to find out what a cloud answers.
    pub(super) fn case<F>(
        mut self,
        name: &'static str,
        answer: &'static str,
        run: impl Fn(Account) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        self.cases.push(Case {
            name,
            answer,
            disagreements: Vec::new(),
            alone: false,
            run: Box::new(move |account| Box::pin(run(account))),
        });
        self
    }

    /// Adds to the last case who answers otherwise, what, and why AWS's answer is the other one.
    pub(super) fn but(
        mut self,
        clouds: &'static [&'static str],
        answer: &'static str,
        why: &'static str,
        page: &'static str,
    ) -> Self {
        if let Some(case) = self.cases.last_mut() {
            case.disagreements.push(Disagreement { clouds, answer, why, page });
        }
        self
    }

    /// The last case looks at all that an account has, so that nothing else may happen meanwhile.
    pub(super) fn alone(mut self) -> Self {
        if let Some(case) = self.cases.last_mut() {
            case.alone = true;
        }
        self
    }
}

impl Disagreement {
    /// Returns true if it is what a cloud has answered.
    pub(super) fn holds(&self, answer: &str) -> bool {
        self.answer.split(" | ").any(|known| known == answer)
    }
}

impl Case {
    /// Finds out what a cloud answers.
    pub(super) fn run(&self, account: Account) -> BoxFuture<'static, Answer> {
        (self.run)(account)
    }

    /// The known disagreement of a cloud.
    pub(super) fn disagreement(&self, cloud: &str) -> Option<&Disagreement> {
        self.disagreements.iter().find(|disagreement| disagreement.clouds.contains(&cloud))
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("answer", &self.answer).finish_non_exhaustive()
    }
}
