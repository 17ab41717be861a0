//! OpenAPI 3.1 document: a path for each message, data source and token API route.

use serde_json::{Map, Value, json};

use super::components::{Schemas, describe_access, description, schema_ref};
use crate::messages::handler::{Access, Handler};
use crate::messages::table::HANDLERS;
use crate::messages::token_api::{ROUTES, RequiredToken, Route};
use crate::subscriptions::DataSource;

/// Returns the document.
pub fn document() -> Value {
    let mut schemas = Schemas::default();
    schemas.add_shared();
    let mut paths = Map::new();
    for handler in &HANDLERS {
        schemas.add_message(handler);
        let mut item = Map::from_iter([("post".to_owned(), operation(handler, "post"))]);
        if handler.read {
            item.insert("get".to_owned(), operation(handler, "get"));
        }
        paths.insert(protocol::rest_paths::path(handler.name), Value::Object(item));
    }
    for route in &ROUTES {
        let (request, response) = (route.schemas)();
        let name = |what: &str| slug(&format!("{} {} {what}", route.methods, route.path));
        let (request_name, response_name) = (name("request"), name("response"));
        schemas.add(&request_name, request.to_value());
        schemas.add(&response_name, response.to_value());
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        for method in route.methods.split(", ") {
            item[method.to_lowercase()] =
                token_api_operation(route, method, &request_name, &response_name);
        }
    }
    for (name, _) in DataSource::NAMES {
        paths.insert(protocol::rest_paths::path(name), rows(name));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "tollgate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every WebSocket message as an HTTP request. The reply to a message \
                            has status 200, even if the reply is a NACK. With \
                            server.strict_http_status, a NACK has the HTTP status of its code. A \
                            request that is no message always gets the status of the error.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "http://127.0.0.1:9064" }],
        "paths": paths,
        "components": {
            "schemas": schemas.0,
            "responses": refusals(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "token": { "type": "apiKey", "in": "header", "name": "SESSION_AUTH_TOKEN" },
            },
        },
    })
}

fn operation(handler: &Handler, method: &str) -> Value {
    let mut parameters = vec![header("SOURCE_REF", true), header("USER_NAME", false)];
    let mut operation = json!({
        "operationId": format!("{method}_{}", handler.name),
        "summary": handler.summary,
        "description": description(handler),
        "responses": responses(&[handler.ack]),
        "security": security(handler.access),
    });
    if method == "get" {
        let (details, _) = (handler.schemas)();
        let fields = details.as_value()["properties"].as_object().cloned().unwrap_or_default();
        parameters.extend(fields.keys().map(|field| {
            let schema = json!({ "type": "string" });
            json!({ "name": format!("DETAILS.{field}"), "in": "query", "schema": schema })
        }));
    } else {
        parameters.push(header("SESSION_ID", false));
        operation["requestBody"] = body(schema_ref(handler.name));
    }
    operation["parameters"] = parameters.into();
    operation
}

/// Returns the operation of a token API route.
fn token_api_operation(route: &Route, method: &str, request: &str, response: &str) -> Value {
    let handler = crate::messages::table::find(route.message);
    let access = handler.map_or(Access::Session, |handler| handler.access);
    let description = format!(
        "Handled like the message {}, whose description applies, but without SOURCE_REF. An error \
         has the HTTP status of its code. {}",
        route.message,
        describe_access(access)
    );
    let content = |name| json!({ "application/json": { "schema": schema_ref(name) } });
    let refused = json!({ "description": "An error.", "content": content("CONNECTOR_ERROR") });
    let mut responses = Map::from_iter([(
        "200".to_owned(),
        json!({ "description": "The result.", "content": content(response) }),
    )]);
    responses.extend(REFUSALS.iter().map(|(status, _)| ((*status).to_owned(), refused.clone())));
    let mut operation = json!({
        "operationId": slug(&format!("{} {}", method.to_lowercase(), route.path)),
        "summary": route.summary,
        "description": description,
        "responses": responses,
        "security": security(access),
    });
    if route.token == RequiredToken::Refresh {
        operation["parameters"] = json!([header("token", false)]);
    }
    if method != "GET" {
        operation["requestBody"] = body(schema_ref(request));
        if route.token != RequiredToken::Refresh {
            operation["requestBody"]["required"] = true.into();
        }
    }
    operation
}

/// Returns an identifier: the words of a text, joined by `_`.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// Returns the four operations on a data source.
fn rows(name: &str) -> Value {
    let operation = |method: &str, summary: &str, answers: &[&str]| {
        json!({
            "operationId": format!("{method}_{name}"),
            "summary": summary,
            "parameters": [header("SOURCE_REF", true)],
            "responses": responses(answers),
            "security": security(Access::Session),
        })
    };
    let mut post = operation("post", "Subscribes and returns the first rows.", &["QUERY_UPDATE"]);
    post["requestBody"] = body(schema_ref("DATA_LOGON"));
    let mut put = operation("put", "Returns the next rows.", &["QUERY_UPDATE"]);
    // SUBSCRIPTION_REF names the subscription. If it is absent, SOURCE_REF names the subscription.
    put["parameters"] = json!([header("SOURCE_REF", true), header("SUBSCRIPTION_REF", false)]);
    json!({
        "post": post,
        "get": operation("get", "Returns the changes since the last reply.", &["QUERY_UPDATE"]),
        "put": put,
        "delete": operation("delete", "Ends the subscription.", &["LOGOFF_ACK"]),
    })
}

fn body(schema: Value) -> Value {
    json!({ "content": { "application/json": { "schema": schema } } })
}

fn header(name: &str, required: bool) -> Value {
    // Printable ASCII without outer spaces: a header cannot carry any other text unchanged.
    let schema = json!({ "type": "string", "pattern": "^[!-~]([ -~]{0,98}[!-~])?$" });
    json!({ "name": name, "in": "header", "required": required, "schema": schema })
}

fn security(access: Access) -> Value {
    match access {
        Access::Anyone => json!([]),
        Access::RightUnlessOpen(_) => json!([{ "bearer": [] }, { "token": [] }, {}]),
        _ => json!([{ "bearer": [] }, { "token": [] }]),
    }
}

fn responses(answers: &[&str]) -> Value {
    let any: Vec<_> = answers.iter().copied().chain(["NACK"]).map(schema_ref).collect();
    let content = json!({ "application/json": { "schema": { "anyOf": any } } });
    let answer = json!({ "description": "The reply: an ACK or a NACK.", "content": content });
    let mut responses = Map::from_iter([("200".to_owned(), answer)]);
    for (status, _) in REFUSALS {
        let shared = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.insert(status.to_owned(), shared);
    }
    Value::Object(responses)
}

/// HTTP statuses of errors, and when they are sent.
const REFUSALS: [(&str, &str); 9] = [
    (
        "400",
        "The request is no envelope, or has no SOURCE_REF; with strict_http_status also: a field \
         is missing or not valid.",
    ),
    ("401", "With strict_http_status: no session, or wrong credentials."),
    ("403", "The origin is not allowed; with strict_http_status also: a right is missing."),
    ("404", "With strict_http_status: the record does not exist."),
    ("409", "With strict_http_status: the change conflicts with existing records."),
    ("413", "The body is too large."),
    ("415", "The body is not application/json."),
    ("429", "Too many requests, or too many connections from this address."),
    ("503", "Too many connections; with strict_http_status also: changes cannot be stored now."),
];

fn refusals() -> Map<String, Value> {
    let content = json!({ "application/json": { "schema": schema_ref("NACK") } });
    let refusal = |(status, description): &(&str, &str)| {
        ((*status).to_owned(), json!({ "description": description, "content": content }))
    };
    REFUSALS.iter().map(refusal).collect()
}
