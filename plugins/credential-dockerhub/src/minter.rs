//! Organisation access tokens that are made for the stack.

use async_trait::async_trait;
use longshore_model::{Failure, FailureKind, Fields};
use longshore_plugin::{Context, Credential, Minted, PullScope, Result, TokenMinter};
use longshore_registry_api::{is_for, read_time, rfc3339, token_name};
use serde_json::json;

use crate::{
    hub::{Hub, is_segment},
    resources::Resources,
};

/// The default lifetime of a token.
const EXPIRES_DAYS: u32 = 90;

/// The option `mint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mint {
    pub(crate) organization: String,
    expires_days: u32,
    label: Option<String>,
}

impl Mint {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let organization = fields.required_text("organization", "\"acme\"").filter(|name| {
            let is_name = is_segment(name);
            if !is_name {
                fields.refuse("organization", "the name of an organisation on Docker Hub");
            }
            is_name
        });
        let expires_days = fields.number("expires-days", 1..=3650).unwrap_or(EXPIRES_DAYS);
        // With what comes after it, it keeps to the 100 characters that the labels of personal tokens may have.
        let label = fields.text("label");
        if label.as_ref().is_some_and(|label| label.trim().is_empty() || label.chars().count() > 50) {
            fields.refuse("label", "a text of 1 to 50 characters");
        }
        Some(Self { organization: organization?, expires_days, label })
    }
}

/// Makes organisation access tokens.
#[derive(Debug)]
pub(crate) struct HubMinter {
    pub(crate) hub: Hub,
    pub(crate) mint: Mint,
}

impl HubMinter {
    fn resources(&self, scope: &PullScope) -> Result<Resources> {
        Resources::of(scope, &self.mint.organization, &format!("{}.mint", self.hub.key))
    }
}

#[async_trait]
impl TokenMinter for HubMinter {
    fn issuer(&self) -> String {
        format!("dockerhub {} {}", self.hub.api.host(), self.mint.organization)
    }

    async fn check(&self, context: &Context, scope: &PullScope) -> Result<String> {
        let resources = self.resources(scope)?;
        let Mint { organization, expires_days, .. } = &self.mint;
        self.hub.log_in(context, organization).await?.list(context).await?;
        Ok(format!(
            "an organisation access token of {organization} that pulls {}, for {expires_days} days",
            resources.describe()
        ))
    }

    async fn mint(&self, context: &Context, scope: &PullScope) -> Result<Minted> {
        let resources = self.resources(scope)?;
        let Mint { organization, expires_days, label } = &self.mint;
        let clock = self.hub.api.clock();
        let label = token_name(label.as_deref(), scope, clock);
        let body = json!({
            "label": label,
            "description": format!("made by Longshore for the stack {}", scope.stack),
            "resources": resources.to_json(),
            "expires_at": rfc3339(clock.in_days(*expires_days)),
        });
        let session = self.hub.log_in(context, organization).await?;
        let created = session.create(context, &body).await;
        let created = created.map_err(|failure| match failure.kind {
            FailureKind::Unavailable => failure.help(format!(
                "run again later; if it was made nevertheless, it is called `{label}`, and the next run revokes it"
            )),
            _ => failure,
        })?;
        let expires_at = created.expires_at.as_deref().and_then(read_time);
        let credential = Credential { username: organization.clone(), password: created.token };
        Ok(Minted { credential, id: format!("{organization}/{}", created.id), expires_at })
    }

    async fn list(&self, context: &Context, scope: &PullScope) -> Result<Vec<String>> {
        let organization = &self.mint.organization;
        let tokens = self.hub.log_in(context, organization).await?.list(context).await?;
        let own = tokens.iter().filter(|token| is_for(&token.label, &scope.holder));
        Ok(own.map(|token| format!("{organization}/{}", token.id)).collect())
    }

    async fn revoke(&self, context: &Context, id: &str) -> Result<()> {
        // The organisation is that of the token, whatever the configuration says by now.
        let (organization, id) =
            id.split_once('/').filter(|(first, second)| is_segment(first) && is_segment(second)).ok_or_else(
                || Failure::new(FailureKind::Invalid, "this is no token of Docker Hub's that was made here"),
            )?;
        let session = self.hub.log_in(context, organization).await?;
        if !session.delete(context, id).await? {
            // Gone, if it would be seen otherwise.
            session.list(context).await?;
        }
        Ok(())
    }
}
