//! The behaviour suites of plugins, in the account of a server that answers as AWS does.
//!
//! A server is shared by all tests of a run, and by the cases of a suite: each case has a stack of its own, and no case
//! looks at what is another's.

mod parameters;
mod roles;
mod secrets;
mod sources;
mod wire;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use longshore_aws::{Aws, Embedded, Target};
use longshore_model::{CallRate, Name};

use self::wire::Wire;
pub(crate) use self::{
    parameters::parameters,
    roles::{Judge, roles},
    secrets::secrets,
    sources::{Keeper, source},
};
use crate::account::REGION;

/// The classes of calls that the suites make. Servers on this machine take as many as they can.
const CLASSES: [&str; 8] = [
    "iam-read",
    "iam-modify",
    "secretsmanager-list",
    "secretsmanager-other",
    "ssm-read",
    "ssm-put",
    "ssm-other",
    "tag-read",
];

/// The account of a server, as one case sees it.
struct Account {
    aws: Aws,
    wire: Wire,
    /// The case's own stack.
    stack: Name,
}

impl Account {
    fn at(url: &str) -> Self {
        let wire = Wire::new();
        let rate = CallRate { burst: Some(1000), per_second: Some(1000.0) };
        let target = Target {
            region: Some(REGION.to_owned()),
            endpoint: Some(url.to_owned()),
            rates: CLASSES.map(|class| (class.to_owned(), rate)).into(),
            ..Target::default()
        };
        let embedded = Embedded {
            http_client: SharedHttpClient::new(wire.clone()),
            time_source: SharedTimeSource::new(SystemTimeSource::new()),
        };
        Self { aws: Aws::connect(target, Some(embedded)), wire, stack: next_stack() }
    }
}

/// A name that no other case has, in whatever process and against whatever server.
fn next_stack() -> Name {
    static STACKS: AtomicU32 = AtomicU32::new(0);
    let number = STACKS.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Name::new(format!("suite-{:x}-{:x}-{number}", std::process::id(), now.as_micros())).unwrap()
}
