use aws_sdk_cloudwatchlogs::{Client, types::InputLogEvent};

use crate::testing::{START, cloud, code, sdk};

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
