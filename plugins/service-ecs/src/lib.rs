//! Service deployer on Amazon ECS.
