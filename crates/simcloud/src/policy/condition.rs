//! Conditions: operators, set qualifiers and `IfExists`.

use std::net::IpAddr;

use jiff::{Timestamp, civil};

use super::{
    Context,
    pattern::{arn_glob, glob, literal},
};

/// One key of one operator in a statement's `Condition`.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    operator: Operator,
    negated: bool,
    set: Set,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

/// The comparison of a key's values.
#[derive(Clone, Copy, Debug)]
enum Operator {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Arn,
    Bool,
    Binary,
    Null,
    Ip,
    Numeric(Order),
    Date(Order),
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The treatment of a key with several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Plain,
    ForAll,
    ForAny,
}

impl Condition {
    /// `operator` as it stands in the document, such as `ForAnyValue:StringLikeIfExists`; `None` when IAM has no such.
    pub(super) fn new(operator: &str, key: &str, values: Vec<String>) -> Option<Self> {
        let (set, rest) = match operator.split_once(':') {
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAllValues") => (Set::ForAll, rest),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAnyValue") => (Set::ForAny, rest),
            Some(_) => return None,
            None => (Set::Plain, operator),
        };
        let rest = rest.to_ascii_lowercase();
        let (name, if_exists) = match rest.strip_suffix("ifexists") {
            Some(name) => (name, true),
            None => (rest.as_str(), false),
        };
        let (operator, negated) = operator_named(name)?;
        if if_exists && matches!(operator, Operator::Null) {
            return None;
        }
        Some(Self { operator, negated, set, if_exists, key: key.to_owned(), values })
    }

    /// The key, as the document spells it.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Returns true if the condition holds for a request with these keys.
    pub(super) fn holds(&self, context: &Context) -> bool {
        let found = context.get(&self.key).filter(|values| !values.is_empty());
        if let Operator::Null = self.operator {
            return self.values.iter().any(|value| value.eq_ignore_ascii_case("true") == found.is_none());
        }
        let Some(found) = found else {
            return self.if_exists || self.set == Set::ForAll || (self.negated && self.set == Set::Plain);
        };
        let accepted = |value: &String| {
            self.values.iter().any(|wanted| self.operator.compares(wanted, value, context)) != self.negated
        };
        match self.set {
            Set::ForAny => found.iter().any(accepted),
            Set::ForAll => found.iter().all(accepted),
            // A negated operator is the denial of the other one: none of the values may match.
            Set::Plain if self.negated => found.iter().all(accepted),
            Set::Plain => found.iter().any(accepted),
        }
    }
}

fn operator_named(name: &str) -> Option<(Operator, bool)> {
    use Order::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    let order = |rest: &str| {
        Some(match rest {
            "equals" => (Equal, false),
            "notequals" => (Equal, true),
            "lessthan" => (Less, false),
            "lessthanequals" => (LessOrEqual, false),
            "greaterthan" => (Greater, false),
            "greaterthanequals" => (GreaterOrEqual, false),
            _ => return None,
        })
    };
    Some(match name {
        "stringequals" => (Operator::StringEquals, false),
        "stringnotequals" => (Operator::StringEquals, true),
        "stringequalsignorecase" => (Operator::StringEqualsIgnoreCase, false),
        "stringnotequalsignorecase" => (Operator::StringEqualsIgnoreCase, true),
        "stringlike" => (Operator::StringLike, false),
        "stringnotlike" => (Operator::StringLike, true),
        "arnequals" | "arnlike" => (Operator::Arn, false),
        "arnnotequals" | "arnnotlike" => (Operator::Arn, true),
        "bool" => (Operator::Bool, false),
        "binaryequals" => (Operator::Binary, false),
        "null" => (Operator::Null, false),
        "ipaddress" => (Operator::Ip, false),
        "notipaddress" => (Operator::Ip, true),
        _ => match (name.strip_prefix("numeric"), name.strip_prefix("date")) {
            (Some(rest), _) => order(rest).map(|(order, negated)| (Operator::Numeric(order), negated))?,
            (_, Some(rest)) => order(rest).map(|(order, negated)| (Operator::Date(order), negated))?,
            _ => return None,
        },
    })
}

impl Operator {
    fn compares(self, wanted: &str, found: &str, context: &Context) -> bool {
        match self {
            Self::StringEquals => literal(wanted, context).is_some_and(|wanted| wanted == found),
            Self::StringEqualsIgnoreCase => {
                literal(wanted, context).is_some_and(|wanted| wanted.eq_ignore_ascii_case(found))
            }
            Self::StringLike => glob(wanted, found, context),
            Self::Arn => arn_glob(wanted, found, context),
            Self::Bool => wanted.eq_ignore_ascii_case(found),
            Self::Binary => wanted == found,
            Self::Null => false,
            Self::Ip => in_network(wanted, found),
            Self::Numeric(order) => match (found.parse::<f64>(), wanted.parse::<f64>()) {
                (Ok(found), Ok(wanted)) => order.holds(found, wanted),
                _ => false,
            },
            Self::Date(order) => match (seconds(found), seconds(wanted)) {
                (Some(found), Some(wanted)) => order.holds(found, wanted),
                _ => false,
            },
        }
    }
}

impl Order {
    fn holds(self, found: f64, wanted: f64) -> bool {
        match self {
            Self::Equal => (found - wanted).abs() < f64::EPSILON,
            Self::Less => found < wanted,
            Self::LessOrEqual => found <= wanted,
            Self::Greater => found > wanted,
            Self::GreaterOrEqual => found >= wanted,
        }
    }
}

/// A moment in one of the forms that IAM takes: ISO 8601, a bare date, or epoch seconds.
fn seconds(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return Some(number);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_millisecond() as f64 / 1000.0);
    }
    let date: civil::Date = text.parse().ok()?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second() as f64)
}

/// Returns true if an address lies in a CIDR block or is the address itself.
fn in_network(network: &str, address: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let Some(length) = length else { return false };
    match (base.parse(), address.parse()) {
        (Ok(IpAddr::V4(base)), Ok(IpAddr::V4(address))) => {
            let shift = 32 - length.min(32);
            u64::from(base.to_bits()) >> shift == u64::from(address.to_bits()) >> shift
        }
        (Ok(IpAddr::V6(base)), Ok(IpAddr::V6(address))) => match 128 - length.min(128) {
            128 => true,
            shift => base.to_bits() >> shift == address.to_bits() >> shift,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, wanted: &[&str], found: Option<&[&str]>) -> bool {
        let mut context = Context::new();
        if let Some(found) = found {
            context.insert("k", found.iter().map(|value| (*value).to_owned()).collect());
        }
        let wanted = wanted.iter().map(|value| (*value).to_owned()).collect();
        Condition::new(operator, "K", wanted).expect("a known operator").holds(&context)
    }

    #[test]
    fn a_missing_key_fails_unless_negated_or_if_exists() {
        assert!(!holds("StringEquals", &["a"], None));
        assert!(holds("StringNotEquals", &["a"], None));
        assert!(holds("StringEqualsIfExists", &["a"], None));
        assert!(holds("ForAllValues:StringEquals", &["a"], None));
        assert!(!holds("ForAnyValue:StringEquals", &["a"], None));
        assert!(holds("Null", &["true"], None));
        assert!(!holds("Null", &["false"], None));
        assert!(holds("Null", &["false"], Some(&["x"])));
    }

    #[test]
    fn sets_need_all_or_any() {
        assert!(holds("ForAllValues:StringLike", &["a*", "b"], Some(&["ax", "b"])));
        assert!(!holds("ForAllValues:StringLike", &["a*"], Some(&["ax", "b"])));
        assert!(holds("ForAnyValue:StringLike", &["a*"], Some(&["ax", "b"])));
        assert!(!holds("StringNotEquals", &["a", "b"], Some(&["b"])));
    }

    #[test]
    fn numbers_dates_addresses_and_flags() {
        assert!(holds("NumericLessThanEquals", &["10"], Some(&["10"])));
        assert!(!holds("NumericLessThan", &["10"], Some(&["10"])));
        assert!(holds("DateGreaterThan", &["2026-01-01T00:00:00Z"], Some(&["2026-01-02"])));
        assert!(holds("DateLessThan", &["1767225601"], Some(&["2026-01-01T00:00:00Z"])));
        assert!(holds("IpAddress", &["10.0.0.0/8"], Some(&["10.2.3.4"])));
        assert!(holds("NotIpAddress", &["10.0.0.0/8"], Some(&["11.2.3.4"])));
        assert!(holds("IpAddress", &["0.0.0.0/0"], Some(&["11.2.3.4"])));
        assert!(holds("Bool", &["true"], Some(&["True"])));
    }

    #[test]
    fn unknown_operators_are_none() {
        for operator in ["StringSame", "ForSomeValues:StringEquals", "NumericNear", "NullIfExists"] {
            assert!(Condition::new(operator, "k", Vec::new()).is_none(), "{operator}");
        }
    }
}
