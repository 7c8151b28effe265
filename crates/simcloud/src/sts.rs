//! AWS Security Token Service: who calls, and sessions of assumed roles.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    ApiError, Call, Ids, Moment, Partition, Sealed, World,
    dispatch::who,
    input::violated,
    policy::{Context, Who},
    wire::Scope,
};

/// STS's code for input that breaks its model.
const CODE: &str = "ValidationError";

/// The user that every access key means which STS did not hand out.
const USER: &str = "longshore";

/// The characters of access keys, and those of their secrets.
const KEY: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+";

/// The time for which expired credentials are told from unknown ones.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

/// The sessions that were handed out, by access key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sts {
    sessions: BTreeMap<String, Session>,
    /// The access key of the account's user, and its secret, once there is one.
    user_key: Option<(String, Sealed)>,
}

impl Sts {
    /// Returns the secret of a session's access key.
    pub(crate) fn secret(&self, access_key: &str) -> Option<Sealed> {
        self.sessions.get(access_key)?.secret.clone()
    }

    /// Returns the access key of the account's user with its secret, which chance makes the first time.
    pub fn user_key(&mut self) -> (String, Sealed) {
        let make = || {
            // Apart, so that the one does not reveal the other.
            let secret = Ids::unpredictable().from_alphabet(SECRET, 40);
            (format!("AKIA{}", Ids::unpredictable().from_alphabet(KEY, 16)), Sealed::new(secret))
        };
        self.user_key.get_or_insert_with(make).clone()
    }
}

/// Temporary credentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Session {
    /// The caller's ARN, as `GetCallerIdentity` reports it.
    arn: String,
    /// `GetCallerIdentity`'s user id.
    user_id: String,
    /// When the credentials end.
    expires: Moment,
    /// The session token that has to come with the access key.
    token: Sealed,
    /// The key that requests are signed with.
    secret: Option<Sealed>,
}

/// Returns the ARN of a request's signer: the owner of a session, or else the account's one user. Fails in the regions
/// of another partition, which does not know the account.
pub(crate) fn caller(world: &World, scope: &Scope) -> Result<String, ApiError> {
    let (invalid, expired) = match scope.service.as_str() {
        "ec2" => ("AuthFailure", "RequestExpired"),
        "iam" | "sts" => ("InvalidClientTokenId", "ExpiredToken"),
        _ => ("UnrecognizedClientException", "ExpiredTokenException"),
    };
    let refused = |code: &str, message: &str| Err(ApiError::new(code, message).with_status(403));
    if Partition::of(&scope.region) != world.partition() {
        return refused(invalid, "The security token included in the request is invalid.");
    }
    let Some(session) = world.sts.sessions.get(&scope.access_key) else {
        return Ok(world.global_arn("iam", format_args!("user/{USER}")));
    };
    if scope.token.as_deref() != Some(session.token.expose()) {
        return refused(invalid, "The security token included in the request is invalid.");
    }
    if session.expires <= world.now {
        return refused(expired, "The security token included in the request is expired");
    }
    Ok(session.arn.clone())
}

/// Answers a call.
///
/// # Errors
/// STS's own, or `InvalidAction` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "GetCallerIdentity" => Ok(json!({
            "UserId": user_id(world, call),
            "Account": world.account,
            "Arn": call.caller,
        })),
        "AssumeRole" => assume_role(world, call),
        other => Err(ApiError::unknown_operation("sts", other)),
    }
}

fn user_id(world: &World, call: &Call) -> String {
    let session = world.sts.sessions.values().find(|session| session.arn == call.caller);
    // The user has no record: its id depends on the account alone.
    session.map_or_else(
        || Ids::new(world.account.parse().unwrap_or_default()).iam("AIDA"),
        |session| session.user_id.clone(),
    )
}

fn assume_role(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let role_arn = call.required("RoleArn", CODE)?;
    let name = call.required("RoleSessionName", CODE)?;
    if !(2..=64).contains(&name.len())
        || !name.chars().all(|character| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character))
    {
        let constraint =
            "Member must satisfy regular expression pattern: [\\w+=,.@-]* and have length between 2 and 64";
        return Err(violated(name, "RoleSessionName", constraint, CODE));
    }
    let who = who(world, call);
    let denied = || {
        let caller = &call.caller;
        let text =
            format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}");
        ApiError::new("AccessDenied", text).with_status(403)
    };
    let mut context = Context::new().with("sts:RoleSessionName", name);
    if let Some(id) = call.text("ExternalId") {
        context = context.with("sts:ExternalId", id);
    }
    world.iam.assume_as(call.now, role_arn, who, &context).map_err(|_| denied())?;
    if let Who::Session { .. } = who {
        // A trust in the account leaves the decision to the caller's own policies.
        world
            .iam
            .authorize(call.now, who, "sts:AssumeRole", role_arn, &context, None)
            .map_err(|_| denied())?;
    }
    let role_name = role_arn.rsplit('/').next().unwrap_or_default();
    let (role, _) = world.iam.role(role_name).ok_or_else(denied)?;
    let length = duration(call, 3_600, i64::from(role.max_session))?;
    let user_id = format!("{}:{name}", role.id);
    let arn = world.global_arn("sts", format_args!("assumed-role/{role_name}/{name}"));
    let user = json!({ "AssumedRoleId": user_id, "Arn": arn });
    let credentials = hand_out(&mut world.sts, &mut world.ids, arn, user_id, (call.now, call.now + length));
    Ok(json!({ "Credentials": credentials, "AssumedRoleUser": user }))
}

fn duration(call: &Call, default: i64, longest: i64) -> Result<Duration, ApiError> {
    let seconds = call.number("DurationSeconds").unwrap_or(default.min(longest));
    if seconds < 900 {
        let constraint = "Member must have value greater than or equal to 900";
        return Err(violated(&seconds.to_string(), "DurationSeconds", constraint, CODE));
    }
    if seconds > longest {
        return Err(ApiError::new(
            CODE,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

fn hand_out(
    sts: &mut Sts,
    ids: &mut Ids,
    arn: String,
    user_id: String,
    (now, expires): (Moment, Moment),
) -> Value {
    let access_key = format!("ASIA{}", ids.from_alphabet(KEY, 16));
    let token = ids.from_alphabet(SECRET, 200);
    let secret = ids.from_alphabet(SECRET, 40);
    let answer = json!({
        "AccessKeyId": access_key,
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": expires.iso(),
    });
    // Long expired ones need not be told apart from unknown ones.
    sts.sessions.retain(|_, session| session.expires + FORGOTTEN_AFTER > now);
    sts.sessions.insert(
        access_key,
        Session { arn, user_id, expires, token: Sealed::new(token), secret: Some(Sealed::new(secret)) },
    );
    answer
}
