use crate::testing::{cloud, ec2, texts};

#[tokio::test(start_paused = true)]
async fn the_default_network_is_there() {
    let cloud = cloud();
    let vpcs = ec2(&cloud, "Action=DescribeVpcs&Filter.1.Name=isDefault&Filter.1.Value.1=true").await;
    let vpc = texts(&vpcs, "vpcId")[0];
    let subnets = format!(
        "Action=DescribeSubnets&Filter.1.Name=vpc-id&Filter.1.Value.1={vpc}&Filter.2.Name=default-for-az\
         &Filter.2.Value.1=true"
    );
    let subnets = ec2(&cloud, &subnets).await;
    assert_eq!(texts(&subnets, "availabilityZone"), ["eu-central-1a", "eu-central-1b", "eu-central-1c"]);
    assert_eq!(texts(&subnets, "mapPublicIpOnLaunch"), ["true"; 3]);
    let groups = "Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=default";
    assert_eq!(texts(&ec2(&cloud, groups).await, "vpcId"), [vpc]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_refused_by_name() {
    let cloud = cloud();
    for (form, code) in [
        ("Action=DescribeSubnets&SubnetId.1=subnet-0123", "InvalidSubnetID.NotFound"),
        ("Action=DescribeVpcs&Filter.1.Name=colour&Filter.1.Value.1=red", "InvalidParameterValue"),
        ("Action=DescribeInstances", "InvalidAction"),
    ] {
        assert_eq!(texts(&ec2(&cloud, form).await, "Code"), [code], "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn subnets_lie_in_their_network_and_do_not_overlap() {
    let cloud = cloud();
    let made = ec2(&cloud, "Action=CreateVpc&CidrBlock=10.0.0.0%2F16").await;
    let vpc = texts(&made, "vpcId")[0];
    let create =
        async |cidr: &str| ec2(&cloud, &format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock={cidr}")).await;
    assert_eq!(create("10.0.0.0%2F24").await.status(), 200);
    assert_eq!(texts(&create("10.0.0.128%2F25").await, "Code"), ["InvalidSubnet.Conflict"]);
    assert_eq!(texts(&create("10.1.0.0%2F24").await, "Code"), ["InvalidSubnet.Range"]);
    let gone = ec2(&cloud, &format!("Action=DeleteVpc&VpcId={vpc}")).await;
    assert_eq!(texts(&gone, "Code"), ["DependencyViolation"]);
}
