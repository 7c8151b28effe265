//! Amazon EC2, as much as a network for tasks needs: VPCs, subnets, security groups, zones.

mod state;

pub use state::{Ec2, SecurityGroup, Subnet, Vpc};
