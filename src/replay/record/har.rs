//! PURE (no I/O): conversion of a HAR file to a message script.
//!
//! Only the field `_webSocketMessages` is needed, which Chrome adds to the HAR format.
//! Therefore a few structs suffice instead of a crate for HAR.

use std::time::Duration;

use serde::Deserialize;

use super::transcript::{Direction, Transcript};

/// Why a file cannot be converted.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the error texts describe the variants")]
pub enum HarError {
    #[error("not a HAR file: {0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "no WebSocket text frames in the HAR file; Chrome records only frames that are sent or \
         received while the developer tools are open"
    )]
    Empty,
}

#[derive(Deserialize)]
struct HarFile {
    log: HarLog,
}

#[derive(Deserialize)]
struct HarLog {
    entries: Vec<HarEntry>,
}

#[derive(Deserialize)]
struct HarEntry {
    #[serde(rename = "_webSocketMessages", default)]
    messages: Vec<HarMessage>,
}

#[derive(Deserialize)]
struct HarMessage {
    r#type: String,
    /// Seconds since 1970.
    time: f64,
    opcode: u8,
    data: String,
}

/// Opcode of a text frame (RFC 6455).
const TEXT: u8 = 1;

/// Converts the text of a HAR file to a script. `from` is the name of the file.
pub fn script(text: &str, from: &str) -> Result<String, HarError> {
    let har: HarFile = serde_json::from_str(text)?;
    let sockets = har.log.entries.into_iter().map(|it| it.messages).filter(|it| !it.is_empty());
    let mut frames: Vec<(String, HarMessage)> = Vec::new();
    for (number, messages) in sockets.enumerate() {
        let connection = connection_name(number);
        let texts = messages.into_iter().filter(|it| it.opcode == TEXT);
        frames.extend(texts.map(|message| (connection.clone(), message)));
    }
    // The sort is stable: frames of one connection with equal times keep their order.
    frames.sort_by(|a, b| a.1.time.total_cmp(&b.1.time));
    let first = frames.first().ok_or(HarError::Empty)?.1.time;
    let mut transcript = Transcript::default();
    let mut script = transcript.head(from);
    for (connection, message) in &frames {
        let direction =
            if message.r#type == "send" { Direction::Sent } else { Direction::Received };
        let at = Duration::try_from_secs_f64(message.time - first).unwrap_or_default();
        script += &transcript.frame(connection, direction, at, &message.data);
    }
    Ok(script)
}

/// Returns the name of a connection in the script, by its number from 0: empty, then `c2`, `c3`.
pub fn connection_name(number: usize) -> String {
    if number == 0 { String::new() } else { format!("c{}", number + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::script::Script;

    #[test]
    fn frames_of_all_sockets_are_in_order() {
        let har = r#"{"log": {"entries": [{"request": {}}, {"_webSocketMessages": [
            {"type": "send", "time": 10.0, "opcode": 1, "data": "{\"PASSWORD\":\"Hidden-1\"}"},
            {"type": "receive", "time": 10.5, "opcode": 1, "data": "{\"A\":1}"},
            {"type": "receive", "time": 10.6, "opcode": 2, "data": "AAEC"}]},
            {"_webSocketMessages": [
            {"type": "send", "time": 10.25, "opcode": 1, "data": "{\"B\":1}"}]}]}}"#;
        let script = script(har, "desk.har").unwrap();
        assert!(!script.contains("Hidden-1"), "{script}");
        let steps = Script::parse(&script).unwrap().steps;
        let connections: Vec<_> = steps.iter().map(|step| step.connection.as_str()).collect();
        // The pause of 250 ms before the second socket's frame is a step, too.
        assert_eq!(connections, ["", "", "c2", ""]);
        assert!(matches!(super::script("{}", ""), Err(HarError::Json(_))));
        let nothing = r#"{"log": {"entries": []}}"#;
        assert!(matches!(super::script(nothing, ""), Err(HarError::Empty)));
    }
}
