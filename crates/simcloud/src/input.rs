//! Reading a call's input.

use serde_json::Value;

use crate::{ApiError, Call};

impl Call {
    /// A text member; `None` when it is absent.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.input.get(key)?.as_str()
    }

    /// A text member that has to be there: `code` is the service's code for a failed validation.
    pub(crate) fn required(&self, key: &str, code: &str) -> Result<&str, ApiError> {
        self.text(key).ok_or_else(|| missing(key, code))
    }

    /// A number; query protocols send it as text.
    pub(crate) fn number(&self, key: &str) -> Option<i64> {
        let value = self.input.get(key)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// A flag; query protocols send it as text.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        let value = self.input.get(key)?;
        value.as_bool().or_else(|| value.as_str()?.parse().ok())
    }

    /// The elements of a list member; empty when it is absent.
    pub(crate) fn list(&self, key: &str) -> &[Value] {
        self.input.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The texts in a list member.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        self.list(key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// A list of objects with a key and a value, such as tags, in order.
    pub(crate) fn pairs(&self, list: &str, key: &str, value: &str) -> Vec<(String, String)> {
        self.list(list)
            .iter()
            .filter_map(|entry| {
                let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
                Some((text(key)?, text(value).unwrap_or_default()))
            })
            .collect()
    }
}

/// The complaint about a required member that is absent, as AWS's generated validators word it.
pub(crate) fn missing(key: &str, code: &str) -> ApiError {
    violated("null", key, "Member must not be null", code)
}

/// The complaint about a member that breaks a constraint of the service's model.
pub(crate) fn violated(value: &str, key: &str, constraint: &str, code: &str) -> ApiError {
    let shown = if value == "null" { "null".to_owned() } else { format!("'{value}'") };
    let mut member = key.to_owned();
    if let Some(first) = member.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    ApiError::new(
        code,
        format!(
            "1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: {constraint}"
        ),
    )
}

/// A page of `items`: those after `token` (an index in decimal), at most `limit`, and the token of the next page.
pub(crate) fn page<T>(
    items: Vec<T>,
    token: Option<&str>,
    limit: usize,
    bad_token: impl FnOnce() -> ApiError,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let start = match token.map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) if start <= items.len() => start,
        Some(_) => return Err(bad_token()),
    };
    let end = items.len().min(start.saturating_add(limit));
    let next = (end < items.len()).then(|| end.to_string());
    Ok((items.into_iter().skip(start).take(end - start).collect(), next))
}
