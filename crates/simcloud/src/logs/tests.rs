use aws_sdk_cloudwatchlogs::{Client, types::InputLogEvent};

use crate::{
    Call,
    dispatch::{Service, dispatch},
    testing::{START, allow, cloud, code, sdk, task_role},
};

#[tokio::test(start_paused = true)]
async fn a_group_keeps_retention_tags_and_what_is_written() {
    let client = Client::new(&sdk(&cloud()));
    client.create_log_group().log_group_name("/longshore/api").tags("a", "b").send().await.unwrap();
    let again = client.create_log_group().log_group_name("/longshore/api").send().await;
    assert_eq!(code(&again), "ResourceAlreadyExistsException");
    let odd =
        client.put_retention_policy().log_group_name("/longshore/api").retention_in_days(8).send().await;
    assert_eq!(code(&odd), "InvalidParameterException");
    client
        .put_retention_policy()
        .log_group_name("/longshore/api")
        .retention_in_days(30)
        .send()
        .await
        .unwrap();
    let groups = client.describe_log_groups().log_group_name_prefix("/longshore").send().await.unwrap();
    let group = &groups.log_groups()[0];
    assert_eq!((group.retention_in_days(), group.arn().unwrap().ends_with(":*")), (Some(30), true));
    let tags =
        client.list_tags_for_resource().resource_arn(group.log_group_arn().unwrap()).send().await.unwrap();
    assert_eq!(tags.tags.unwrap()["a"], "b");

    client.create_log_stream().log_group_name("/longshore/api").log_stream_name("s").send().await.unwrap();
    let event = |at: i64, message: &str| {
        InputLogEvent::builder().timestamp(START.0 as i64 + at).message(message).build().unwrap()
    };
    let put = |events: Vec<InputLogEvent>| {
        let put = client.put_log_events().log_group_name("/longshore/api").log_stream_name("s");
        put.set_log_events(Some(events)).send()
    };
    put(vec![event(1, "started"), event(2, "error: no")]).await.unwrap();
    assert_eq!(code(&put(vec![event(2, "b"), event(1, "a")]).await), "InvalidParameterException");
    let read =
        client.get_log_events().log_group_name("/longshore/api").log_stream_name("s").start_from_head(true);
    assert_eq!(read.limit(1).send().await.unwrap().events()[0].message(), Some("started"));
    let found = client
        .filter_log_events()
        .log_group_name("/longshore/api")
        .filter_pattern("error")
        .send()
        .await
        .unwrap();
    assert_eq!(found.events().len(), 1);
    client.delete_log_group().log_group_name("/longshore/api").send().await.unwrap();
    let gone = client.describe_log_streams().log_group_name("/longshore/api").send().await;
    assert_eq!(code(&gone), "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn groups_are_described_by_name_fifty_at_once() {
    let client = Client::new(&sdk(&cloud()));
    for name in ["/shop/api", "/shop/Web", "/other"] {
        client.create_log_group().log_group_name(name).send().await.unwrap();
    }
    let arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/shop/api";
    let ask = || client.describe_log_groups();
    let found =
        ask().log_group_identifiers("/other").log_group_identifiers(arn).log_group_identifiers("/none");
    let found = found.send().await.unwrap();
    let names: Vec<_> = found.log_groups().iter().map(|group| group.log_group_name().unwrap()).collect();
    assert_eq!(names, ["/other", "/shop/api"]);
    let many = ask().set_log_group_identifiers(Some(vec!["/other".to_owned(); 51])).send().await;
    assert_eq!(code(&many), "InvalidParameterException");
    let mixed = ask().log_group_identifiers("/other").log_group_name_prefix("/o").send().await;
    assert_eq!(code(&mixed), "InvalidParameterException");

    // A pattern minds the case, and the answer is brief.
    let found = ask().log_group_name_pattern("Web").send().await.unwrap();
    assert_eq!((found.log_groups().len(), found.log_groups()[0].log_group_arn()), (1, None));
    assert!(ask().log_group_name_pattern("web").send().await.unwrap().log_groups().is_empty());
}

#[tokio::test(start_paused = true)]
async fn policies_name_groups_with_or_without_star() {
    let cloud = cloud();
    let client = Client::new(&sdk(&cloud));
    for name in ["/a", "/b", "/c"] {
        client.create_log_group().log_group_name(name).send().await.unwrap();
    }
    let arn = "arn:aws:logs:eu-central-1:123456789012:log-group:";
    let resources = [format!("{arn}/a"), format!("{arn}/b:*")];
    let resources = resources.each_ref().map(String::as_str);
    task_role(&cloud, "api", &allow(&["logs:PutRetentionPolicy"], &resources)).await;
    for (name, code) in [("/a", None), ("/b", None), ("/c", Some("AccessDeniedException"))] {
        let call = |now| Call {
            operation: "PutRetentionPolicy".to_owned(),
            region: "eu-central-1".to_owned(),
            input: serde_json::json!({ "logGroupName": name, "retentionInDays": 7 }),
            now,
            caller: "arn:aws:sts::123456789012:assumed-role/api/session".to_owned(),
        };
        let answer = cloud.edit(|world| dispatch(world, Service::Logs, &call(world.now))).await;
        assert_eq!(answer.err().map(|error| error.code).as_deref(), code, "{name}");
    }
}
