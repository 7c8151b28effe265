use aws_sdk_ec2::{Client, types::Filter};

use crate::testing::{cloud, code, sdk};

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

#[tokio::test(start_paused = true)]
async fn the_default_network_is_there() {
    let client = Client::new(&sdk(&cloud()));
    let vpcs = client.describe_vpcs().filters(filter("isDefault", "true")).send().await.unwrap();
    let vpc = vpcs.vpcs()[0].vpc_id().unwrap();
    let subnets = client
        .describe_subnets()
        .filters(filter("vpc-id", vpc))
        .filters(filter("default-for-az", "true"))
        .send()
        .await
        .unwrap();
    let zones: Vec<_> = subnets.subnets().iter().filter_map(|subnet| subnet.availability_zone()).collect();
    assert_eq!(zones, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]);
    assert!(subnets.subnets().iter().all(|subnet| subnet.map_public_ip_on_launch() == Some(true)));
    let groups =
        client.describe_security_groups().filters(filter("group-name", "default")).send().await.unwrap();
    assert_eq!(groups.security_groups()[0].vpc_id(), Some(vpc));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_refused_by_name() {
    let client = Client::new(&sdk(&cloud()));
    let subnet = client.describe_subnets().subnet_ids("subnet-0123").send().await;
    assert_eq!(code(&subnet), "InvalidSubnetID.NotFound");
    let filtered = client.describe_vpcs().filters(filter("colour", "red")).send().await;
    assert_eq!(code(&filtered), "InvalidParameterValue");
    assert_eq!(code(&client.describe_instances().send().await), "InvalidAction");
}

#[tokio::test(start_paused = true)]
async fn subnets_lie_in_their_network_and_do_not_overlap() {
    let client = Client::new(&sdk(&cloud()));
    let vpc =
        client.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let create = |cidr: &str| client.create_subnet().vpc_id(&vpc).cidr_block(cidr).send();
    create("10.0.0.0/24").await.unwrap();
    assert_eq!(code(&create("10.0.0.128/25").await), "InvalidSubnet.Conflict");
    assert_eq!(code(&create("10.1.0.0/24").await), "InvalidSubnet.Range");
    assert_eq!(code(&client.delete_vpc().vpc_id(&vpc).send().await), "DependencyViolation");
}
