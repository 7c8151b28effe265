//! Credentials that end before the tasks do.

use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Credential, Result};

/// A kind of credential that ends within hours. ECS reads the stored credential at every launch of a task, so that
/// one which is gone by then stops the service from scaling, and from replacing a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortLived {
    what: &'static str,
    ends: &'static str,
    instead: &'static str,
}

/// GitLab documentation, "GitLab CI/CD job token" and "Token overview".
const GITLAB_JOB: ShortLived = ShortLived {
    what: "a GitLab job token",
    ends: "it ends with its job",
    instead: "create a deploy token with the scope read_registry",
};
/// GitHub Docs, "About authentication to GitHub", "GitHub's token formats".
const GITHUB_APP: ShortLived = ShortLived {
    what: "GITHUB_TOKEN or another token of a GitHub app",
    ends: "it ends with its job or within the hour",
    instead: "create a classic personal access token with the scope read:packages",
};
/// GitHub Docs, "Refreshing user access tokens".
const GITHUB_APP_USER: ShortLived = ShortLived {
    what: "a token that a GitHub app has for a user",
    ends: "it ends after eight hours, unless the app lets it last",
    instead: "create a classic personal access token with the scope read:packages",
};
/// Google Cloud, "Configure authentication to Artifact Registry for Docker", "Access token".
const GOOGLE: ShortLived = ShortLived {
    what: "a Google access token",
    ends: "it ends within the hour",
    instead: "use the key of a service account that may read the repository, with the user name _json_key_base64",
};
/// Azure Container Registry, "Authentication options", "az acr login with --expose-token".
const AZURE: ShortLived = ShortLived {
    what: "a sign-in to an Azure container registry",
    ends: "it ends after three hours",
    instead: "create a token of the registry that may pull the repositories, with a password that lasts",
};
/// Amazon ECR user guide, "Private registry authentication".
const ECR: ShortLived = ShortLived {
    what: "an authorisation token of Amazon ECR",
    ends: "it ends after twelve hours",
    instead: "images in Amazon ECR need no credential: the execution role itself pulls them",
};

impl ShortLived {
    /// Returns the kind of `credential`, going by how its password begins and by the user name that goes with it.
    #[must_use]
    pub fn recognise(credential: &Credential) -> Option<Self> {
        let password = credential.password.expose();
        if password.starts_with("glcbt-") {
            return Some(GITLAB_JOB);
        }
        if password.starts_with("ghs_") {
            return Some(GITHUB_APP);
        }
        if password.starts_with("ghu_") {
            return Some(GITHUB_APP_USER);
        }
        if password.starts_with("ya29.") {
            return Some(GOOGLE);
        }
        match credential.username.as_str() {
            "gitlab-ci-token" => Some(GITLAB_JOB),
            "oauth2accesstoken" | "_dcgcloud_token" => Some(GOOGLE),
            "00000000-0000-0000-0000-000000000000" => Some(AZURE),
            "AWS" => Some(ECR),
            _ => None,
        }
    }

    /// Refuses a credential that ends soon, or warns of it where it is `allowed`. `place` is where it was found.
    ///
    /// # Errors
    /// Where it is not allowed.
    pub fn check(context: &Context, credential: &Credential, place: &str, allowed: bool) -> Result<()> {
        let Some(Self { what, ends, instead }) = Self::recognise(credential) else { return Ok(()) };
        if allowed {
            context.warn(format!(
                "what is in the {place} is {what}: {ends}; tasks that start later cannot pull"
            ));
            return Ok(());
        }
        let message =
            format!("what is in the {place} is {what}: {ends}, and tasks that start later could not pull");
        let help = format!("{instead}; or set allow-short-lived = true, for tasks that are gone by then");
        Err(Failure::new(FailureKind::Invalid, message).help(help))
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::Secret;

    use super::*;

    #[test]
    fn is_told_by_the_password_or_the_user_name() {
        let recognise = |username: &str, password: &str| {
            ShortLived::recognise(&Credential {
                username: username.into(),
                password: Secret::new(password.into()),
            })
        };
        for (username, password, kind) in [
            ("gitlab-ci-token", "64_x", GITLAB_JOB),
            ("acme", "glcbt-64_x", GITLAB_JOB),
            ("acme", "ghs_x", GITHUB_APP),
            ("acme", "ghu_x", GITHUB_APP_USER),
            ("oauth2accesstoken", "x", GOOGLE),
            ("_dcgcloud_token", "x", GOOGLE),
            ("acme", "ya29.x", GOOGLE),
            ("00000000-0000-0000-0000-000000000000", "ey", AZURE),
            ("AWS", "ey", ECR),
        ] {
            assert_eq!(recognise(username, password), Some(kind), "{username} {password}");
        }
        for (username, password) in [
            ("robot$acme", "hunter2"),
            ("gitlab+deploy-token-1", "gldt-x"),
            ("acme", "ghp_x"),
            ("acme", "gho_x"),
            ("acme", "dckr_pat_x"),
            ("_json_key", "{}"),
            ("aws", "x"),
        ] {
            assert_eq!(recognise(username, password), None, "{username} {password}");
        }
    }
}
