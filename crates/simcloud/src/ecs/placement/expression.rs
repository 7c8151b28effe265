//! Cluster queries: the expressions of `memberOf` constraints and of filters.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-query-language.html>

use regex_lite::Regex;

use super::Candidate;
use crate::{ApiError, ecs::wire::invalid};

/// A parsed expression.
#[derive(Clone, Debug)]
pub(in crate::ecs) enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Test { subject: Subject, operator: Operator, arguments: Vec<String>, pattern: Option<Regex> },
}

/// The property of an instance that is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Subject {
    Attribute(String),
    TaskGroup,
    Ec2InstanceId,
    AgentConnected,
    AgentVersion,
    RunningTasks,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Operator {
    Equals,
    NotEquals,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Exists,
    NotExists,
    In,
    NotIn,
    Matches,
    NotMatches,
}

impl Operator {
    fn parse(token: &str) -> Option<Self> {
        Some(match token {
            "==" | "equals" => Self::Equals,
            "!=" | "not_equals" => Self::NotEquals,
            ">" | "greater_than" => Self::Greater,
            ">=" | "greater_than_equal" => Self::GreaterOrEqual,
            "<" | "less_than" => Self::Less,
            "<=" | "less_than_equal" => Self::LessOrEqual,
            "exists" => Self::Exists,
            "!exists" | "not_exists" => Self::NotExists,
            "in" => Self::In,
            "!in" | "not_in" => Self::NotIn,
            "=~" | "matches" => Self::Matches,
            "!~" | "not_matches" => Self::NotMatches,
            _ => return None,
        })
    }

    /// The operator without its negation, and true if it negates.
    fn positive(self) -> (Self, bool) {
        match self {
            Self::NotEquals => (Self::Equals, true),
            Self::NotExists => (Self::Exists, true),
            Self::NotIn => (Self::In, true),
            Self::NotMatches => (Self::Matches, true),
            positive => (positive, false),
        }
    }

    fn is_order(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual)
    }
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// An expression that cannot be read, and subjects and operators that are not simulated, by their names.
    pub(in crate::ecs) fn parse(text: &str) -> Result<Self, ApiError> {
        let refuse = |why: String| invalid(format!("Invalid expression '{text}': {why}"));
        let mut tokens = Tokens::of(text).map_err(refuse)?;
        let parsed = tokens.any().map_err(refuse)?;
        match tokens.next() {
            None => Ok(parsed),
            Some(token) => Err(refuse(format!("unexpected '{}'", token.text))),
        }
    }

    pub(in crate::ecs) fn is_met_by(&self, candidate: &Candidate<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.is_met_by(candidate)),
            Self::Any(parts) => parts.iter().any(|part| part.is_met_by(candidate)),
            Self::Not(inner) => !inner.is_met_by(candidate),
            Self::Test { subject, operator, arguments, pattern } => {
                let (operator, is_negated) = operator.positive();
                let values = candidate.values(subject);
                let holds = values.iter().any(|value| test(operator, value, arguments, pattern.as_ref()));
                holds != is_negated
            }
        }
    }
}

fn test(operator: Operator, value: &str, arguments: &[String], pattern: Option<&Regex>) -> bool {
    let argument = || arguments.first().map(String::as_str).unwrap_or_default();
    let order = || Some(version(value)?.cmp(&version(argument())?));
    match operator {
        Operator::Exists => true,
        Operator::In => arguments.iter().any(|argument| argument == value),
        Operator::Matches => pattern.is_some_and(|pattern| pattern.is_match(value)),
        Operator::Greater => order().is_some_and(|order| order.is_gt()),
        Operator::GreaterOrEqual => order().is_some_and(|order| order.is_ge()),
        Operator::Less => order().is_some_and(|order| order.is_lt()),
        Operator::LessOrEqual => order().is_some_and(|order| order.is_le()),
        _ => value == argument(),
    }
}

/// The parts of a number or of a version.
fn version(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    is_quoted: bool,
}

struct Tokens(std::iter::Peekable<std::vec::IntoIter<Token>>);

/// The symbols, the longer ones first.
const SYMBOLS: [&str; 15] =
    ["==", "!=", "=~", "!~", ">=", "<=", "&&", "||", ">", "<", "!", "(", ")", "[", "]"];

impl Tokens {
    fn of(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, length) = if matches!(first, '"' | '\'') {
                let end = rest[1..].find(first).ok_or("a quotation does not end")?;
                (Token { text: rest[1..=end].to_owned(), is_quoted: true }, end + 2)
            } else {
                let length = symbol(rest).map_or_else(|| word(rest), str::len);
                (Token { text: rest[..length].to_owned(), is_quoted: false }, length)
            };
            tokens.push(token);
            rest = rest[length..].trim_start();
        }
        Ok(Self(tokens.into_iter().peekable()))
    }

    fn next(&mut self) -> Option<Token> {
        self.0.next()
    }

    /// Takes the next token if it is one of `texts`.
    fn take(&mut self, texts: &[&str]) -> bool {
        self.0.next_if(|token| !token.is_quoted && texts.contains(&token.text.as_str())).is_some()
    }

    fn any(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.all()?];
        while self.take(&["or", "||"]) {
            parts.push(self.all()?);
        }
        Ok(Expression::Any(parts))
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.one()?];
        while self.take(&["and", "&&"]) {
            parts.push(self.one()?);
        }
        Ok(Expression::All(parts))
    }

    fn one(&mut self) -> Result<Expression, String> {
        if self.take(&["not", "!"]) {
            return Ok(Expression::Not(Box::new(self.one()?)));
        }
        if self.take(&["("]) {
            let inner = self.any()?;
            return if self.take(&[")"]) { Ok(inner) } else { Err("')' is missing".to_owned()) };
        }
        self.test()
    }

    fn test(&mut self) -> Result<Expression, String> {
        let subject = self.next().ok_or("a subject is missing")?.text;
        let subject = match subject.split_once(':') {
            Some(("attribute", name)) if !name.is_empty() => Subject::Attribute(name.to_owned()),
            _ => match subject.as_str() {
                "task:group" => Subject::TaskGroup,
                "ec2InstanceId" => Subject::Ec2InstanceId,
                "agentConnected" => Subject::AgentConnected,
                "agentVersion" => Subject::AgentVersion,
                "runningTasksCount" => Subject::RunningTasks,
                other => {
                    return Err(format!("the simulated cloud does not simulate the subject {other}"));
                }
            },
        };
        let mut name = self.next().ok_or("an operator is missing")?.text;
        if name == "!" {
            name += &self.next().ok_or("an operator is missing")?.text;
        }
        let operator = Operator::parse(&name).ok_or_else(|| format!("unknown operator {name}"))?;
        if operator.is_order() && !matches!(subject, Subject::AgentVersion | Subject::RunningTasks) {
            return Err(format!("the simulated cloud does not simulate the operator {name} of this subject"));
        }
        let arguments = self.arguments(operator)?;
        let pattern = match operator {
            Operator::Matches | Operator::NotMatches => {
                let pattern = format!("^(?:{})$", arguments.first().map(String::as_str).unwrap_or_default());
                Some(Regex::new(&pattern).map_err(|error| error.to_string())?)
            }
            _ => None,
        };
        Ok(Expression::Test { subject, operator, arguments, pattern })
    }

    fn arguments(&mut self, operator: Operator) -> Result<Vec<String>, String> {
        match operator.positive().0 {
            Operator::Exists => Ok(Vec::new()),
            Operator::In => self.list(),
            _ => Ok(vec![self.next().ok_or("an argument is missing")?.text]),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        if !self.take(&["["]) {
            return Err("a list such as [a, b] is missing".to_owned());
        }
        let mut items = Vec::new();
        loop {
            if self.take(&["]"]) {
                return Ok(items);
            }
            if self.take(&[","]) {
                continue;
            }
            items.push(self.next().ok_or("']' is missing")?.text);
        }
    }
}

fn symbol(text: &str) -> Option<&'static str> {
    SYMBOLS.into_iter().chain([","]).find(|symbol| text.starts_with(symbol))
}

/// The length of the word at the beginning of `text`. A symbol ends it, and so does white space.
fn word(text: &str) -> usize {
    let is_end = |(index, c): &(usize, char)| {
        let is_symbol = symbol(&text[*index..]).is_some_and(|symbol| symbol != "!");
        *index > 0 && (c.is_whitespace() || is_symbol)
    };
    text.char_indices().find(is_end).map_or(text.len(), |(index, _)| index)
}
