//! The command, run in this process against the simulated cloud: what people and programs read, and exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adopt;
mod autoscaled;
mod container_secrets;
mod credentials;
mod definition_files;
mod drift;
mod ecr;
mod embedded;
mod environments;
mod events;
mod execution_roles;
mod failures;
mod foreign_text;
mod hand;
mod hostile_files;
mod http;
mod interrupts;
mod lifecycle;
mod limits;
mod lock;
mod minted;
mod moved_tags;
mod needs_python;
mod output_page;
mod outside;
mod panics;
mod partitions;
mod pipelines;
mod plan_files;
mod programs;
mod project;
mod protect;
mod proxies;
mod prune;
mod registries;
mod role_path;
mod rollback;
mod rotation;
mod secrecy;
mod sources;
mod stacks;
mod steps;
mod undo;
mod usage;
