//! The ECS agent's needs of an execution role beside reading secrets: it pulls images from Amazon ECR, and writes the
//! containers' logs (ECS developer guide, "Amazon ECS task execution IAM role").

use std::collections::BTreeSet;

use longshore_plugin::RoleSpec;

use crate::{needs::Need, policy::Place};

/// The managed policy that AWS made for this: it allows [`AUTHORIZE`], [`PULL`] and [`LOG`] on everything.
pub(crate) const TASK_EXECUTION: &str = "service-role/AmazonECSTaskExecutionRolePolicy";

/// Logs in to the registry of an account; it is about no resource.
pub(crate) const AUTHORIZE: &str = "ecr:GetAuthorizationToken";
/// Pull from a repository.
pub(crate) const PULL: [&str; 3] =
    ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
/// Write a log stream.
pub(crate) const LOG: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];

/// Create a log group.
pub(crate) const CREATE_GROUP: &str = "logs:CreateLogGroup";

/// The repositories and log groups that a role uses, by ARNs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PullAndLog {
    pub(crate) repositories: BTreeSet<String>,
    /// The log groups, without the `:*` with which policies name them.
    pub(crate) groups: BTreeSet<String>,
    /// The groups that are created on behalf of the role.
    pub(crate) created: BTreeSet<String>,
    /// A log stream of each container.
    streams: BTreeSet<String>,
}

impl PullAndLog {
    pub(crate) fn of(role: &RoleSpec, place: &Place<'_>) -> Self {
        let Place { partition, region, account } = place;
        let repositories =
            role.images.iter().filter_map(|image| Some(image.ecr()?.repository_arn(image.repository())));
        let group = |group: &str| format!("arn:{partition}:logs:{region}:{account}:log-group:{group}");
        let streams = role.log_streams.iter();
        Self {
            repositories: repositories.collect(),
            created: role
                .log_streams
                .iter()
                .filter(|stream| stream.creates_group)
                .map(|stream| group(&stream.group))
                .collect(),
            groups: role.log_streams.iter().map(|stream| group(&stream.group)).collect(),
            streams: streams
                .map(|stream| format!("{}:log-stream:{}", group(&stream.group), stream.name))
                .collect(),
        }
    }

    pub(crate) fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        let mut add = |action: &'static str, resource: &str| {
            needs.push(Need { action, resource: resource.to_owned(), context: Vec::new() });
        };
        if !self.repositories.is_empty() {
            add(AUTHORIZE, "*");
        }
        for repository in &self.repositories {
            PULL.iter().for_each(|action| add(action, repository));
        }
        for stream in &self.streams {
            LOG.iter().for_each(|action| add(action, stream));
        }
        needs
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::Name;
    use longshore_plugin::LogStream;

    use super::*;
    use crate::{policy::Document, proof::prove_pulls_and_logs};

    const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account: "123456789012" };

    fn of(groups: &[&str], images: &[&str]) -> PullAndLog {
        let stream = |group: &&str| LogStream {
            group: (*group).to_owned(),
            name: "ecs/api/0".to_owned(),
            creates_group: false,
        };
        let role = RoleSpec {
            log_streams: groups.iter().map(stream).collect(),
            images: images.iter().map(|image| image.parse().unwrap()).collect(),
            ..RoleSpec::new(Name::new("api").unwrap())
        };
        PullAndLog::of(&role, &PLACE)
    }

    fn generated(purpose: &PullAndLog) -> String {
        Document::pulls_and_logs(purpose).unwrap().to_json().unwrap()
    }

    const IMAGE: &str = "210987654321.dkr.ecr.us-east-1.amazonaws.com/acme/api:1";

    #[test]
    fn the_policy_names_exactly_the_repositories_and_log_groups() {
        assert_eq!(Document::pulls_and_logs(&of(&[], &["nginx:1", "ghcr.io/acme/api:1"])), None);
        let both = of(&["/shop/api"], &[IMAGE, "nginx:1"]);
        insta::assert_json_snapshot!("pull_and_log", Document::pulls_and_logs(&both));
        for purpose in [of(&["/shop/api"], &[]), of(&[], &[IMAGE]), both] {
            assert_eq!(prove_pulls_and_logs(&generated(&purpose), &purpose), Ok(()));
        }
    }

    #[test]
    fn repositories_are_named_by_every_name_of_the_registry() {
        for (host, arn) in [
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "arn:aws:ecr:eu-west-1:123456789012"),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "arn:aws:ecr:us-east-1:123456789012"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "arn:aws-cn:ecr:cn-north-1:123456789012"),
            (
                "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
                "arn:aws-eusc:ecr:eusc-de-east-1:123456789012",
            ),
        ] {
            let purpose = of(&[], &[&format!("{host}/acme/api:1")]);
            assert_eq!(purpose.repositories, [format!("{arn}:repository/acme/api")].into(), "{host}");
            assert_eq!(prove_pulls_and_logs(&generated(&purpose), &purpose), Ok(()));
        }
    }

    #[test]
    fn a_policy_that_is_too_wide_or_too_narrow_is_refused() {
        let purpose = of(&["/shop/api"], &[IMAGE]);
        let good = generated(&purpose);
        for (from, to) in [
            ("acme/api", "acme/*"),
            ("210987654321", "*"),
            ("ecr:BatchGetImage", "ecr:*"),
            ("ecr:BatchGetImage", "ecr:BatchGetRepositoryScanningConfiguration"),
            ("ecr:GetAuthorizationToken", "ecr:DescribeRegistry"),
            ("/shop/api:*", "/shop/*"),
            ("/shop/api:*", "/shop/api"),
            ("logs:PutLogEvents", "logs:*"),
            ("logs:CreateLogStream", "logs:DescribeLogStreams"),
        ] {
            let changed = good.replacen(from, to, 1);
            assert_ne!(changed, good, "{from}");
            assert!(prove_pulls_and_logs(&changed, &purpose).is_err(), "{from} => {to}");
        }
        // A role that pulls nothing from ECR does not log in there.
        let logs = of(&["/shop/api"], &[]);
        assert!(prove_pulls_and_logs(&good, &logs).is_err());
    }
}
