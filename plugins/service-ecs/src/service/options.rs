//! Options of new tasks beside their definition: tags, execution of commands, and Fargate's platform version. Only
//! commands are a matter of the configuration.

use aws_sdk_ecs::{
    operation::{
        create_service::builders::CreateServiceFluentBuilder,
        update_service::builders::UpdateServiceFluentBuilder,
    },
    types::{PropagateTags, Service},
};
use longshore_model::{FieldChange, Shown};

use crate::aws_fields::AwsFields;
use crate::declaration::LaunchType;

const MANAGED_TAGS: &str = "enableECSManagedTags";
const PROPAGATE_TAGS: &str = "propagateTags";
const EXECUTE_COMMAND: &str = "enableExecuteCommand";
const PLATFORM_VERSION: &str = "platformVersion";

/// ECS's platform version of a service that was created without one. Deployments and tasks show the version that it
/// came to.
const LATEST: &str = "LATEST";

/// As a service is made. ECS takes the latest platform version by itself.
pub(super) fn make(call: CreateServiceFluentBuilder, execute_command: bool) -> CreateServiceFluentBuilder {
    let call = call.enable_ecs_managed_tags(true).propagate_tags(PropagateTags::Service);
    call.enable_execute_command(execute_command)
}

/// Field by field, as plans show it, without what AWS's own `fields` declare. Platform versions are Fargate's.
pub(super) fn fields(
    launch_type: LaunchType,
    execute_command: bool,
    aws: &AwsFields,
) -> Vec<(&'static str, Shown)> {
    let mut fields = vec![
        (MANAGED_TAGS, Shown::text(true)),
        (PROPAGATE_TAGS, Shown::text(PropagateTags::Service.as_str())),
        (EXECUTE_COMMAND, Shown::text(execute_command)),
    ];
    if launch_type == LaunchType::Fargate {
        fields.push((PLATFORM_VERSION, Shown::text(LATEST)));
    }
    fields.retain(|(field, _)| !aws.service().contains_key(*field));
    fields
}

/// Returns true if the configuration sets the field by a short word.
pub(super) fn is_declared(field: &str, aws: &AwsFields) -> bool {
    field == EXECUTE_COMMAND && aws.has_word("execute-command")
}

/// The options that differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    managed_tags: bool,
    propagate_tags: bool,
    /// True if `enableExecuteCommand` changes.
    pub(super) execute_command: bool,
    platform_version: bool,
}

/// Returns a service's value of `field`, or `None` if its endpoint does not report it.
fn reported(service: &Service, field: &str) -> Option<Shown> {
    // For the SDK, what is not reported is false. ECS describes every service with its deployment configuration; moto, which
    // keeps neither flag, does not.
    let flag = |flag: bool| {
        let is_reported = flag || service.deployment_configuration().is_some();
        is_reported.then(|| Shown::text(flag))
    };
    match field {
        MANAGED_TAGS => flag(service.enable_ecs_managed_tags),
        PROPAGATE_TAGS => service.propagate_tags().map(|tags| Shown::text(tags.as_str())),
        EXECUTE_COMMAND => flag(service.enable_execute_command),
        _ => platform_version(service).map(Shown::text),
    }
}

/// The platform version that was asked for; emulators leave it out, or empty.
fn platform_version(service: &Service) -> Option<&str> {
    service.platform_version().filter(|version| !version.is_empty())
}

impl Changed {
    /// Compares `service` with the `declared` fields, and adds those that differ to `changes`.
    pub(super) fn of(
        service: &Service,
        declared: Vec<(&'static str, Shown)>,
        changes: &mut Vec<FieldChange>,
    ) -> Self {
        let mut changed = Self::default();
        for (field, declared) in declared {
            let Some(old) = reported(service, field).filter(|old| *old != declared) else { continue };
            changes.push(FieldChange::new(field, Some(old), Some(declared)));
            *changed.of_field(field) = true;
        }
        changed
    }

    /// Returns the differences between two descriptions of one service.
    pub(super) fn between(one: &Service, other: &Service) -> Self {
        Self {
            managed_tags: one.enable_ecs_managed_tags != other.enable_ecs_managed_tags,
            propagate_tags: one.propagate_tags != other.propagate_tags,
            execute_command: one.enable_execute_command != other.enable_execute_command,
            platform_version: platform_version(one) != platform_version(other),
        }
    }

    fn of_field(&mut self, field: &str) -> &mut bool {
        match field {
            MANAGED_TAGS => &mut self.managed_tags,
            PROPAGATE_TAGS => &mut self.propagate_tags,
            EXECUTE_COMMAND => &mut self.execute_command,
            _ => &mut self.platform_version,
        }
    }

    /// Returns true if anything differs.
    pub(super) const fn any(self) -> bool {
        self.managed_tags || self.propagate_tags || self.execute_command || self.platform_version
    }

    /// Returns true if the change has to reach the tasks that run: otherwise who could execute commands in them still could, and
    /// who should would have to wait for the next ones. With another platform version, ECS begins a deployment by itself
    /// (API reference, UpdateService). Tags are for the next tasks.
    pub(super) const fn replaces_tasks(self) -> bool {
        self.platform_version || self.execute_command
    }

    /// Returns the changes that are for the next tasks only.
    pub(super) const fn of_next_tasks(self) -> Self {
        Self { execute_command: false, platform_version: false, ..self }
    }

    /// Changes a service to be as it is declared.
    pub(super) fn apply(
        self,
        execute_command: bool,
        mut call: UpdateServiceFluentBuilder,
    ) -> UpdateServiceFluentBuilder {
        if self.managed_tags {
            call = call.enable_ecs_managed_tags(true);
        }
        if self.propagate_tags {
            call = call.propagate_tags(PropagateTags::Service);
        }
        if self.execute_command {
            call = call.enable_execute_command(execute_command).force_new_deployment(true);
        }
        if self.platform_version {
            call = call.platform_version(LATEST);
        }
        call
    }

    /// Changes a service back to what it was.
    pub(super) fn restore(
        self,
        before: &Service,
        mut call: UpdateServiceFluentBuilder,
    ) -> UpdateServiceFluentBuilder {
        if self.managed_tags {
            call = call.enable_ecs_managed_tags(before.enable_ecs_managed_tags);
        }
        if self.propagate_tags {
            call = call.propagate_tags(before.propagate_tags.clone().unwrap_or(PropagateTags::None));
        }
        if self.execute_command {
            let execute_command = before.enable_execute_command;
            call = call.enable_execute_command(execute_command).force_new_deployment(true);
        }
        if self.platform_version {
            call = call.set_platform_version(platform_version(before).map(str::to_owned));
        }
        call
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::DeploymentConfiguration;

    use super::*;

    fn changes(service: &Service, launch_type: LaunchType) -> Vec<String> {
        let mut changes = Vec::new();
        Changed::of(service, fields(launch_type, false, &AwsFields::default()), &mut changes);
        changes.into_iter().map(|change| change.field).collect()
    }

    #[test]
    fn what_an_endpoint_does_not_report_is_no_change() {
        // As moto and ministack describe a service.
        let described = Service::builder().propagate_tags(PropagateTags::Service);
        assert_eq!(changes(&described.clone().build(), LaunchType::Fargate), [""; 0]);
        let configuration = DeploymentConfiguration::builder().maximum_percent(200).build();
        let described = described.deployment_configuration(configuration).enable_ecs_managed_tags(true);
        assert_eq!(changes(&described.platform_version("").build(), LaunchType::Fargate), [""; 0]);
    }

    #[test]
    fn what_ecs_reports_is_compared() {
        let configuration = DeploymentConfiguration::builder().maximum_percent(200).build();
        let described = Service::builder().deployment_configuration(configuration);
        let described = described.propagate_tags(PropagateTags::None).enable_execute_command(true);
        let service = described.platform_version("1.4.0").build();
        let alike = [MANAGED_TAGS, PROPAGATE_TAGS, EXECUTE_COMMAND];
        assert_eq!(changes(&service, LaunchType::Ec2), alike);
        assert_eq!(changes(&service, LaunchType::Fargate), [&alike[..], &[PLATFORM_VERSION]].concat());
    }
}
