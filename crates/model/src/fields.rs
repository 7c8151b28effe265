//! Reading a table of the configuration, and collecting everything that is wrong with it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use serde_json::{Map, Value};

use crate::{
    Name, Options, Problem, Reference, Text,
    amount::{TIME, Time},
    closest,
    key::{join_key, split_key},
    secrecy::{hides, holds_a_token},
};

/// The form of names, for errors.
pub const NAME: &str =
    "at most 63 letters, digits, hyphens and underscores, beginning with a letter or digit";

/// Returns true if `text` has 1 to `length` characters, each an ASCII letter, a digit or one of `others`.
#[must_use]
pub fn consists_of(text: &str, others: &str, length: usize) -> bool {
    (1..=length).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// A table that is being read. Each accessor takes one field. If the field is wrong, the accessor records a [`Problem`]
/// and returns nothing. [`Fields::finish`] records the fields that no accessor took. A problem does not repeat a value
/// that may be a secret, going by its key or its look.
pub struct Fields<'a> {
    key: String,
    prefix: String,
    values: &'a Map<String, Value>,
    directories: &'a BTreeMap<String, PathBuf>,
    problems: &'a RefCell<Vec<Problem>>,
    taken: BTreeSet<String>,
    pub(crate) known: Vec<String>,
}

impl<'a> Fields<'a> {
    /// Reads `values`, which stand at the dotted `key` (empty for the whole configuration).
    pub fn new(
        key: &str,
        values: &'a Map<String, Value>,
        directories: &'a BTreeMap<String, PathBuf>,
        problems: &'a RefCell<Vec<Problem>>,
    ) -> Self {
        Self {
            key: key.to_owned(),
            prefix: String::new(),
            values,
            directories,
            problems,
            taken: BTreeSet::new(),
            known: Vec::new(),
        }
    }

    /// The dotted key of `field` in the whole configuration.
    #[must_use]
    pub fn key_of(&self, field: &str) -> String {
        join_key(&self.key, field)
    }

    /// The table's own dotted key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Notes that something is wrong with `field`.
    pub fn problem(&self, field: &str, message: impl Into<String>, help: impl Into<String>) {
        let key = if field.is_empty() { self.key.clone() } else { self.key_of(field) };
        self.problems.borrow_mut().push(Problem::new(key, message).help(help));
    }

    /// Notes that something is wrong at `path`, in the tables below this one.
    pub fn problem_below(&self, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let key = path.iter().fold(self.key.clone(), |key, field| join_key(&key, field));
        self.problems.borrow_mut().push(Problem::new(key, message).help(help));
    }

    /// Notes that the value of `field` is not what is `wanted`, and what it is.
    pub fn refuse(&self, field: &str, wanted: &str) {
        self.wrong_type(field, self.values.get(field).unwrap_or(&Value::Null), wanted);
    }

    fn take(&mut self, field: &str) -> Option<&'a Value> {
        self.taken.insert(field.to_owned());
        self.values.get(field)
    }

    fn wrong_type(&self, field: &str, found: &Value, wanted: &str) {
        self.problem(field, format!("found {}", self.describe(field, found)), format!("must be {wanted}"));
    }

    /// Returns true if `field` is there. The caller knows the field, so it is named among those that can be set.
    #[must_use]
    pub fn has(&mut self, field: &str) -> bool {
        self.known.push(field.to_owned());
        self.values.contains_key(field)
    }

    /// The names of all fields, for a table that is keyed by names which people choose.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.values.keys().cloned().collect()
    }

    /// The value of `field`, without taking it: for a field that may be of several types.
    #[must_use]
    pub fn peek(&self, field: &str) -> Option<&'a Value> {
        self.values.get(field)
    }

    /// Takes `field` without reading it, because what is wrong with it has been noted already.
    pub fn skip(&mut self, field: &str) {
        self.taken.insert(field.to_owned());
    }

    /// A text.
    pub fn text(&mut self, field: &str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) => Some(text.clone()),
            // An environment variable or a flag that looks like a number was meant as it is written.
            Value::Number(_) | Value::Bool(_)
                if !self.directories.contains_key(&join_key(&self.prefix, field)) =>
            {
                self.values.get(field).map(ToString::to_string)
            }
            other => {
                self.wrong_type(field, other, "a text, in quotes");
                None
            }
        }
    }

    /// A text, or a reference to a step's output in its place.
    pub fn text_or_reference(&mut self, field: &str) -> Option<Text> {
        if let Some(reference) = self.peek(field).and_then(Reference::of) {
            self.skip(field);
            return Some(Text::Reference(reference));
        }
        self.text(field).map(Text::Literal)
    }

    /// A text that has to be there and must not be empty; `example` says what would be right.
    pub fn required_text(&mut self, field: &str, example: &str) -> Option<String> {
        if !self.has(field) {
            self.taken.insert(field.to_owned());
            self.problem(field, "is missing", format!("set it, for example to {example}"));
            return None;
        }
        let text = self.text(field)?;
        if text.is_empty() {
            self.problem(field, "is empty", format!("set it, for example to {example}"));
            return None;
        }
        Some(text)
    }

    /// A text that is parsed.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, field: &str, wanted: &str) -> Option<T> {
        let text = self.text(field)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let message =
                    if self.must_hide(field, &text) { "found a text".to_owned() } else { error.to_string() };
                self.problem(field, message, format!("must be {wanted}"));
                None
            }
        }
    }

    /// A text that `accepts` accepts; `wanted` says what would be right.
    pub fn accepted(&mut self, field: &str, accepts: impl Fn(&str) -> bool, wanted: &str) -> Option<String> {
        let text = self.text(field)?;
        if accepts(&text) {
            return Some(text);
        }
        self.refuse(field, wanted);
        None
    }

    /// The key `field` as a name, in a table that is keyed by names which people choose. One that is no name is noted, and
    /// taken.
    pub fn name_of(&mut self, field: &str) -> Option<Name> {
        let name = Name::new(field).ok();
        if name.is_none() {
            self.skip(field);
            self.problem(field, "is not a name", format!("must be {NAME}"));
        }
        name
    }

    /// A time of whole seconds, up to a month: `90s`, `15m`, `1h30m`.
    pub fn time(&mut self, field: &str) -> Option<Duration> {
        Some(self.parsed::<Time>(field, TIME)?.0)
    }

    /// The directory of the file that set `field`, against which relative paths are resolved; otherwise the working
    /// directory.
    #[must_use]
    pub fn directory_of(&self, field: &str) -> &Path {
        self.directories.get(&join_key(&self.prefix, field)).map_or(Path::new(""), PathBuf::as_path)
    }

    /// One of a few texts, with what it stands for.
    pub fn choice<T: Copy>(&mut self, field: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(field)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.wrong_type(field, &Value::String(text), &format!("one of {}", names.join(", ")));
        }
        found
    }

    /// A whole number within `range`.
    pub fn number(&mut self, field: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let value = self.take(field)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let wanted = match (range.start(), range.end()) {
                    (start, &u32::MAX) => format!("a whole number of at least {start}"),
                    (start, end) => format!("a whole number from {start} to {end}"),
                };
                self.wrong_type(field, value, &wanted);
                None
            }
        }
    }

    /// A number above zero, with or without decimals.
    pub fn positive(&mut self, field: &str) -> Option<f64> {
        let value = self.take(field)?;
        let number = value.as_f64().filter(|number| number.is_finite() && *number > 0.0);
        if number.is_none() {
            self.wrong_type(field, value, "a number above 0");
        }
        number
    }

    /// A yes or no.
    pub fn flag(&mut self, field: &str) -> Option<bool> {
        let value = self.take(field)?;
        if value.as_bool().is_none() {
            self.wrong_type(field, value, "true or false");
        }
        value.as_bool()
    }

    /// A list of texts.
    pub fn texts(&mut self, field: &str) -> Option<Vec<String>> {
        let value = self.take(field)?;
        let texts = value.as_array().and_then(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()
        });
        if texts.is_none() {
            self.wrong_type(field, value, "a list of texts, such as [\"a\", \"b\"]");
        }
        texts
    }

    /// A list of texts, or of references to steps' outputs in their place.
    pub fn texts_or_references(&mut self, field: &str) -> Option<Vec<Text>> {
        let value = self.take(field)?;
        let text =
            |item: &Value| Reference::of(item).map(Text::Reference).or_else(|| item.as_str().map(Text::from));
        let texts = value.as_array().and_then(|items| items.iter().map(text).collect::<Option<_>>());
        if texts.is_none() {
            self.wrong_type(field, value, "a list of texts, such as [\"a\", \"b\"]");
        }
        texts
    }

    /// A path; a relative one counts from the directory of the file that set it, with `~/` as the home directory.
    pub fn path(&mut self, field: &str) -> Option<PathBuf> {
        let text = self.text(field)?;
        if text.is_empty() {
            self.problem(field, "is empty", "must be a path");
            return None;
        }
        let path = match (text.strip_prefix("~/"), std::env::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(text),
        };
        Some(self.directory_of(field).join(path))
    }

    /// A table, read with `read`. A table that is not there answers with nothing.
    pub fn table<T>(&mut self, field: &str, read: impl FnOnce(&mut Fields<'a>) -> Option<T>) -> Option<T> {
        let value = self.take(field)?;
        let Some(values) = value.as_object() else {
            self.wrong_type(field, value, "a table");
            return None;
        };
        let mut fields = Fields {
            key: self.key_of(field),
            prefix: join_key(&self.prefix, field),
            values,
            directories: self.directories,
            problems: self.problems,
            taken: BTreeSet::new(),
            known: self.known_below(field),
        };
        let result = read(&mut fields);
        fields.finish();
        result
    }

    /// The keys that others read in the table `field`.
    fn known_below(&self, field: &str) -> Vec<String> {
        let inside = join_key("", field) + ".";
        self.known.iter().filter_map(|key| key.strip_prefix(&inside)).map(str::to_owned).collect()
    }

    /// The values of `fields`, as options of a plugin that reads them; they are then taken.
    pub fn part(&mut self, fields: &[&str]) -> Options {
        let mut part = self.rest_among(|field| fields.contains(&field));
        part.known = fields.iter().map(|&field| field.to_owned()).collect();
        part
    }

    /// Returns the fields that no accessor has taken, as the options of a plugin. They are then taken.
    pub fn rest(&mut self) -> Options {
        let known = self.taken.iter().chain(&self.known).cloned().collect();
        let taken = self.values.iter().filter(|(field, _)| self.taken.contains(*field));
        let taken = taken.map(|(field, value)| (field.clone(), value.clone())).collect();
        Options { known, taken, ..self.rest_among(|_| true) }
    }

    fn rest_among(&mut self, is_meant: impl Fn(&str) -> bool) -> Options {
        let values: Map<_, _> = self
            .values
            .iter()
            .filter(|(field, _)| is_meant(field) && !self.taken.contains(*field))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        self.taken.extend(values.keys().cloned());
        let inside = if self.prefix.is_empty() { String::new() } else { format!("{}.", self.prefix) };
        let directories = self
            .directories
            .range(inside.clone()..)
            .map_while(|(key, directory)| Some((key.strip_prefix(&inside)?.to_owned(), directory.clone())))
            .collect();
        Options { key: self.key.clone(), values, directories, ..Options::default() }
    }

    /// Records the fields that no accessor took as unknown.
    pub(crate) fn finish(&mut self) {
        let unread: Vec<_> = self.values.keys().filter(|field| !self.taken.contains(*field)).collect();
        for field in unread {
            // Others have read a part of the table: the rest of it is unknown, not the table.
            if !self.known_below(field).is_empty() {
                self.table(field, |_| Some(()));
                continue;
            }
            let here = self.known.iter().filter(|key| split_key(key).len() == 1);
            let known: BTreeSet<_> = self.taken.iter().chain(here).map(String::as_str).collect();
            let help = match closest(field, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if known.is_empty() => "nothing can be set here".to_owned(),
                None => format!("known here: {}", Vec::from_iter(known).join(", ")),
            };
            self.problem(field, "unknown key", help);
        }
    }

    /// Ends the reading of the outermost table: records the fields that no accessor took as unknown.
    pub fn done(mut self) {
        self.finish();
    }

    fn must_hide(&self, field: &str, text: &str) -> bool {
        hides(&self.key, field) || holds_a_token(text)
    }

    /// A value as an error shows it. Long texts are not repeated, nor what may be a secret.
    fn describe(&self, field: &str, value: &Value) -> String {
        match value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("{value}"),
            Value::Number(_) if hides(&self.key, field) => "a number".to_owned(),
            Value::Number(number) => format!("the number {number}"),
            Value::String(text) if self.must_hide(field, text) => "a text".to_owned(),
            Value::String(text) if text.chars().count() <= 60 => format!("the text \"{text}\""),
            Value::String(_) => "a long text".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a table".to_owned(),
        }
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").field("key", &self.key).field("taken", &self.taken).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn options(values: Value) -> Options {
        Options {
            key: "registries.ghcr".to_owned(),
            values: values.as_object().unwrap().clone(),
            directories: [("token.file".to_owned(), PathBuf::from("/etc/longshore"))].into(),
            ..Options::default()
        }
    }

    #[test]
    fn collects_every_problem_of_one_run() {
        let options = options(
            json!({"usrname": "x", "token": {"evn": "A", "file": 3}, "port": 70000, "rate": 0, "on": "yes"}),
        );
        let problems = options
            .read(|fields| {
                fields.required_text("username", "`acme`");
                fields.number("port", 1..=65535);
                fields.positive("rate");
                fields.flag("on");
                fields.table("token", |token| {
                    token.text("env");
                    token.path("file");
                    Some(())
                })
            })
            .unwrap_err();
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        registries.ghcr.username: is missing (set it, for example to `acme`)
        registries.ghcr.port: found the number 70000 (must be a whole number from 1 to 65535)
        registries.ghcr.rate: found the number 0 (must be a number above 0)
        registries.ghcr.on: found the text "yes" (must be true or false)
        registries.ghcr.token.file: found the number 3 (must be a text, in quotes)
        registries.ghcr.token.evn: unknown key (did you mean `env`?)
        registries.ghcr.usrname: unknown key (did you mean `username`?)
        "#);
    }

    #[test]
    fn never_repeats_what_may_be_a_secret() {
        let options = options(json!({
            "token": "hunter2", "password": "Hunter 2", "secret": 4711, "pool": "ghp_hunter2hunter2", "mode": "hunter2",
        }));
        let problems = options
            .read(|fields| {
                fields.table("token", |_| Some(()));
                fields.parsed::<crate::ImageReference>("password", "an image");
                fields.flag("secret");
                fields.choice("pool", &[("small", 1), ("large", 2)]);
                fields.choice("mode", &[("on", true), ("off", false)])
            })
            .unwrap_err();
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        registries.ghcr.token: found a text (must be a table)
        registries.ghcr.password: found a text (must be an image)
        registries.ghcr.secret: found a number (must be true or false)
        registries.ghcr.pool: found a text (must be one of `small`, `large`)
        registries.ghcr.mode: found the text \"hunter2\" (must be one of `on`, `off`)
        ");
        assert!(!format!("{options:?}").contains("ghp_"), "{options:?}");
    }

    #[test]
    fn the_rest_knows_the_keys_that_were_read_before() {
        let options = options(json!({"use": "ghcr", "hots": "x"}));
        let rest = options
            .read(|fields| {
                fields.text("use");
                fields.text("host");
                Some(fields.rest())
            })
            .unwrap();
        assert_eq!(
            (rest.taken_text("use"), rest.taken_text("host"), rest.taken_text("hots")),
            (Some("ghcr"), None, None)
        );
        let problems = rest.read(|fields| fields.text("username")).unwrap_err();
        assert_eq!(problems[0].to_string(), "registries.ghcr.hots: unknown key (did you mean `host`?)");
    }

    #[test]
    fn rest_of_inner_table_is_read_with_options() {
        let mut outer = options(json!({"aws": {"a": 1}}));
        let inner = Options {
            values: json!({"awz": {"b": 2}}).as_object().unwrap().clone(),
            directories: [("awz.b".to_owned(), PathBuf::from("/etc"))].into(),
            known: vec!["image".to_owned(), "aws".to_owned()],
            ..Options::default()
        };
        outer.nest(&["containers", "web.1"], inner);
        assert!(outer.directories.contains_key("containers.\"web.1\".awz.b"), "{outer:?}");
        let problems = outer
            .read(|fields| {
                fields.skip("aws");
                Some(())
            })
            .unwrap_err();
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["registries.ghcr.containers.\"web.1\".awz: unknown key (did you mean `aws`?)"]);
    }

    #[test]
    fn what_was_asked_for_is_known_where_it_is_not_there() {
        let options = options(json!({"teir": "advanced"}));
        let problems =
            options.read(|fields| if fields.has("tier") { fields.text("tier") } else { None }).unwrap_err();
        assert_eq!(problems[0].to_string(), "registries.ghcr.teir: unknown key (did you mean `tier`?)");
    }

    #[test]
    fn paths_count_from_the_file_that_set_them() {
        let options = options(json!({"token": {"file": "secrets/token", "other": "x"}}));
        let paths = options
            .read(|fields| fields.table("token", |token| Some((token.path("file")?, token.path("other")?))))
            .unwrap();
        assert_eq!(paths, (PathBuf::from("/etc/longshore/secrets/token"), PathBuf::from("x")));
    }
}
