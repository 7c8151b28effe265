//! Answers that come in pages.

use serde_json::Value;

use super::{CallError, Client, Protocol};

/// The names of the members that lead from a page to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageTokens {
    /// The request's.
    pub request: &'static str,
    /// The answer's.
    pub answer: &'static str,
}

/// The pages of a call, which are requested one after the other.
#[derive(Debug)]
pub struct Pages<'a, P: Protocol> {
    client: &'a Client<P>,
    operation: &'static str,
    parameters: Value,
    is_last: bool,
}

impl<P: Protocol> Client<P> {
    /// Calls an operation until it has answered with all pages.
    ///
    /// # Errors
    /// If one of the calls fails.
    pub async fn pages(
        &self,
        operation: &'static str,
        parameters: Value,
    ) -> Result<Vec<P::Answer>, CallError> {
        let mut pages = self.page_by_page(operation, parameters);
        let mut answers = Vec::new();
        while let Some(page) = pages.next().await? {
            answers.push(page);
        }
        Ok(answers)
    }

    /// Returns the pages of an answer of any size. Nothing is requested before the first [`next`](Pages::next).
    #[must_use]
    pub const fn page_by_page(&self, operation: &'static str, parameters: Value) -> Pages<'_, P> {
        Pages { client: self, operation, parameters, is_last: false }
    }
}

impl<P: Protocol> Pages<'_, P> {
    /// Requests the next page. `None` after the last one.
    ///
    /// # Errors
    /// If the call fails.
    pub async fn next(&mut self) -> Result<Option<P::Answer>, CallError> {
        if self.is_last {
            return Ok(None);
        }
        let page = self.client.call(self.operation, self.parameters.clone()).await?;
        let tokens = self.client.page_tokens();
        let token = P::text(&page, tokens.answer).filter(|token| !token.is_empty());
        // The same token again would lead in a circle.
        let known = self.parameters.get(tokens.request).and_then(Value::as_str);
        match token.filter(|token| known != Some(token)).map(Value::from) {
            Some(token) => self.parameters[tokens.request] = token,
            None => self.is_last = true,
        }
        Ok(Some(page))
    }
}
