//! The user and the job that run the command: other runs show them while they wait for the stack's lock.

use std::collections::BTreeMap;

/// The user and the job that run the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runner {
    /// `user@host`, or the user of the system that runs the job.
    pub(crate) who: String,
    /// The job: `GitHub Actions acme/shop deploy #17`.
    pub(crate) job: Option<String>,
    /// The URL of the job's log.
    pub(crate) url: Option<String>,
}

/// Returns the user and the job that run the command. They come from the environment variables that systems of
/// continuous integration set for a job (each documents them), otherwise from those of a login.
pub(crate) fn runner(variables: &BTreeMap<String, String>) -> Runner {
    let variable = |name: &str| variables.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let words = |parts: &[Option<String>]| {
        let parts: Vec<_> = parts.iter().flatten().map(String::as_str).collect();
        Some(parts.join(" "))
    };
    let text = |name: &str| variable(name).map(str::to_owned);
    let numbered = |name: &str| variable(name).map(|number| format!("#{number}"));
    let host = || variable("HOSTNAME").or_else(|| variable("COMPUTERNAME")).unwrap_or("an unknown host");
    let user = || {
        let user = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(variable);
        format!("{}@{}", user.unwrap_or("somebody"), host())
    };
    let runner = |system: &str, who: &[&str], job: &[Option<String>], url: Option<String>| Runner {
        who: who.iter().copied().find_map(text).unwrap_or_else(user),
        job: words(&[&[Some(system.to_owned())], job].concat()),
        url,
    };
    if variable("GITHUB_ACTIONS").is_some() || variable("GITHUB_RUN_ID").is_some() {
        let server = variable("GITHUB_SERVER_URL").unwrap_or("https://github.com");
        let url = match (variable("GITHUB_REPOSITORY"), variable("GITHUB_RUN_ID")) {
            (Some(repository), Some(run)) => {
                let attempt = variable("GITHUB_RUN_ATTEMPT").filter(|attempt| *attempt != "1");
                let attempt = attempt.map(|attempt| format!("/attempts/{attempt}")).unwrap_or_default();
                Some(format!("{server}/{repository}/actions/runs/{run}{attempt}"))
            }
            _ => None,
        };
        let job = [text("GITHUB_REPOSITORY"), text("GITHUB_WORKFLOW"), numbered("GITHUB_RUN_NUMBER")];
        runner("GitHub Actions", &["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"], &job, url)
    } else if variable("GITLAB_CI").is_some() {
        let job = [text("CI_PROJECT_PATH"), text("CI_JOB_NAME"), numbered("CI_JOB_ID")];
        runner("GitLab CI", &["GITLAB_USER_LOGIN"], &job, text("CI_JOB_URL"))
    } else if variable("CIRCLECI").is_some() {
        let project = variable("CIRCLE_PROJECT_USERNAME").zip(variable("CIRCLE_PROJECT_REPONAME"));
        let project = project.map(|(owner, name)| format!("{owner}/{name}"));
        let job = [project, text("CIRCLE_JOB"), numbered("CIRCLE_BUILD_NUM")];
        runner("CircleCI", &["CIRCLE_USERNAME"], &job, text("CIRCLE_BUILD_URL"))
    } else if variable("BUILDKITE").is_some() {
        let url = variable("BUILDKITE_BUILD_URL").map(|build| match variable("BUILDKITE_JOB_ID") {
            Some(job) => format!("{build}#{job}"),
            None => build.to_owned(),
        });
        let job =
            [text("BUILDKITE_PIPELINE_SLUG"), text("BUILDKITE_LABEL"), numbered("BUILDKITE_BUILD_NUMBER")];
        runner("Buildkite", &["BUILDKITE_BUILD_CREATOR"], &job, url)
    } else if variable("JENKINS_URL").is_some() {
        let job = [text("JOB_NAME"), numbered("BUILD_NUMBER")];
        runner("Jenkins", &["BUILD_USER_ID"], &job, text("BUILD_URL"))
    } else {
        Runner { who: user(), job: None, url: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(variables: &[(&str, &str)]) -> String {
        let set = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let Runner { who, job, url } = runner(&set.collect());
        [Some(who), job, url].into_iter().flatten().collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn a_person_is_a_user_at_a_host() {
        assert_eq!(shown(&[("USER", "jo"), ("HOSTNAME", "laptop")]), "jo@laptop");
        assert_eq!(shown(&[("USERNAME", "jo"), ("COMPUTERNAME", "PC")]), "jo@PC");
        assert_eq!(shown(&[("USER", "")]), "somebody@an unknown host");
    }

    #[test]
    fn a_job_is_named_with_its_log() {
        let github = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_WORKFLOW", "deploy"),
            ("GITHUB_RUN_ID", "42"),
            ("GITHUB_RUN_NUMBER", "17"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_ACTOR", "jo"),
            ("GITHUB_SERVER_URL", "https://github.example.com"),
        ];
        let mut again = github;
        again[5].1 = "2";
        let gitlab = [
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_PATH", "acme/shop"),
            ("CI_JOB_NAME", "deploy"),
            ("CI_JOB_ID", "42"),
            ("CI_JOB_URL", "https://gitlab.com/acme/shop/-/jobs/42"),
            ("GITLAB_USER_LOGIN", "jo"),
        ];
        let circleci = [
            ("CIRCLECI", "true"),
            ("CIRCLE_PROJECT_USERNAME", "acme"),
            ("CIRCLE_PROJECT_REPONAME", "shop"),
            ("CIRCLE_JOB", "deploy"),
            ("CIRCLE_BUILD_NUM", "42"),
            ("CIRCLE_BUILD_URL", "https://circleci.com/gh/acme/shop/42"),
            ("CIRCLE_USERNAME", "jo"),
        ];
        let buildkite = [
            ("BUILDKITE", "true"),
            ("BUILDKITE_PIPELINE_SLUG", "shop"),
            ("BUILDKITE_LABEL", "deploy"),
            ("BUILDKITE_BUILD_NUMBER", "42"),
            ("BUILDKITE_BUILD_URL", "https://buildkite.com/acme/shop/builds/42"),
            ("BUILDKITE_JOB_ID", "0190"),
            ("BUILDKITE_BUILD_CREATOR", "Jo"),
        ];
        let jenkins = [
            ("JENKINS_URL", "https://ci.example.com/"),
            ("JOB_NAME", "shop/main"),
            ("BUILD_NUMBER", "42"),
            ("BUILD_URL", "https://ci.example.com/job/shop/job/main/42/"),
            ("USER", "jenkins"),
            ("HOSTNAME", "agent-3"),
        ];
        let all = [
            shown(&github),
            shown(&again),
            shown(&gitlab),
            shown(&circleci),
            shown(&buildkite),
            shown(&jenkins),
            shown(&[("GITLAB_CI", "true"), ("USER", "root"), ("HOSTNAME", "runner-1")]),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }
}
