//! The tables, read.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::OnceLock};

use crate::facts::{Facts, Fixed};

/// The shapes of one API.
#[derive(Debug, Default)]
pub struct Model {
    operations: BTreeMap<&'static str, &'static str>,
    shapes: BTreeMap<&'static str, Definition>,
    fixed: Fixed,
}

/// A shape by its definition.
#[derive(Debug)]
pub(crate) enum Definition {
    Boolean,
    Integer(Bounds),
    Number,
    Timestamp,
    Text { length: Bounds, values: Vec<&'static str> },
    List { item: &'static str, length: Bounds },
    Map { value: &'static str },
    Structure { members: BTreeMap<&'static str, Declared>, is_union: bool },
    Document,
}

/// The least and the greatest number, or length.
pub(crate) type Bounds = RangeInclusive<i64>;

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) shape: &'static str,
    pub(crate) is_required: bool,
    pub(crate) is_deprecated: bool,
    pub(crate) deploys: bool,
    pub(crate) documentation: &'static str,
    pub(crate) facts: Option<Facts>,
}

/// A shape of a model.
#[derive(Clone, Copy)]
pub struct Shape<'a> {
    pub(crate) model: &'a Model,
    pub(crate) name: &'a str,
    /// The facts of the member that has this shape.
    pub(crate) facts: Option<&'a Facts>,
}

/// A member of a structure.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its shape.
    pub shape: Shape<'a>,
    /// True if AWS refuses a structure without it.
    pub is_required: bool,
    /// True if AWS advises against it.
    pub is_deprecated: bool,
    /// True if a change of it begins a new deployment of the service.
    pub deploys: bool,
    /// The first sentence of its documentation.
    pub documentation: &'a str,
}

impl Model {
    /// The model of Amazon ECS.
    #[must_use]
    pub fn ecs() -> &'static Self {
        static MODEL: OnceLock<Model> = OnceLock::new();
        MODEL.get_or_init(|| Self::of(include_str!("../shapes/ecs.txt"), include_str!("../facts/ecs.txt")))
    }

    /// The model of Application Auto Scaling.
    #[must_use]
    pub fn application_autoscaling() -> &'static Self {
        static MODEL: OnceLock<Model> = OnceLock::new();
        MODEL.get_or_init(|| {
            let facts = include_str!("../facts/application-autoscaling.txt");
            Self::of(include_str!("../shapes/application-autoscaling.txt"), facts)
        })
    }

    fn of(shapes: &'static str, facts: &'static str) -> Self {
        let model = Self::parse(shapes, facts);
        model.unwrap_or_else(|line| unreachable!("a table of this crate has the line `{line}`"))
    }

    /// Reads a table and its facts.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub(crate) fn parse(shapes: &'static str, facts: &'static str) -> Result<Self, &'static str> {
        let mut model = Self::default();
        let mut open: Option<(&'static str, Definition)> = None;
        for line in shapes.lines().filter(|line| !line.starts_with('#')) {
            if let Some(member) = line.strip_prefix("  ") {
                let Some((_, Definition::Structure { members, .. })) = &mut open else { return Err(line) };
                let (name, declared) = Declared::parse(member).ok_or(line)?;
                members.insert(name, declared);
                continue;
            }
            model.shapes.extend(open.take());
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["operation", operation, input] => {
                    model.operations.insert(operation, input);
                }
                [kind, name, rest @ ..] => {
                    open = Some((name, Definition::parse(kind, rest).ok_or(line)?));
                }
                _ => return Err(line),
            }
        }
        model.shapes.extend(open);
        let (facts, fixed) = Facts::parse(facts)?;
        model.fixed = fixed;
        for (of, facts) in facts {
            let structure =
                of.split_once('.').and_then(|(name, member)| Some((model.shapes.get_mut(name)?, member)));
            let Some((Definition::Structure { members, .. }, member)) = structure else { return Err(of) };
            members.get_mut(member).ok_or(of)?.facts = Some(facts);
        }
        Ok(model)
    }

    /// Returns the input of `operation`, or `None` if the table leaves it out.
    #[must_use]
    pub fn input(&self, operation: &str) -> Option<Shape<'_>> {
        let name = self.operations.get(operation)?;
        Some(Shape { model: self, name, facts: None })
    }

    /// Returns the shape `name`, such as `ContainerDefinition`.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<Shape<'_>> {
        let (name, _) = self.shapes.get_key_value(name)?;
        Some(Shape { model: self, name, facts: None })
    }

    /// Returns the members of `operation`'s input that no later operation changes.
    #[must_use]
    pub fn fixed(&self, operation: &str) -> &[&'static str] {
        self.fixed.get(operation).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn definition(&self, name: &str) -> &Definition {
        self.shapes.get(name).unwrap_or(&Definition::Document)
    }

    /// The names of all shapes.
    #[cfg(test)]
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.shapes.keys().copied().collect()
    }
}

impl Definition {
    fn parse(kind: &str, rest: &[&'static str]) -> Option<Self> {
        let (bounds, rest) = match rest.last() {
            Some(last) if last.contains("..") && kind != "string" => (bounds(last)?, &rest[..rest.len() - 1]),
            _ => (i64::MIN..=i64::MAX, rest),
        };
        Some(match (kind, rest) {
            ("boolean", []) => Self::Boolean,
            ("integer" | "long", []) => Self::Integer(bounds),
            ("float" | "double", []) => Self::Number,
            ("timestamp", []) => Self::Timestamp,
            ("string", [first, values @ ..]) if first.contains("..") => {
                Self::Text { length: self::bounds(first)?, values: values.to_vec() }
            }
            ("string", values) => Self::Text { length: bounds, values: values.to_vec() },
            ("list", [item]) => Self::List { item, length: bounds },
            ("map", [_, value]) => Self::Map { value },
            ("structure" | "union", []) => {
                Self::Structure { members: BTreeMap::new(), is_union: kind == "union" }
            }
            ("document", []) => Self::Document,
            _ => return None,
        })
    }
}

fn bounds(text: &str) -> Option<Bounds> {
    let (least, most) = text.split_once("..")?;
    let bound = |text: &str, none: i64| if text.is_empty() { Some(none) } else { text.parse().ok() };
    Some(bound(least, i64::MIN)?..=bound(most, i64::MAX)?)
}

impl Declared {
    fn parse(line: &'static str) -> Option<(&'static str, Self)> {
        let (name, rest) = line.split_once(' ')?;
        let (shape, documentation) = rest.split_once(' ').unwrap_or((rest, ""));
        let plain = name.trim_end_matches(['!', '~', '^']);
        let flags = &name[plain.len()..];
        let (is_required, is_deprecated) = (flags.contains('!'), flags.contains('~'));
        let deploys = flags.contains('^');
        Some((plain, Self { shape, is_required, is_deprecated, deploys, documentation, facts: None }))
    }
}

impl<'a> Shape<'a> {
    pub(crate) fn definition(self) -> &'a Definition {
        self.model.definition(self.name)
    }

    /// Its name in the model.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.name
    }

    /// Returns the members, if it is a structure, in the order of their names.
    pub fn members(self) -> impl Iterator<Item = Member<'a>> {
        let members = match self.definition() {
            Definition::Structure { members, .. } => Some(members),
            _ => None,
        };
        members.into_iter().flatten().map(move |(name, declared)| self.member_of(name, declared))
    }

    /// Returns the member `name`, if it is a structure that has one.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Member<'a>> {
        let Definition::Structure { members, .. } = self.definition() else { return None };
        members.get_key_value(name).map(|(name, declared)| self.member_of(name, declared))
    }

    fn member_of(self, name: &'a str, declared: &'a Declared) -> Member<'a> {
        Member {
            name,
            shape: self.inner(declared.shape, declared.facts.as_ref()),
            is_required: declared.is_required,
            is_deprecated: declared.is_deprecated,
            deploys: declared.deploys,
            documentation: declared.documentation,
        }
    }

    /// Returns the shape of its items, if it is a list or a map.
    #[must_use]
    pub fn item(self) -> Option<Self> {
        match self.definition() {
            Definition::List { item, .. } => Some(self.inner(item, None)),
            Definition::Map { value, .. } => Some(self.inner(value, None)),
            _ => None,
        }
    }

    /// Returns the texts that it takes, if they are enumerated.
    #[must_use]
    pub fn values(self) -> &'a [&'static str] {
        match self.definition() {
            Definition::Text { values, .. } => values,
            _ => &[],
        }
    }

    /// Returns the value's kind in a few words, such as "a list of texts".
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self.definition() {
            Definition::Boolean => "true or false",
            Definition::Integer(_) => "a whole number",
            Definition::Number => "a number",
            Definition::Timestamp => "a time such as 2026-12-31T23:59:59Z, or seconds since 1970",
            Definition::Text { .. } => "a text",
            Definition::List { .. } if self.key().is_some() => "a list of tables, or a table by their names",
            Definition::List { item, .. } => match self.model.definition(item) {
                Definition::Structure { .. } => "a list of tables",
                Definition::Integer(_) | Definition::Number | Definition::Timestamp => "a list of numbers",
                _ => "a list of texts",
            },
            Definition::Map { .. } | Definition::Structure { .. } => "a table",
            Definition::Document => "a value",
        }
    }

    pub(crate) fn inner(self, name: &'a str, facts: Option<&'a Facts>) -> Self {
        Self { model: self.model, name, facts }
    }
}

impl std::fmt::Debug for Shape<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shape").field(&self.name).finish()
    }
}
