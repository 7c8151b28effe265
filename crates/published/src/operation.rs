//! The operations of an API, and what passes through them.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::Value;

use super::{
    document::{Document, Media, Operation as Described, Parameter as Declared, Place},
    schema::{Definitions, Judge},
};

/// A request.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// Its answer.
pub(super) struct Answered<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// The operations of an API.
pub(super) struct Operations {
    pub(super) title: String,
    operations: Vec<Operation>,
}

struct Operation {
    /// Its name for people: `GET /v2/orgs/{name}/access-tokens`.
    name: String,
    method: String,
    segments: Vec<Segment>,
    parameters: Vec<Parameter>,
    body: Option<(bool, Content)>,
    answers: BTreeMap<String, Content>,
}

enum Segment {
    Literal(String),
    /// A parameter, and whether it may be several segments.
    Parameter(String, bool),
}

struct Parameter {
    name: String,
    place: Place,
    required: bool,
    judge: Judge,
}

/// By media type. Nothing: there is no body.
type Content = BTreeMap<String, Judge>;

impl Operations {
    pub(super) fn new(document: &Document) -> Result<Self, String> {
        let definitions = Definitions::of(&document.components.schemas.clone().into_iter().collect())?;
        let mut operations = Vec::new();
        for (path, methods) in &document.paths {
            for (method, described) in methods {
                let name = format!("{} {path}", method.to_uppercase());
                let operation = Operation::new(&definitions, path, described, &document.every);
                let operation = operation.map_err(|wrong| format!("{name}: {wrong}"))?;
                operations.push(Operation { method: method.to_uppercase(), name, ..operation });
            }
        }
        Ok(Self { title: document.info.title.clone(), operations })
    }

    /// Returns the errors of a request and its answer.
    pub(super) fn check(
        &self,
        below: &str,
        request: &Asked<'_>,
        answer: Option<&Answered<'_>>,
    ) -> Vec<String> {
        let (method, path) = (request.method, request.uri.path());
        let segments: Option<Vec<_>> = path.strip_prefix(below).map(|path| path.split('/').skip(1).collect());
        let of_method = || self.operations.iter().filter(|operation| operation.method == method);
        let found = segments.as_ref().and_then(|segments| {
            of_method().find_map(|operation| Some((operation, bind(&operation.segments, segments)?)))
        });
        let Some((operation, bound)) = found else {
            let published: Vec<_> = self.operations.iter().map(|operation| operation.name.as_str()).collect();
            return vec![format!(
                "{method} {path}: there is no such operation; there is {}",
                published.join(", ")
            )];
        };
        let mut wrong = operation.check_parameters(request, &bound);
        wrong.extend(operation.check_body(request));
        wrong.extend(answer.into_iter().flat_map(|answer| operation.check_answer(answer)));
        wrong.into_iter().map(|wrong| format!("{}: {wrong}", operation.name)).collect()
    }
}

impl Operation {
    fn new(
        definitions: &Definitions,
        path: &str,
        described: &Described,
        every: &Described,
    ) -> Result<Self, String> {
        let declared: Vec<_> = every.parameters.iter().chain(&described.parameters).collect();
        let segments: Result<_, _> =
            path.split('/').skip(1).map(|text| Segment::new(text, &declared)).collect();
        let parameter = |declared: &&Declared| {
            let judge = definitions.compile(&declared.schema);
            let judge = judge.map_err(|wrong| format!("parameter {}: {wrong}", declared.name))?;
            let Declared { name, place, required, .. } = declared;
            Ok(Parameter { name: name.clone(), place: *place, required: *required, judge })
        };
        let body =
            described.body.as_ref().map(|body| Ok((body.required, content(definitions, &body.content)?)));
        let answers = every.responses.iter().chain(&described.responses).map(|(status, answer)| {
            let content = content(definitions, &answer.content);
            Ok((status.clone(), content.map_err(|wrong| format!("answer {status}: {wrong}"))?))
        });
        Ok(Self {
            name: String::new(),
            method: String::new(),
            segments: segments?,
            parameters: declared.iter().map(parameter).collect::<Result<_, String>>()?,
            body: body.transpose().map_err(|wrong: String| format!("request: {wrong}"))?,
            answers: answers.collect::<Result<_, String>>()?,
        })
    }

    fn check_parameters(&self, request: &Asked<'_>, bound: &[(String, String)]) -> Vec<String> {
        let query = request.uri.query().unwrap_or_default().as_bytes();
        let query: Vec<_> = url::form_urlencoded::parse(query)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let mut wrong = Vec::new();
        for (name, _) in &query {
            if !self.parameters.iter().any(|known| known.place == Place::Query && known.name == *name) {
                wrong.push(format!("the query has `{name}`, which is not published"));
            }
        }
        for parameter in &self.parameters {
            let Parameter { name, place, required, judge } = parameter;
            let named = |pairs: &[(String, String)]| -> Vec<String> {
                pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.clone()).collect()
            };
            let values = match place {
                Place::Path => named(bound),
                Place::Query => named(&query),
                Place::Header => {
                    let values = request.headers.get_all(name.as_str()).iter();
                    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
                }
            };
            match values.as_slice() {
                [] if *required => wrong.push(format!("the {place} parameter `{name}` is missing")),
                [] => {}
                [value] => {
                    let found = judge.wrong_text(value);
                    wrong
                        .extend(found.iter().map(|found| format!("the {place} parameter `{name}`: {found}")));
                }
                [..] => wrong.push(format!("the {place} parameter `{name}` is there several times")),
            }
        }
        wrong
    }

    fn check_body(&self, request: &Asked<'_>) -> Vec<String> {
        let wrong = match &self.body {
            Some((false, _)) if request.body.is_empty() => return Vec::new(),
            Some((_, content)) => judged(content, request.headers, request.body),
            None => judged(&Content::new(), request.headers, request.body),
        };
        wrong.into_iter().map(|wrong| format!("request: {wrong}")).collect()
    }

    fn check_answer(&self, answer: &Answered<'_>) -> Vec<String> {
        let status = answer.status.as_str();
        let Some(content) = self.answers.get(status) else {
            let published: Vec<_> = self.answers.keys().map(String::as_str).collect();
            return vec![format!("the status {status} is not published, but {}", published.join(", "))];
        };
        let wrong = judged(content, answer.headers, answer.body);
        wrong.into_iter().map(|wrong| format!("answer {status}: {wrong}")).collect()
    }
}

impl Segment {
    fn new(text: &str, declared: &[&Declared]) -> Result<Self, String> {
        let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
            return Ok(Self::Literal(text.to_owned()));
        };
        let of_path = |known: &&&Declared| known.place == Place::Path && known.name == name;
        let parameter = declared.iter().find(of_path).ok_or_else(|| format!("{text} is not declared"))?;
        Ok(Self::Parameter(name.to_owned(), parameter.has_segments))
    }
}

/// The parameters of a path, if it is one of the operation.
fn bind(pattern: &[Segment], segments: &[&str]) -> Option<Vec<(String, String)>> {
    let Some((first, rest)) = pattern.split_first() else {
        return segments.is_empty().then(Vec::new);
    };
    let (name, most) = match first {
        Segment::Literal(text) => {
            let (segment, segments) = segments.split_first()?;
            return if segment == text { bind(rest, segments) } else { None };
        }
        Segment::Parameter(name, true) => (name, segments.len()),
        Segment::Parameter(name, false) => (name, segments.len().min(1)),
    };
    (1..=most).find_map(|count| {
        let (own, others) = segments.split_at(count);
        let mut bound = bind(rest, others)?;
        bound.push((name.clone(), own.join("/")));
        Some(bound)
    })
}

fn content(definitions: &Definitions, media: &BTreeMap<String, Media>) -> Result<Content, String> {
    media.iter().map(|(kind, media)| Ok((kind.clone(), definitions.compile(&media.schema)?))).collect()
}

/// Returns the errors of a body.
fn judged(content: &Content, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    if content.is_empty() {
        return if body.is_empty() {
            Vec::new()
        } else {
            vec!["there is a body, and none is published".to_owned()]
        };
    }
    let declared = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("nothing");
    let kind = declared.split(';').next().unwrap_or_default().trim();
    let Some(judge) = content.get(kind) else {
        let published: Vec<_> = content.keys().map(String::as_str).collect();
        return vec![format!(
            "the body is declared as {declared}, and published as {}",
            published.join(", ")
        )];
    };
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => judge.wrong(&value),
        Err(error) => vec![format!("the body is no JSON: {error}")],
    }
}
