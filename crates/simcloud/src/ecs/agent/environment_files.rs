//! Files in S3 with environment variables. The simulated cloud has no S3: every object is there, and the execution role must
//! be allowed to read it.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html>

use super::{Role, refusal::Refusal};
use crate::{Moment, World, ecs::task_definition::TaskSpec, iam::Context, policy::Who};

/// Reads the files of all containers.
pub(super) fn read(world: &World, now: Moment, role: Option<&Role>, spec: &TaskSpec) -> Result<(), Refusal> {
    for file in spec.container_definitions.iter().flat_map(|container| &container.environment_files) {
        let Some(role) = role else { return Err(Refusal::environment_file("no execution role")) };
        let bucket = file.value.split_once('/').map_or(file.value.as_str(), |(bucket, _)| bucket);
        for (action, resource) in [("s3:GetBucketLocation", bucket), ("s3:GetObject", file.value.as_str())] {
            let who = Who::Session { role: &role.arn, session: &role.session };
            let authorized = world.iam.authorize(now, who, action, resource, &Context::new(), None);
            authorized
                .map_err(|_| Refusal::environment_file("AccessDenied: Access Denied status code: 403"))?;
        }
    }
    Ok(())
}
