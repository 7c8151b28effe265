//! Streams and their events: what the ECS agent's log driver writes, and what tells why a task ended.

use std::time::SystemTime;

use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use super::group;
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{either, refusal},
};

/// The stream of each case.
const STREAM: &str = "api/api/0123456789abcdef";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("logs:CreateLogStream")
            .case("what is there", "ResourceAlreadyExistsException", stream_exists)
            .case("in a group that is not there", "ResourceNotFoundException", no_group)
            .case("a colon in its name", "InvalidParameterException", bad_stream)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“Don't use ':' (colon) or '*' (asterisk) characters.”",
                api!(logs "CreateLogStream"),
            ),
        Operation::new("logs:DescribeLogStreams")
            .case("by the beginning of names, in their order", "a/1 a/2", streams)
            .case("one at a time", "a/1 a/2; 2 pages at least", stream_pages)
            .case("in a group that is not there", "ResourceNotFoundException", streams_of_none),
        Operation::new("logs:PutLogEvents")
            .case("three events", "accepted", put)
            .case("events that are not in order", "InvalidParameterException", disordered)
            .case("into a stream that is not there", "ResourceNotFoundException", no_stream)
            .case("into a group that is not there", "ResourceNotFoundException", put_no_group),
        Operation::new("logs:GetLogEvents")
            .case("from the head", "one two three", from_head)
            .case("the last two", "two three", last_two)
            .case("after the last", "nothing more; the same token", after_last)
            .case("from a moment to another", "two", between)
            .but(
                &[MOTO, LOCALSTACK],
                "two three",
                "Events with a timestamp equal to endTime or later “are not included”.",
                api!(logs "GetLogEvents"),
            )
            .case("of a stream that is not there", "ResourceNotFoundException", get_no_stream),
        Operation::new("logs:FilterLogEvents")
            .case("those with a word", "two", filter)
            .but(
                &[LOCALSTACK],
                "one two three",
                "A pattern of one word matches the events that have it. LocalStack does not look at it.",
                "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html",
            )
            .case("of a group that is not there", "ResourceNotFoundException", filter_none),
    ]
}

async fn stream(a: &Account, group: &str, name: &str) -> Result<(), Refused> {
    a.logs.create_log_stream().log_group_name(group).log_stream_name(name).send().await?;
    Ok(())
}

async fn stream_exists(a: Account) -> Answer {
    let name = a.name("/conformance/exists");
    group(&a, &name).await?;
    stream(&a, &name, STREAM).await?;
    refusal(a.logs.create_log_stream().log_group_name(&name).log_stream_name(STREAM).send().await)
}

async fn no_group(a: Account) -> Answer {
    let create = a.logs.create_log_stream().log_group_name(a.name("/conformance/absent"));
    refusal(create.log_stream_name(STREAM).send().await)
}

async fn bad_stream(a: Account) -> Answer {
    let name = a.name("/conformance/colon");
    group(&a, &name).await?;
    refusal(a.logs.create_log_stream().log_group_name(&name).log_stream_name("a:b").send().await)
}

async fn three_streams(a: &Account, name: &str) -> Result<(), Refused> {
    group(a, name).await?;
    for what in ["a/2", "b/1", "a/1"] {
        stream(a, name, what).await?;
    }
    Ok(())
}

async fn streams(a: Account) -> Answer {
    let name = a.name("/conformance/streams");
    three_streams(&a, &name).await?;
    let list =
        a.logs.describe_log_streams().log_group_name(&name).log_stream_name_prefix("a/").send().await?;
    let names: Vec<_> = list.log_streams().iter().filter_map(|stream| stream.log_stream_name()).collect();
    Ok(names.join(" "))
}

async fn stream_pages(a: Account) -> Answer {
    let name = a.name("/conformance/pages");
    three_streams(&a, &name).await?;
    let list = a.logs.describe_log_streams().log_group_name(&name).log_stream_name_prefix("a/").limit(1);
    let pages: Vec<_> = list.into_paginator().send().collect::<Result<_, _>>().await?;
    let names =
        pages.iter().flat_map(|page| page.log_streams()).filter_map(|stream| stream.log_stream_name());
    let names: Vec<_> = names.collect();
    Ok(format!("{}; {}", names.join(" "), either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn streams_of_none(a: Account) -> Answer {
    refusal(a.logs.describe_log_streams().log_group_name(a.name("/conformance/absent")).send().await)
}

/// The time at the cloud, in milliseconds since 1970.
fn now(a: &Account) -> i64 {
    let now = a.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

fn event(at: i64, message: &str) -> Result<InputLogEvent, Refused> {
    InputLogEvent::builder().timestamp(at).message(message).build().map_err(|_| Refused::Missing("event"))
}

/// Events `one`, `two` and `three`, a second apart; answers with the time of the first.
async fn three(a: &Account, name: &str) -> Result<i64, Refused> {
    group(a, name).await?;
    stream(a, name, STREAM).await?;
    let first = now(a) - 10_000;
    let put = a.logs.put_log_events().log_group_name(name).log_stream_name(STREAM);
    let put = put.log_events(event(first, "one")?).log_events(event(first + 1_000, "two")?);
    put.log_events(event(first + 2_000, "three")?).send().await?;
    // Real logs can be read a moment later.
    a.until("the events", || async {
        let get = a.logs.get_log_events().log_group_name(name).log_stream_name(STREAM).start_from_head(true);
        Ok((get.send().await?.events().len() >= 3).then_some(()))
    })
    .await?;
    Ok(first)
}

async fn put(a: Account) -> Answer {
    three(&a, &a.name("/conformance/put")).await?;
    Ok("accepted".to_owned())
}

async fn disordered(a: Account) -> Answer {
    let name = a.name("/conformance/disordered");
    group(&a, &name).await?;
    stream(&a, &name, STREAM).await?;
    let put = a.logs.put_log_events().log_group_name(&name).log_stream_name(STREAM);
    let put = put.log_events(event(now(&a), "two")?).log_events(event(now(&a) - 5_000, "one")?);
    refusal(put.send().await)
}

async fn no_stream(a: Account) -> Answer {
    let name = a.name("/conformance/no-stream");
    group(&a, &name).await?;
    let put = a.logs.put_log_events().log_group_name(&name).log_stream_name(STREAM);
    refusal(put.log_events(event(now(&a), "one")?).send().await)
}

async fn put_no_group(a: Account) -> Answer {
    let put = a.logs.put_log_events().log_group_name(a.name("/conformance/absent")).log_stream_name(STREAM);
    refusal(put.log_events(event(now(&a), "one")?).send().await)
}

/// The messages of events.
fn messages(events: &[aws_sdk_cloudwatchlogs::types::OutputLogEvent]) -> String {
    let messages: Vec<_> = events.iter().filter_map(|event| event.message()).collect();
    messages.join(" ")
}

async fn from_head(a: Account) -> Answer {
    let name = a.name("/conformance/head");
    three(&a, &name).await?;
    let get = a.logs.get_log_events().log_group_name(&name).log_stream_name(STREAM);
    Ok(messages(get.start_from_head(true).send().await?.events()))
}

async fn last_two(a: Account) -> Answer {
    let name = a.name("/conformance/last");
    three(&a, &name).await?;
    let get = a.logs.get_log_events().log_group_name(&name).log_stream_name(STREAM);
    Ok(messages(get.limit(2).send().await?.events()))
}

async fn after_last(a: Account) -> Answer {
    let name = a.name("/conformance/after");
    three(&a, &name).await?;
    let get = || a.logs.get_log_events().log_group_name(&name).log_stream_name(STREAM).start_from_head(true);
    let token = get().send().await?.next_forward_token;
    let after = get().set_next_token(token.clone()).send().await?;
    Ok(format!(
        "{}; {}",
        either(after.events().is_empty(), "nothing more", "something more"),
        either(after.next_forward_token() == token.as_deref(), "the same token", "another token"),
    ))
}

async fn between(a: Account) -> Answer {
    let name = a.name("/conformance/between");
    let first = three(&a, &name).await?;
    let get = a.logs.get_log_events().log_group_name(&name).log_stream_name(STREAM).start_from_head(true);
    Ok(messages(get.start_time(first + 1_000).end_time(first + 2_000).send().await?.events()))
}

async fn get_no_stream(a: Account) -> Answer {
    let name = a.name("/conformance/no-stream");
    group(&a, &name).await?;
    refusal(a.logs.get_log_events().log_group_name(&name).log_stream_name(STREAM).send().await)
}

async fn filter(a: Account) -> Answer {
    let name = a.name("/conformance/filter");
    three(&a, &name).await?;
    let found = a.logs.filter_log_events().log_group_name(&name).filter_pattern("two").send().await?;
    let messages: Vec<_> = found.events().iter().filter_map(|event| event.message()).collect();
    Ok(messages.join(" "))
}

async fn filter_none(a: Account) -> Answer {
    refusal(a.logs.filter_log_events().log_group_name(a.name("/conformance/absent")).send().await)
}
