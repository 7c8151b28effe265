//! Faults that tests arrange, and the count of calls.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::json;

use crate::{
    ApiError,
    policy::{Context, glob},
    wire::Protocol,
};

/// Something that goes wrong with calls of an operation.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The operation, such as `iam:CreateRole`; `*` and `?` are wildcards.
    pub operation: String,
    /// The number of calls that pass before the first is hit.
    pub after: u32,
    /// The number of calls that are hit.
    pub times: u32,
    /// The effect on each of them.
    pub effect: Effect,
}

/// The effect of a fault on a call.
#[derive(Clone, Debug)]
pub enum Effect {
    /// It is refused with this error, and nothing is done.
    Refuse(ApiError),
    /// It takes longer.
    Delay(Duration),
    /// It is done, and the connection breaks before the answer arrives.
    LoseAnswer,
    /// Something on the way answers in AWS's place, with HTTP 200.
    Answer(NonAnswer),
    /// A proxy on the way answers with this status and a page in HTML; the call does not reach AWS.
    ErrorPage(StatusCode),
}

/// An answer with HTTP 200 that is not AWS's to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonAnswer {
    /// A page in HTML; the call does not reach AWS.
    Html,
    /// Nothing at all, without AWS's headers; the call does not reach AWS.
    Empty,
    /// The first half of AWS's answer to the call.
    Truncated,
    /// AWS's answer to another call; this one does not reach AWS.
    OtherOperation,
}

impl NonAnswer {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Html, Self::Empty, Self::Truncated, Self::OtherOperation];

    /// Returns true if the call is done all the same.
    pub(super) fn is_done(self) -> bool {
        self == Self::Truncated
    }

    /// The answer in the place of `answer`, which is one in `protocol`.
    pub(super) fn replace(
        self,
        answer: Response<Bytes>,
        protocol: Protocol,
        request_id: &str,
    ) -> Response<Bytes> {
        match self {
            Self::Html => page(StatusCode::OK, "Please log in."),
            Self::Empty => Response::new(Bytes::new()),
            Self::Truncated => answer.map(|body| body.slice(..body.len() / 2)),
            Self::OtherOperation => {
                let members = json!({ "Aliases": [], "NextToken": "x" });
                protocol.success("ListOfOthers", &members, request_id)
            }
        }
    }
}

/// Returns a page in HTML, as a proxy gives it.
pub(super) fn page(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut page =
        Response::new(format!("<!DOCTYPE html>\n<html><body>{text}</body></html>\n").into_bytes().into());
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    page
}

/// The faults that are arranged, and how often operations were called.
#[derive(Debug, Default)]
pub(super) struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    arranged: Vec<Fault>,
    calls: BTreeMap<String, u64>,
}

impl Faults {
    pub(super) fn inject(&self, fault: Fault) {
        self.state().arranged.push(fault);
    }

    pub(super) fn clear(&self) {
        self.state().arranged.clear();
    }

    pub(super) fn calls(&self) -> BTreeMap<String, u64> {
        self.state().calls.clone()
    }

    /// Counts a call.
    pub(super) fn count(&self, operation: &str) {
        *self.state().calls.entry(operation.to_owned()).or_default() += 1;
    }

    /// Returns the effect of the first fault that hits a call, if one does.
    pub(super) fn call(&self, operation: &str) -> Option<Effect> {
        let mut state = self.state();
        for fault in &mut state.arranged {
            if !glob(&fault.operation, operation, &Context::new()) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                return Some(fault.effect.clone());
            }
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
