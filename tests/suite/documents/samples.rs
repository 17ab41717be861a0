//! Tests that the configurations and messages in the documents are valid.

use serde_json::Value;
use tollgate::settings::Settings;

use crate::harness::markdown::documents;

#[test]
fn configurations_of_the_documents_are_valid() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents() {
        for fence in document.fences().iter().filter(|fence| fence.info == "toml") {
            count += 1;
            let checked = Settings::parse(&fence.text, std::iter::empty())
                .and_then(|settings| settings.validate());
            let fault = checked.err();
            wrong.extend(fault.map(|fault| format!("{}:{}: {fault}", document.path, fence.line)));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(count > 5, "only {count} configurations were found");
}

#[test]
fn messages_of_the_documents_are_json() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents() {
        for fence in document.fences().iter().filter(|fence| fence.info == "json") {
            let messages = serde_json::Deserializer::from_str(&fence.text).into_iter::<Value>();
            count += 1;
            let fault = messages.filter_map(Result::err).next();
            wrong.extend(fault.map(|fault| format!("{}:{}: {fault}", document.path, fence.line)));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(count > 10, "only {count} messages were found");
}
