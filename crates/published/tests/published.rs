//! A small API, and requests and answers that differ from its description.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use http::{Request, Response};
use longshore_published::{DOCKER_HUB, DOCKER_REGISTRY, GITHUB, GITLAB, PublishedApi};
use serde_json::{Value, json};

fn document() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Things", "version": "1", "x-sources": ["here"], "x-taken": "2026-11-27" },
        "servers": [],
        "x-every-operation": {
            "parameters": [{ "name": "Key", "in": "header", "required": true, "schema": { "type": "string" } }],
            "responses": { "401": {} },
        },
        "paths": {
            "/things": {
                "get": {
                    "parameters": [{ "name": "page", "in": "query", "schema": { "type": "integer" } }],
                    "responses": { "200": { "content": { "application/json": { "schema": {
                        "type": "array", "items": { "$ref": "#/components/schemas/Thing" },
                    } } } } },
                },
                "post": {
                    "requestBody": { "required": true, "content": { "application/json": { "schema": {
                        "type": "object",
                        "required": ["name"],
                        "properties": { "name": { "type": "string" }, "ends": { "type": "string", "format": "date-time" } },
                    } } } },
                    "responses": { "201": { "content": { "application/json": { "schema": {
                        "$ref": "#/components/schemas/Thing",
                    } } } } },
                },
            },
            "/things/{path}/tags/{tag}": {
                "delete": {
                    "parameters": [
                        { "name": "path", "in": "path", "required": true, "schema": { "type": "string" }, "x-segments": true },
                        { "name": "tag", "in": "path", "required": true, "schema": { "type": "integer", "format": "int32" } },
                    ],
                    "responses": { "204": {} },
                },
            },
        },
        "components": { "schemas": { "Thing": {
            "type": "object",
            "required": ["id", "name"],
            "properties": {
                "id": { "type": "integer" },
                "name": { "type": "string" },
                "kind": { "type": "string", "enum": ["good", "bad"], "nullable": true },
                "last": { "$ref": "#/components/schemas/Thing" },
            },
        } } },
    })
}

type Message = (&'static str, Value);

/// Returns the differences in a request and its answer. A null body is empty.
fn found(call: &str, asked: &Message, status: u16, answered: &Message) -> Vec<String> {
    let api = PublishedApi::read(&document().to_string()).below("/base");
    let (method, uri) = call.split_once(' ').unwrap();
    let body = |(_, body): &Message| if body.is_null() { String::new() } else { body.to_string() };
    let request =
        Request::builder().method(method).uri(uri).header("key", "k").header("content-type", asked.0);
    let answer = Response::builder().status(status).header("content-type", answered.0);
    api.exchange(&request.body(body(asked)).unwrap(), &answer.body(body(answered)).unwrap());
    api.found()
}

const JSON: &str = "application/json; charset=utf-8";

fn none() -> Message {
    (JSON, Value::Null)
}

#[test]
fn what_is_published_is_right() {
    let thing =
        json!({ "id": 1, "name": "a", "kind": null, "last": { "id": 0, "name": "b", "kind": "bad" } });
    let new = json!({ "name": "a", "ends": "2026-11-27T12:00:00Z" });
    for (call, asked, status, answered) in [
        ("GET /base/things?page=2", none(), 200, (JSON, json!([thing]))),
        ("GET /base/things", none(), 401, none()),
        ("POST /base/things", (JSON, new), 201, (JSON, thing.clone())),
        ("DELETE /base/things/a/b/tags/7", none(), 204, none()),
    ] {
        assert_eq!(found(call, &asked, status, &answered), Vec::<String>::new(), "{call}");
    }
}

#[test]
fn what_is_not_published_is_named_with_its_operation_and_its_place() {
    let thing = || json!({ "id": 1, "name": "a" });
    let with = |name: &str, value: Value| {
        let mut thing = thing();
        thing[name] = value;
        (JSON, json!([thing]))
    };
    let list = "GET /base/things";
    let make = "POST /base/things";
    let new = || (JSON, json!({ "name": "a" }));
    let cases: [(&str, Message, u16, Message); 20] = [
        // Answers.
        (list, none(), 200, with("invented", json!(1))),
        (list, none(), 200, with("last", json!({ "id": 1 }))),
        (list, none(), 200, with("id", json!("1"))),
        (list, none(), 200, with("kind", json!("odd"))),
        (list, none(), 200, (JSON, thing())),
        (list, none(), 200, none()),
        (list, none(), 200, ("text/plain", json!([]))),
        (list, none(), 418, none()),
        (list, none(), 401, (JSON, json!({}))),
        // Requests.
        ("PUT /base/things", none(), 200, none()),
        ("GET /things", none(), 200, none()),
        ("GET /base/things/1", none(), 200, none()),
        ("GET /base/things?per_page=2", none(), 401, none()),
        ("GET /base/things?page=two", none(), 401, none()),
        ("GET /base/things?page=1&page=2", none(), 401, none()),
        (list, new(), 401, none()),
        (make, (JSON, json!({ "name": "a", "invented": 1 })), 201, (JSON, thing())),
        (make, (JSON, json!({ "ends": "2026-11-27" })), 201, (JSON, thing())),
        (make, ("text/plain", json!({ "name": "a" })), 201, (JSON, thing())),
        ("DELETE /base/things/a/tags/7000000000", none(), 204, none()),
    ];
    let mut text = String::new();
    for (call, asked, status, answered) in cases {
        let found = found(call, &asked, status, &answered);
        assert!(!found.is_empty(), "{call} {asked:?} {status} {answered:?}");
        text.push_str(&format!("{}\n", found.join("\n")));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_header_that_is_required_is_missed() {
    let api = PublishedApi::read(&document().to_string());
    api.request(&Request::get("/things").body("").unwrap());
    assert_eq!(api.found(), ["GET /things: the header parameter `Key` is missing"]);
}

#[test]
#[should_panic(expected = "not as Things is published:\nPUT /: there is no such operation")]
fn a_verdict_fails_the_test() {
    let api = PublishedApi::read(&document().to_string());
    let _verdict = api.verdict();
    api.request(&Request::put("/").body("").unwrap());
}

/// The API whose description has this deviation.
fn deviating(deviation: Value) -> PublishedApi {
    let mut document = document();
    document["x-deviations"] = json!([deviation]);
    PublishedApi::read(&document.to_string())
}

fn deviation(example: Value) -> Value {
    json!({
        "at": "/components/schemas/Thing/properties/id",
        "instead": { "type": "string" },
        "example": example,
        "because": "it is",
        "source": "there",
    })
}

#[test]
fn a_deviation_stands_in_for_what_is_published() {
    let api = deviating(deviation(json!("1")));
    let request = Request::get("/things").header("key", "k").body("").unwrap();
    let answer =
        |body: Value| Response::builder().header("content-type", JSON).body(body.to_string()).unwrap();
    api.exchange(&request, &answer(json!([{ "id": "1", "name": "a" }])));
    assert_eq!(api.found(), Vec::<String>::new());
    api.exchange(&request, &answer(json!([{ "id": 1, "name": "a" }])));
    assert_eq!(api.found().len(), 1);
}

#[test]
#[should_panic(expected = "is none any more: 1 is published")]
fn a_deviation_that_is_none_any_more_is_refused() {
    deviating(deviation(json!(1)));
}

#[test]
#[should_panic(expected = "does not permit its example true")]
fn a_deviation_that_does_not_permit_its_example_is_refused() {
    deviating(deviation(json!(true)));
}

#[test]
#[should_panic(expected = "`maxLength: 3` would not be checked")]
fn what_would_not_be_checked_is_refused() {
    let mut document = document();
    document["components"]["schemas"]["Thing"]["properties"]["name"]["maxLength"] = json!(3);
    let _ = PublishedApi::read(&document.to_string());
}

#[test]
fn the_descriptions_of_vendors_are_read() {
    for document in [DOCKER_HUB, DOCKER_REGISTRY, GITHUB, GITLAB] {
        assert_eq!(PublishedApi::read(document).found(), Vec::<String>::new());
    }
}
