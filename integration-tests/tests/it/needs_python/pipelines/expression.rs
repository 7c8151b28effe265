//! As much of GitHub's expressions as the examples have: `==`, `!=`, `&&`, texts, dotted names, and `always()`.
//!
//! docs.github.com, "Evaluate expressions in workflows and actions". Whatever else there is panics, so that an example
//! cannot mean one thing here and another there.

/// The values and functions that expressions refer to.
pub(super) trait Scope {
    /// The value of a dotted name, or of a call without arguments. Like GitHub, what is not there is empty.
    fn value(&self, name: &str) -> String;
}

/// A text in which `${{ … }}` stands for values.
pub(super) fn fill(text: &str, scope: &dyn Scope) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").unwrap_or_else(|| panic!("not closed: {text}"));
        filled.push_str(before);
        filled.push_str(&term(expression.trim(), scope));
        rest = after;
    }
    filled + rest
}

/// Returns true if the condition `if` holds.
pub(super) fn holds(condition: &str, scope: &dyn Scope) -> bool {
    condition.split("&&").map(str::trim).all(|clause| {
        if let Some((left, right)) = clause.split_once("==") {
            term(left.trim(), scope) == term(right.trim(), scope)
        } else if let Some((left, right)) = clause.split_once("!=") {
            term(left.trim(), scope) != term(right.trim(), scope)
        } else {
            term(clause, scope) == "true"
        }
    })
}

fn term(text: &str, scope: &dyn Scope) -> String {
    if let Some(text) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return text.to_owned();
    }
    let name = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    assert!(text.strip_suffix("()").unwrap_or(text).chars().all(name), "not understood: {text}");
    scope.value(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Scope for &[(&str, &str)] {
        fn value(&self, name: &str) -> String {
            self.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
                .unwrap_or_default()
        }
    }

    #[test]
    fn conditions_and_texts() {
        let scope: &[(&str, &str)] = &[("inputs.command", "plan"), ("always()", "true")];
        for (condition, expected) in [
            ("inputs.command == 'plan'", true),
            ("inputs.command != 'plan'", false),
            ("inputs.nothing == ''", true),
            ("always() && inputs.command == 'deploy'", false),
            ("always() && inputs.command == 'plan' && inputs.nothing != 'a'", true),
        ] {
            assert_eq!(holds(condition, &scope), expected, "{condition}");
        }
        assert_eq!(fill("a ${{ inputs.command }}-${{ inputs.nothing }}b", &scope), "a plan-b");
    }
}
