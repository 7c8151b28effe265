//! A parsed policy document and its verdict.

use super::{Context, Principal, Who, condition::Condition, pattern::glob, principal::Naming};

/// The effect of a statement that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Permits.
    Allow,
    /// Forbids, whatever else permits.
    Deny,
}

/// The decision of policies about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows, and none denies.
    Allowed,
    /// A statement denies.
    ExplicitDeny,
    /// No statement allows.
    ImplicitDeny,
}

impl Decision {
    /// The verdict of two sets of policies together: a deny wins over an allow, an allow over nothing.
    #[must_use]
    pub fn and_also(self, other: Self) -> Self {
        match (self, other) {
            (Self::ExplicitDeny, _) | (_, Self::ExplicitDeny) => Self::ExplicitDeny,
            (Self::Allowed, _) | (_, Self::Allowed) => Self::Allowed,
            _ => Self::ImplicitDeny,
        }
    }
}

/// A policy document.
#[derive(Clone, Debug)]
pub struct Document {
    /// The statements, in order.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The statement's name, if it has one.
    pub sid: Option<String>,
    /// Allow or Deny.
    pub effect: Effect,
    pub(super) principal: Option<Principal>,
    pub(super) action: Selection,
    pub(super) resource: Option<Selection>,
    pub(super) conditions: Vec<Condition>,
}

/// `Action` and `NotAction`, `Resource` and `NotResource`.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) not: bool,
    pub(super) patterns: Vec<String>,
}

/// A request to decide on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Such as `secretsmanager:GetSecretValue`.
    pub action: &'a str,
    /// An ARN, or `*` where the action has no resource.
    pub resource: &'a str,
    /// The caller, which matters only to statements that have a principal.
    pub who: Who<'a>,
    /// Condition keys.
    pub context: &'a Context,
}

impl Document {
    /// Returns the decision of this document alone.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        self.decide_named(request, Naming::Account)
    }

    /// Like [`Document::decide`], but an allow must name who asks at least as directly as `naming`.
    pub(crate) fn decide_named(&self, request: &Request<'_>, naming: Naming) -> Decision {
        self.statements.iter().fold(Decision::ImplicitDeny, |decision, statement| {
            let says = match (statement.matches(request), statement.effect) {
                (Naming::Unnamed, _) => Decision::ImplicitDeny,
                (_, Effect::Deny) => Decision::ExplicitDeny,
                (found, Effect::Allow) if found >= naming => Decision::Allowed,
                (_, Effect::Allow) => Decision::ImplicitDeny,
            };
            decision.and_also(says)
        })
    }

    /// The statements that apply to the request.
    pub fn matching<'a>(&'a self, request: &'a Request<'_>) -> impl Iterator<Item = &'a Statement> {
        self.statements.iter().filter(|statement| statement.matches(request) != Naming::Unnamed)
    }
}

impl Document {
    /// The condition keys that any statement looks at, as they are spelled there.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(|statement| &statement.conditions).map(Condition::key)
    }
}

impl Statement {
    /// The entries of the statement's principal: kind and value.
    #[must_use]
    pub fn principals(&self) -> &[(String, String)] {
        self.principal.as_ref().map_or(&[], |principal| &principal.entries)
    }

    fn matches(&self, request: &Request<'_>) -> Naming {
        let applies = self.action.selects(|pattern| action_matches(pattern, request.action))
            && self.resource.as_ref().is_none_or(|resource| {
                resource.selects(|pattern| glob(pattern, request.resource, request.context))
            })
            && self.conditions.iter().all(|condition| condition.holds(request.context));
        match (&self.principal, applies) {
            (_, false) => Naming::Unnamed,
            (None, true) => Naming::Itself,
            (Some(principal), true) => principal.naming(request.who),
        }
    }
}

impl Selection {
    fn selects(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern)) != self.not
    }
}

/// Actions are compared without regard to case and know no variables.
fn action_matches(pattern: &str, action: &str) -> bool {
    glob(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase(), &Context::new())
}
