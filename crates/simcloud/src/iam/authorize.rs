//! Authorisation: trust, identity policies, boundary and resource policy together.

use super::Iam;
use crate::{
    Moment,
    policy::{Context, Decision, Document, Kind, Naming, Request, Who},
};

/// A refusal, in the words that AWS puts into its access-denied messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("User: {who} is not authorized to perform: {action} on resource: {resource} {because}")]
pub struct Denial {
    /// The ARN of who asked.
    pub who: String,
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// True if a statement denies it, and not only none allows it.
    pub explicit: bool,
    /// "because no … policy allows the … action", or "with an explicit deny in …".
    pub because: String,
}

impl Iam {
    /// Checks that a service may assume a role at `now`, as the trust policy is seen then.
    ///
    /// # Errors
    /// The reason for the refusal, for the caller's log. AWS itself only says that it is not allowed.
    pub fn assume(
        &self,
        now: Moment,
        role_arn: &str,
        service_principal: &str,
        context: &Context,
    ) -> Result<(), String> {
        self.assume_as(now, role_arn, Who::Service(service_principal), context)
    }

    /// Checks that `who` may assume a role at `now`.
    ///
    /// # Errors
    /// The reason for the refusal.
    pub fn assume_as(
        &self,
        now: Moment,
        role_arn: &str,
        who: Who<'_>,
        context: &Context,
    ) -> Result<(), String> {
        let Some(grants) = self.seen_grants(now, role_arn) else {
            return Err(format!("the role {role_arn} does not exist, or is not visible yet"));
        };
        let trust = Document::parse(&grants.trust, Kind::Trust)
            .map_err(|error| format!("the trust policy of {role_arn} is malformed: {error}"))?;
        let context = self.global_keys(now, who).or(context.clone());
        let request = Request { action: "sts:AssumeRole", resource: role_arn, who, context: &context };
        match trust.decide(&request) {
            Decision::Allowed => Ok(()),
            Decision::ExplicitDeny => Err(format!("the trust policy of {role_arn} denies it")),
            Decision::ImplicitDeny => Err(format!("the trust policy of {role_arn} does not allow it")),
        }
    }

    /// Returns the decision of a role's inline and attached policies and its permissions boundary, as seen at `now`.
    #[must_use]
    pub fn evaluate(
        &self,
        now: Moment,
        role_arn: &str,
        action: &str,
        resource: &str,
        context: &Context,
    ) -> Decision {
        let who = Who::Session { role: role_arn, session: role_arn };
        match self.authorize(now, who, action, resource, context, None) {
            Ok(()) => Decision::Allowed,
            Err(denial) if denial.explicit => Decision::ExplicitDeny,
            Err(_) => Decision::ImplicitDeny,
        }
    }

    /// Checks that `who` may perform `action` on `resource`, with the resource's own policy if it has one.
    ///
    /// Users of the account are its administrators: only a resource policy's deny stops them.
    ///
    /// # Errors
    /// The refusal in AWS's words.
    pub fn authorize(
        &self,
        now: Moment,
        who: Who<'_>,
        action: &str,
        resource: &str,
        context: &Context,
        resource_policy: Option<&Document>,
    ) -> Result<(), Denial> {
        let context = self.global_keys(now, who).or(context.clone());
        let request = Request { action, resource, who, context: &context };
        let denial = |explicit: bool, because: String| {
            let who = match who {
                Who::Service(name) => name,
                Who::User { arn } => arn,
                Who::Session { session, .. } => session,
            };
            let (who, action, resource) = (who.to_owned(), action.to_owned(), resource.to_owned());
            Err(Denial { who, action, resource, explicit, because })
        };
        let denied_by = |policy: &str| denial(true, format!("with an explicit deny in {policy}"));
        let not_allowed_by =
            |policy: &str| denial(false, format!("because no {policy} allows the {action} action"));

        let by_resource = resource_policy.map(|policy| policy.decide_named(&request, Naming::Itself));
        if by_resource == Some(Decision::ExplicitDeny) {
            return denied_by("a resource-based policy");
        }
        let role = match who {
            Who::User { .. } => return Ok(()),
            Who::Service(_) if by_resource == Some(Decision::Allowed) => return Ok(()),
            Who::Service(_) => return not_allowed_by("resource-based policy"),
            Who::Session { role, .. } => role,
        };
        let Some(grants) = self.seen_grants(now, role) else {
            return not_allowed_by("identity-based policy");
        };
        let by_identity = self.decide_identity(now, grants, &request);
        if by_identity == Decision::ExplicitDeny {
            return denied_by("an identity-based policy");
        }
        if let Some(boundary) = &grants.boundary {
            let document = self.seen_document(now, boundary);
            match document.map_or(Decision::ImplicitDeny, |text| decide_text(text, &request)) {
                Decision::Allowed => {}
                Decision::ExplicitDeny => return denied_by("a permissions boundary"),
                Decision::ImplicitDeny => return not_allowed_by("permissions boundary"),
            }
        }
        if by_identity == Decision::Allowed || by_resource == Some(Decision::Allowed) {
            return Ok(());
        }
        not_allowed_by("identity-based policy")
    }

    fn decide_identity(&self, now: Moment, grants: &super::Grants, request: &Request<'_>) -> Decision {
        let attached = grants.attached.iter().filter_map(|arn| self.seen_document(now, arn));
        grants
            .inline
            .values()
            .map(String::as_str)
            .chain(attached)
            .map(|text| decide_text(text, request))
            .fold(Decision::ImplicitDeny, Decision::and_also)
    }

    /// The keys that every request carries.
    pub(super) fn global_keys(&self, now: Moment, who: Who<'_>) -> Context {
        let context = Context::new()
            .with("aws:CurrentTime", now.iso())
            .with("aws:EpochTime", (now.0 / 1000).to_string())
            .with("aws:SecureTransport", "true");
        match who {
            Who::Service(_) => context.with("aws:PrincipalIsAWSService", "true"),
            Who::User { arn } => context
                .with("aws:PrincipalArn", arn)
                .with("aws:PrincipalAccount", &self.account)
                .with("aws:PrincipalType", "User")
                .with("aws:PrincipalIsAWSService", "false"),
            Who::Session { role, .. } => context
                .with("aws:PrincipalArn", role)
                .with("aws:PrincipalAccount", &self.account)
                .with("aws:PrincipalType", "AssumedRole")
                .with("aws:PrincipalIsAWSService", "false"),
        }
    }
}

/// Stored documents were checked when they were written; one that is not readable permits nothing.
fn decide_text(text: &str, request: &Request<'_>) -> Decision {
    Document::parse(text, Kind::Identity).map_or(Decision::ImplicitDeny, |document| document.decide(request))
}
