//! The AWS plugins' shared code: clients, the pace of the calls, the lock of a stack, failures in AWS's own words,
//! ownership tags, names and waiting.
//!
//! Everything that a plugin asks of AWS goes through [`Aws`], which reaches AWS, an emulator or the embedded simulated
//! cloud alike. Request and response bodies carry secrets, so [`Aws`] keeps them out of the SDK's own logs.

mod attempt;
mod chance;
mod changes;
mod clients;
mod credentials;
mod failure;
mod fenced;
pub mod fields;
mod genuine;
mod identity;
mod json;
mod key;
pub mod load_balancing;
mod lock;
mod name;
mod ownership;
mod pace;
mod reads;
mod retry;
mod transport;
pub mod untyped;
mod vault;
pub mod wait;

pub use attempt::ATTEMPTS;
pub use clients::{Aws, Embedded, Target};
pub use failure::{classify, code, failure, is_blank, is_unsupported};
pub use identity::Identity;
pub use json::{JsonAnswer, JsonRequest};
pub use key::{is_key_arn, is_key_reference};
pub use lock::{Fence, Held, Lock, Shut, Waiting};
pub use name::bounded;
pub use ownership::{
    ADOPTED_TAG, ENVIRONMENT_TAG, Mark, Owner, Ownership, PROTECTED_TAG, REGION_TAG, RESOURCE_TAG, STACK_TAG,
    is_ownership_tag, is_protected, tag_changes,
};
pub use pace::check_rates;
pub use reads::{
    CurrentValue, EcrImage, ExistingSecret, Freshness, Listed, ListedRole, ListedSecrets, LogGroup,
    NetworkPart, Owned, OwnedResources, Reads, RoleSettings, ServiceJson, Target as GroupTarget, TargetGroup,
    is_absent,
};
pub use retry::RetryClass;
pub use transport::network;
