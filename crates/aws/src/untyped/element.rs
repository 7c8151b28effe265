//! Answers in XML, as trees.

use std::fmt;

use xmlparser::{ElementEnd, Token, Tokenizer};

/// The deepest nesting that is read. AWS's answers have a handful of levels.
const DEEPEST: usize = 64;

/// An element of an XML document: its name without the prefix, its text and its children. Attributes are left out; AWS's
/// answers have none but namespaces.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// Shows nothing of the contents, which may be secret.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A document that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlError(String);

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is no XML document: {}", self.0)
    }
}

impl std::error::Error for XmlError {}

impl Element {
    /// Reads a document.
    ///
    /// # Errors
    /// If it is not well-formed, or declares entities of its own.
    pub fn parse(document: &[u8]) -> Result<Self, XmlError> {
        let fail = |what: &str| XmlError(what.to_owned());
        let document = std::str::from_utf8(document).map_err(|error| XmlError(error.to_string()))?;
        let mut open: Vec<(&str, Self)> = Vec::new();
        let mut root = None;
        for token in Tokenizer::from(document) {
            match token.map_err(|error| XmlError(error.to_string()))? {
                Token::ElementStart { local, span, .. } => {
                    if root.is_some() || open.len() == DEEPEST {
                        return Err(fail(if root.is_some() {
                            "it has two roots"
                        } else {
                            "it is nested too deep"
                        }));
                    }
                    // The span begins with `<`; the rest is the name with its prefix.
                    let tag = span.as_str().trim_start_matches('<');
                    open.push((tag, Self { name: local.as_str().to_owned(), ..Self::default() }));
                }
                Token::ElementEnd { end: ElementEnd::Open, .. } => {}
                Token::ElementEnd { end, .. } => {
                    let (tag, element) = open.pop().ok_or_else(|| fail("an end tag opens nothing"))?;
                    if let ElementEnd::Close(prefix, local) = end {
                        let is_same = match tag.split_once(':') {
                            Some((before, name)) => (before, name) == (prefix.as_str(), local.as_str()),
                            None => prefix.is_empty() && tag == local.as_str(),
                        };
                        if !is_same {
                            return Err(XmlError(format!("<{tag}> is closed by another name")));
                        }
                    }
                    match open.last_mut() {
                        Some((_, parent)) => parent.children.push(element),
                        None => root = Some(element),
                    }
                }
                Token::Text { text } => {
                    if let Some((_, element)) = open.last_mut() {
                        element.text.push_str(&unescape(text.as_str())?);
                    }
                }
                Token::Cdata { text, .. } => {
                    if let Some((_, element)) = open.last_mut() {
                        element.text.push_str(text.as_str());
                    }
                }
                Token::EntityDeclaration { .. } => return Err(fail("it declares entities")),
                Token::Attribute { .. }
                | Token::Comment { .. }
                | Token::Declaration { .. }
                | Token::ProcessingInstruction { .. }
                | Token::DtdStart { .. }
                | Token::DtdEnd { .. }
                | Token::EmptyDtd { .. } => {}
            }
        }
        match (root, open.last()) {
            (Some(root), None) => Ok(root),
            (_, Some((tag, _))) => Err(XmlError(format!("<{tag}> is not closed"))),
            (None, None) => Err(fail("it has no element")),
        }
    }

    /// The name, without its prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text. Of an element with children, it is the space between them.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the first child with this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Returns the text of the first child with this name.
    #[must_use]
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(Self::text)
    }

    /// The child elements.
    #[must_use]
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// Returns the elements of a list: the children called `item` or `member` of the child with this name.
    pub fn items<'a>(&'a self, list: &str) -> impl Iterator<Item = &'a Self> + use<'a> {
        let items = self.child(list).map(|list| list.children.as_slice()).unwrap_or_default();
        items.iter().filter(|item| matches!(item.name.as_str(), "item" | "member"))
    }
}

/// Replaces the references to characters in a text.
fn unescape(text: &str) -> Result<String, XmlError> {
    let mut pieces = text.split('&');
    let mut unescaped = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let character = piece.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest)));
        let (character, rest) =
            character.ok_or_else(|| XmlError("a text has a wrong reference".to_owned()))?;
        unescaped.push(character);
        unescaped.push_str(rest);
    }
    Ok(unescaped)
}

/// Returns the character that a reference stands for.
fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix('x') {
                Some(number) => u32::from_str_radix(number, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)?
        }
    })
}
