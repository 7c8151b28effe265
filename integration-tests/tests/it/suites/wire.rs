//! The way from a plugin to a server, which counts the changes that are sent on it, and can break.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use longshore_aws::network;
use longshore_net::Trust;

/// An HTTP client that sends everything to one server.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    http: SharedHttpClient,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of requests for each operation that changes something.
    changes: BTreeMap<String, u32>,
    breaks: Breaks,
}

/// When the way breaks.
#[derive(Clone, Copy, Debug, Default)]
enum Breaks {
    #[default]
    Never,
    /// After so many more answers.
    After(u32),
    Broken,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self { http: network(Trust::of_system()), state: Arc::default() }
    }

    /// The changes that were sent so far.
    pub(super) fn changes(&self) -> String {
        format!("{:?}", self.state().changes)
    }

    /// Breaks after `answers` more: the next request arrives, its answer gets lost, and nothing is sent from then on.
    pub(super) fn break_after(&self, answers: u32) {
        self.state().breaks = Breaks::After(answers);
    }

    pub(super) fn mend(&self) {
        self.state().breaks = Breaks::Never;
    }

    /// Notes a request. Answers with how the way is for it.
    fn note(&self, operation: &str) -> Breaks {
        let mut state = self.state();
        let now = state.breaks;
        state.breaks = match now {
            Breaks::After(answers) => answers.checked_sub(1).map_or(Breaks::Broken, Breaks::After),
            other => other,
        };
        if !matches!(now, Breaks::Broken) && !is_read(operation) {
            *state.changes.entry(operation.to_owned()).or_default() += 1;
        }
        now
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.http.http_connector(settings, components);
        SharedHttpConnector::new(Lane { wire: self.clone(), connector })
    }
}

#[derive(Clone, Debug)]
struct Lane {
    wire: Wire,
    connector: SharedHttpConnector,
}

impl HttpConnector for Lane {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let Self { wire, connector } = self.clone();
        HttpConnectorFuture::new(async move {
            let body = std::mem::replace(request.body_mut(), SdkBody::taken());
            let body = ByteStream::new(body).collect().await;
            let body = body.map_err(|error| ConnectorError::io(error.into()))?;
            *request.body_mut() = SdkBody::from(body.into_bytes());
            let protocol = Protocol::of(&request);
            let way = wire.note(&operation(&request));
            if matches!(way, Breaks::Broken) {
                return Ok(protocol.no_more());
            }
            let answer = connector.call(request).await?;
            if matches!(way, Breaks::After(0)) { Ok(protocol.no_more()) } else { Ok(answer) }
        })
    }
}

/// The format of errors.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Json,
    Xml,
}

impl Protocol {
    fn of(request: &HttpRequest) -> Self {
        if request.headers().get(TARGET).is_some() { Self::Json } else { Self::Xml }
    }

    /// In place of an answer that got lost. A run that was killed does nothing more, so the answer is a refusal, which
    /// is not retried, unlike a broken connection.
    fn no_more(self) -> HttpResponse {
        let body = match self {
            Self::Json => r#"{"__type":"Killed","message":"the run was killed here"}"#,
            Self::Xml => {
                "<ErrorResponse><Error><Type>Sender</Type><Code>Killed</Code>\
                 <Message>the run was killed here</Message></Error></ErrorResponse>"
            }
        };
        HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body))
    }
}

/// The header that names the operation of a JSON protocol: `AmazonSSM.PutParameter`.
const TARGET: &str = "x-amz-target";

/// The operation, which the query protocol names in the body.
fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get(TARGET) {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    let body = request.body().bytes().unwrap_or_default();
    let action = url::form_urlencoded::parse(body).find(|(key, _)| key == "Action");
    action.unwrap_or_else(|| panic!("a request names no operation: {request:?}")).1.into_owned()
}

fn is_read(operation: &str) -> bool {
    ["BatchGet", "Describe", "Get", "List", "Simulate"].iter().any(|verb| operation.starts_with(verb))
}
