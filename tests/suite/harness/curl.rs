//! HTTP requests with curl.

use std::process::Command;

use serde_json::Value;

use super::gateway::GatewayProcess;

/// An HTTP response received by curl.
pub struct Response {
    pub status: u16,
    head: String,
    pub body: Value,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_else(|| panic!("no text {field} in {}", self.body))
    }
}

pub fn curl(gateway: &GatewayProcess, path: &str, words: &[&str]) -> Response {
    let url = format!("http://{}{path}", gateway.address);
    let out = Command::new("curl")
        .args(["-s", "-i", "-g", "--max-time", "20", &url])
        .args(words)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    Response { status, head: head.to_owned(), body }
}

pub fn post(gateway: &GatewayProcess, path: &str, headers: &[&str], body: Value) -> Response {
    let text = body.to_string();
    let mut words = vec!["-X", "POST", "-H", "Content-Type: application/json", "-d", &text];
    words.extend(headers.iter().flat_map(|header| ["-H", header]));
    curl(gateway, path, &words)
}
