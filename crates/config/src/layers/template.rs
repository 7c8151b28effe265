//! Environment variables in the text of a JSON document: `{{ must_env "TAG" }}` and `{{ env "TAG" "latest" }}`, as
//! ecspresso has them.

use std::str::CharIndices;

use serde_json::Value;

/// A fault of a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The offset of its `{{`, in bytes.
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) help: String,
}

/// Replaces the templates in `text`, in which `lookup` finds the variables. A value in a text of the document becomes a part of
/// this text, whatever characters it has; elsewhere it is a number, `true`, `false` or `null`.
///
/// # Errors
/// All faults.
pub(super) fn fill_in(text: &str, lookup: &dyn Fn(&str) -> Lookup) -> Result<String, Vec<Fault>> {
    let (mut filled, mut faults) = (String::with_capacity(text.len()), Vec::new());
    let mut is_text = false;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        // Docker's log tags are templates, too, and theirs begin with a dot.
        let is_dotted = || text[at + 2..].trim_start_matches(['-', ' ']).starts_with('.');
        if !text[at..].starts_with("{{") || is_dotted() {
            filled.push(c);
            match c {
                '"' => is_text = !is_text,
                '\\' if is_text => filled.extend(characters.next().map(|(_, c)| c)),
                _ => {}
            }
            continue;
        }
        let fault = |(message, help): (String, String)| Fault { offset: at, message, help };
        let Some(length) = end(&text[at..]) else {
            faults.push(fault((
                "has no closing `}}`".to_owned(),
                "a template is `{{ must_env \"NAME\" }}`".to_owned(),
            )));
            break;
        };
        match value(&text[at + 2..at + length - 2], lookup).and_then(|value| written(&value, is_text)) {
            Ok(value) => filled.push_str(&value),
            Err(found) => faults.push(fault(found)),
        }
        skip_to(&mut characters, text.len() - at - length);
    }
    if faults.is_empty() { Ok(filled) } else { Err(faults) }
}

/// A variable of the environment, as a template sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Its value.
    Value(String),
    /// It is not set.
    Unset,
    /// It holds a secret, which a definition has no place for.
    Secret,
}

fn skip_to(characters: &mut CharIndices<'_>, left: usize) {
    while characters.as_str().len() > left {
        characters.next();
    }
}

/// The length of the template that `text` begins with: up to the first `}}` outside quotes.
fn end(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| match (quote, c) {
        (None, '"' | '`') => {
            quote = Some(c);
            None
        }
        (Some(open), c) if open == c => {
            quote = None;
            None
        }
        (None, '}') if text[at..].starts_with("}}") => Some(at + 2),
        _ => None,
    })
}

/// The value of a template, or what is wrong with it and how to mend that.
fn value(template: &str, lookup: &dyn Fn(&str) -> Lookup) -> Result<String, (String, String)> {
    let template = template.trim_matches('-').trim();
    let help = || "write `{{ must_env \"NAME\" }}` or `{{ env \"NAME\" \"default\" }}`".to_owned();
    // A text alone stands for itself, such as a template for another program.
    if let Some([text]) = quoted(template).as_deref() {
        return Ok((*text).to_owned());
    }
    let (function, arguments) = template.split_once(char::is_whitespace).unwrap_or((template, ""));
    let Some(arguments) = quoted(arguments) else {
        return Err(("is no template that is understood".to_owned(), help()));
    };
    let found = |name: &str| match lookup(name) {
        Lookup::Secret => Err((
            format!("names the variable {name}, which holds a secret of the configuration"),
            "a definition is shown in plans: set `secrets` of the container".to_owned(),
        )),
        found => Ok(found),
    };
    match (function, arguments.as_slice()) {
        ("must_env", [name]) => match found(name)? {
            Lookup::Value(value) => Ok(value),
            _ => Err((
                format!("needs the environment variable {name}, which is not set"),
                format!("set {name}"),
            )),
        },
        ("env", [name, default @ ..]) if default.len() <= 1 => match found(name)? {
            Lookup::Value(value) if !value.is_empty() => Ok(value),
            _ => Ok(default.first().copied().unwrap_or_default().to_owned()),
        },
        ("env" | "must_env", _) => Err((format!("has {} arguments", arguments.len()), help())),
        (function, _) => Err((format!("calls `{function}`, which is no function here"), help())),
    }
}

/// The texts in `arguments`, each in double quotes or in backquotes.
fn quoted(arguments: &str) -> Option<Vec<&str>> {
    let mut rest = arguments.trim();
    let mut texts = Vec::new();
    while let Some(quote) = rest.chars().next() {
        let inner = rest.strip_prefix(['"', '`'])?;
        let (text, behind) = inner.split_once(quote)?;
        texts.push(text);
        rest = behind.trim_start();
    }
    Some(texts)
}

/// `value` as it stands in the document, in a text or outside.
fn written(value: &str, is_text: bool) -> Result<String, (String, String)> {
    if is_text {
        let quoted = Value::from(value).to_string();
        return Ok(quoted[1..quoted.len() - 1].to_owned());
    }
    match serde_json::from_str::<Value>(value) {
        Ok(Value::Number(_) | Value::Bool(_) | Value::Null) => Ok(value.trim().to_owned()),
        _ => Err((
            "stands outside a text, and its value is neither a number nor `true`, `false` or `null`"
                .to_owned(),
            "put it into double quotes".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Lookup {
        match name {
            "TAG" => Lookup::Value("1.2".to_owned()),
            "CPU" => Lookup::Value("256".to_owned()),
            "ODD" => Lookup::Value("a\"b\\c\n}}".to_owned()),
            "TOKEN" => Lookup::Secret,
            _ => Lookup::Unset,
        }
    }

    #[test]
    fn variables_stand_in_texts_and_for_numbers() {
        for (text, filled) in [
            (r#"{"image": "a:{{ must_env "TAG" }}"}"#, r#"{"image": "a:1.2"}"#),
            (r#"["{{ env `TAG` `x` }}", "{{env "NONE" "x"}}", "{{- env "NONE" -}}"]"#, r#"["1.2", "x", ""]"#),
            (r#"{"cpu": {{ must_env "CPU" }}}"#, r#"{"cpu": 256}"#),
            (r#"["{{ must_env "ODD" }}"]"#, r#"["a\"b\\c\n}}"]"#),
            (r#"["{{.Name}}/{{ .ID }}", "{{ `{{.Name}}` }}"]"#, r#"["{{.Name}}/{{ .ID }}", "{{.Name}}"]"#),
            (r#"["\"{{ env "NONE" "}}" }}"]"#, r#"["\"}}"]"#),
        ] {
            assert_eq!(fill_in(text, &lookup).as_deref(), Ok(filled), "{text}");
        }
    }

    #[test]
    fn faults_of_templates_name_no_values() {
        let all = [
            "{{ must_env \"NONE\" }}",
            "\"{{ must_env \"TOKEN\" }}\"",
            "{{ tfstate `aws_ecs.arn` }}",
            "{{ must_env NONE }}",
            "{{ must_env }}",
            "{{ must_env \"TAG\"",
            "{{ must_env \"ODD\" }}",
        ];
        let faults = all.map(|text| format!("{text}\n{:#?}", fill_in(text, &lookup).map(drop).unwrap_err()));
        insta::assert_snapshot!(faults.join("\n\n"));
    }
}
