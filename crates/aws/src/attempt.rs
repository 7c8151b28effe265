//! The waits before, and the decisions after, each attempt of a call within the SDK.
//!
//! An attempt waits for its turn before it is signed: AWS accepts a signature for five minutes, and a thousand
//! registrations of task definitions take sixteen. The last thing that the SDK waits for before it signs is the caller's
//! identity, so that this is the place: see [`PacedIdentities`]. After each attempt [`Attempts`] decides whether there is
//! another one, and when. The SDK's own back-off and its retry quota are switched off.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        identity::{IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver},
        interceptors::{
            Intercept,
            context::{
                BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
            },
            dyn_dispatch_hint,
        },
        orchestrator::Metadata,
        retries::{
            RequestAttempts,
            classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority},
        },
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::{
    config_bag::{ConfigBag, Storable, StoreReplace},
    retry::RetryConfig,
};
use longshore_effort::Effort;
use tokio::time::{Instant, sleep_until};

use crate::{
    changes::Changes,
    fenced::changes_something,
    pace::{Interrupted, Pacer, Turn},
    retry::{RetryClass, pause},
};

/// The maximum number of attempts when AWS is out of order or does not answer: about a minute.
pub const ATTEMPTS: u32 = 8;

/// The same before any call of the run was answered: then the endpoint is wrong, rather than out of order.
const ATTEMPTS_UNANSWERED: u32 = 5;

/// The pause after the first attempt that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The time limit for a step whose calls are all refused or not answered. Waiting for its turn does not
/// count.
const DEADLINE: Duration = Duration::from_secs(600);

/// Returns the SDK's retry configuration, which [`Attempts`] reads.
pub(crate) fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE)
}

/// The course of a call, from attempt to attempt.
#[derive(Clone, Debug)]
struct Course(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    effort: Effort,
    /// The maximum number of attempts and the first pause, from the call's configuration.
    most: u32,
    first_pause: Duration,
    /// The numbers of attempts that were throttled, and that failed in another way.
    throttled: u32,
    failed: u32,
    not_before: Option<Instant>,
    turn: Option<Turn>,
}

impl Storable for Course {
    type Storer = StoreReplace<Self>;
}

impl Course {
    fn new(config: Option<&RetryConfig>) -> Self {
        Self(Arc::new(Mutex::new(State {
            effort: Effort::current(),
            most: config.map_or(1, RetryConfig::max_attempts),
            first_pause: config.map_or(FIRST_PAUSE, RetryConfig::initial_backoff),
            throttled: 0,
            failed: 0,
            not_before: None,
            turn: None,
        })))
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the next attempt may be made.
    async fn wait(&self, pacer: &Pacer, call: &Metadata) -> Result<(), Interrupted> {
        let (effort, not_before, has_turn) =
            self.with(|state| (state.effort.clone(), state.not_before.take(), state.turn.is_some()));
        if has_turn {
            return Ok(());
        }
        if let Some(not_before) = not_before {
            let _queueing = effort.queueing();
            tokio::select! {
                biased;
                () = effort.interrupt().cancelled() => return Err(Interrupted::Queueing),
                () = sleep_until(not_before) => {}
            }
        }
        let turn = pacer.turn(&effort, call.service(), call.name()).await?;
        self.with(|state| state.turn = Some(turn));
        Ok(())
    }

    /// Returns true if there is another attempt after one that met `refusal`, or no refusal.
    fn goes_on(&self, pacer: &Pacer, refusal: Option<RetryClass>, is_answered: bool) -> bool {
        self.with(|state| {
            match (state.turn.take(), refusal) {
                (Some(turn), Some(RetryClass::Throttled)) => pacer.throttled(&turn),
                (Some(turn), _) if is_answered => pacer.answered(&turn),
                _ => {}
            }
            let pause = match refusal {
                None | Some(RetryClass::Conflict | RetryClass::Final) => {
                    state.effort.gets_on();
                    return false;
                }
                Some(RetryClass::Throttled) => {
                    // It was not carried out: it may be repeated even where nothing else may.
                    state.throttled += 1;
                    pause(state.first_pause, state.throttled, pacer.jitter())
                }
                Some(RetryClass::Transient) => {
                    state.failed += 1;
                    let most =
                        if pacer.was_answered() { state.most } else { state.most.min(ATTEMPTS_UNANSWERED) };
                    if state.failed >= most {
                        return false;
                    }
                    pause(state.first_pause, state.failed, pacer.jitter())
                }
            };
            state.not_before = Some(Instant::now() + pause);
            state.effort.waits_in_vain(pause) <= DEADLINE
        })
    }
}

/// Lets each attempt of a call wait for its turn before it is signed.
pub(crate) struct PacedIdentities {
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) identities: SharedIdentityCache,
}

impl fmt::Debug for PacedIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PacedIdentities")
    }
}

impl ResolveCachedIdentity for PacedIdentities {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        IdentityFuture::new(async move {
            if let (Some(course), Some(call)) = (config.load::<Course>(), config.load::<Metadata>()) {
                course.wait(&self.pacer, call).await?;
            }
            self.identities.resolve_cached_identity(resolver, components, config).await
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.identities.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.identities.validate_final_config(components, config)
    }
}

/// Begins the course of each call, and decides after each attempt how it goes on.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) changes: Arc<Changes>,
}

impl Attempts {
    /// Before and after each attempt: what is read meanwhile may be of either side.
    fn note_change(&self, config: &ConfigBag) {
        if changes_something(config) {
            self.changes.note();
        }
    }
}

#[dyn_dispatch_hint]
impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.note_change(config);
        if config.load::<Course>().is_none() {
            let course = Course::new(config.load::<RetryConfig>());
            config.interceptor_state().store_put(course);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.note_change(config);
        let Some(course) = config.load::<Course>().cloned() else { return Ok(()) };
        let refusal = match context.output_or_error() {
            Some(Err(error)) => Some(RetryClass::of_attempt(error, context.response())),
            _ => None,
        };
        let made = config.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        let goes_on = course.goes_on(&self.pacer, refusal, context.response().is_some());
        let most = if goes_on { made + 1 } else { made };
        // The pause is made where the next attempt waits for its turn.
        let decision = RetryConfig::standard()
            .with_max_attempts(most)
            .with_initial_backoff(Duration::ZERO)
            .with_max_backoff(Duration::ZERO);
        config.interceptor_state().store_put(decision);
        Ok(())
    }
}

/// Tells the SDK what is worth another attempt. [`Attempts`] decides if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worth;

impl ClassifyRetry for Worth {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) => match RetryClass::of_attempt(error, context.response()) {
                RetryClass::Throttled | RetryClass::Transient => RetryAction::transient_error(),
                RetryClass::Conflict | RetryClass::Final => RetryAction::RetryForbidden,
            },
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Worth"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests;
