//! Tests that the log is synced between the write and the acknowledgement.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK, clients};

/// The code of a right, by which the test finds the writes of its commit.
const CODE: &str = "TRACED_RIGHT_OF_THE_SYNC_TEST";
const CALLS: &str = "trace=pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync,\
    sync_file_range";

/// A system call. `begin` and `end` are line numbers of the trace.
struct Call {
    name: String,
    /// Its arguments and its result.
    text: String,
    begin: usize,
    end: usize,
}

#[tokio::test]
async fn the_sync_is_between_write_and_ack() {
    let home = Home::new(QUICK);
    let trace = home.path().join("trace");
    let serve = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let gateway =
        GatewayProcess::spawn(&mut traced(&serve, &trace, &["-s", "100000", "-e", CALLS]))
            .expect("the gateway did not start");
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    assert!(clients::insert(&mut admin, "RIGHT", CODE, json!({"CODE": CODE})).await);
    // The tracer shares the standard error of the gateway: once that is closed, the trace is
    // complete.
    let (code, log) = gateway.signal("-TERM");
    assert_eq!(code, Some(0), "{log:?}");
    let calls = read(&std::fs::read_to_string(&trace).expect("reading the trace failed"));
    let find = |name: &str| {
        let ack = |call: &&Call| call.name != "pwrite64" && call.text.contains(name);
        calls.iter().find(ack).unwrap_or_else(|| panic!("no write of {name}"))
    };
    let (login, ack) = (find("EVENT_LOGIN_AUTH_ACK"), find("EVENT_INSERT_RIGHT_ACK"));
    assert!(login.end < ack.begin);
    let in_commit = |call: &&Call| call.begin > login.begin && call.begin < ack.begin;
    let commit = || calls.iter().filter(in_commit);
    let db = |call: &&Call| call.text.contains("/sled/db>");
    let writes = || {
        let writes = commit().filter(db).filter(|call| call.name.starts_with("pwrite"));
        writes.filter(|call| call.text.contains(CODE))
    };
    let first = writes().next();
    let first = first.expect("the entry was not written to sled/db before the acknowledgement");
    let mark = commit().find(|call| call.text.contains("/high-water>") && call.begin > first.end);
    let mark = mark.expect("the high-water mark was not written before the acknowledgement");
    assert!(mark.end < ack.begin, "the high-water mark was written after the acknowledgement");
    // Rows that are saved after the commit contain the code, too, so only writes that began before
    // the write of the high-water mark count.
    let written = writes().rfind(|call| call.begin < mark.begin).unwrap_or(first);
    let synced = commit()
        .filter(db)
        .find(|call| call.name == "fdatasync" && call.begin > written.end && call.end < mark.begin);
    let synced = synced.expect("no fdatasync of sled/db between the write and the high-water mark");
    assert!(synced.text.ends_with("= 0"), "the fdatasync failed: {}", synced.text);
}

/// Returns `serve` as a command under strace. With `-D` the gateway is the child process, so that
/// signals reach the gateway.
pub fn traced(serve: &Command, trace: &Path, options: &[&str]) -> Command {
    let there = Command::new("strace").arg("-V").output();
    assert!(there.is_ok(), "strace cannot be run; install it: apt-get install -y strace");
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-y"]).args(options).arg("-o").arg(trace);
    command.arg("--").arg(serve.get_program()).args(serve.get_args());
    command.current_dir(serve.get_current_dir().expect("the command has no working folder"));
    for (name, value) in serve.get_envs() {
        command.env(name, value.expect("a variable has no value"));
    }
    command
}

/// The calls of a trace in the order in which they began. Calls that strace splits into two lines
/// are joined.
fn read(trace: &str) -> Vec<Call> {
    let (mut calls, mut open) = (Vec::new(), HashMap::new());
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix("<... ") {
            let Some(number) = open.remove(thread) else { continue };
            let call: &mut Call = &mut calls[number];
            call.text.push_str(rest.split_once('>').map_or("", |(_, rest)| rest));
            call.end = at;
        } else if let Some((name, text)) = rest.split_once('(') {
            let cut = text.strip_suffix(" <unfinished ...>");
            if cut.is_some() {
                open.insert(thread.to_owned(), calls.len());
            }
            let text = cut.unwrap_or(text).to_owned();
            let end = if cut.is_some() { usize::MAX } else { at };
            calls.push(Call { name: name.to_owned(), text, begin: at, end });
        }
    }
    calls
}
