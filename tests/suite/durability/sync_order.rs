//! The order of system calls: the sync lies between the write and the acknowledgement.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK, clients};
/// The right whose code marks its commit among all writes.
const CODE: &str = "TRACED_RIGHT_OF_THE_SYNC_TEST";
const CALLS: &str = "trace=pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync,\
    sync_file_range";

/// A system call; `begin` and `end` are lines of the trace.
struct Call {
    name: String,
    words: String,
    begin: usize,
    end: usize,
}

#[tokio::test]
async fn the_sync_stands_between_write_and_ack() {
    let home = Home::new(QUICK);
    let trace = home.path().join("trace");
    let serve = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let gateway =
        GatewayProcess::spawn(&mut traced(&serve, &trace, &["-s", "100000", "-e", CALLS]))
            .expect("the gateway starts");
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    assert!(clients::insert(&mut admin, "RIGHT", CODE, json!({"CODE": CODE})).await);
    // The tracer holds the gateway's standard error, too: with its end the trace is complete.
    let (code, log) = gateway.signal("-TERM");
    assert_eq!(code, Some(0), "{log:?}");
    let calls = read(&std::fs::read_to_string(&trace).expect("a trace"));
    let find = |name: &str| {
        let ack = |call: &&Call| call.name != "pwrite64" && call.words.contains(name);
        calls.iter().find(ack).unwrap_or_else(|| panic!("no write of {name}"))
    };
    let (login, ack) = (find("EVENT_LOGIN_AUTH_ACK"), find("EVENT_INSERT_RIGHT_ACK"));
    assert!(login.end < ack.begin);
    let in_commit = |call: &&Call| call.begin > login.begin && call.begin < ack.begin;
    let commit = || calls.iter().filter(in_commit);
    let db = |call: &&Call| call.words.contains("/sled/db>");
    let writes = || {
        let writes = commit().filter(db).filter(|call| call.name.starts_with("pwrite"));
        writes.filter(|call| call.words.contains(CODE))
    };
    let first = writes().next();
    let first = first.expect("the entry is written to sled/db before the acknowledgement");
    let mark = commit().find(|call| call.words.contains("/high-water>") && call.begin > first.end);
    let mark = mark.expect("the mark moves before the acknowledgement");
    assert!(mark.end < ack.begin, "the mark moves after the acknowledgement");
    // Rows that are saved after the commit hold the code, too.
    let written = writes().rfind(|call| call.begin < mark.begin).unwrap_or(first);
    let synced = commit()
        .filter(db)
        .find(|call| call.name == "fdatasync" && call.begin > written.end && call.end < mark.begin);
    let synced = synced.expect("an fdatasync of sled/db between the write and the mark");
    assert!(synced.words.ends_with("= 0"), "the fdatasync failed: {}", synced.words);
}

/// The command under strace, with these options of it. With -D the gateway is the child, so that
/// signals reach it.
pub fn traced(serve: &Command, trace: &Path, options: &[&str]) -> Command {
    let there = Command::new("strace").arg("-V").output();
    assert!(there.is_ok(), "strace is missing: apt-get install -y strace");
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-y"]).args(options).arg("-o").arg(trace);
    command.arg("--").arg(serve.get_program()).args(serve.get_args());
    command.current_dir(serve.get_current_dir().expect("a folder"));
    for (name, value) in serve.get_envs() {
        command.env(name, value.expect("a value"));
    }
    command
}

/// The calls of a trace in the order in which they began; interrupted lines are put together.
fn read(trace: &str) -> Vec<Call> {
    let (mut calls, mut open) = (Vec::new(), HashMap::new());
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix("<... ") {
            let Some(number) = open.remove(thread) else { continue };
            let call: &mut Call = &mut calls[number];
            call.words.push_str(rest.split_once('>').map_or("", |(_, rest)| rest));
            call.end = at;
        } else if let Some((name, words)) = rest.split_once('(') {
            let cut = words.strip_suffix(" <unfinished ...>");
            if cut.is_some() {
                open.insert(thread.to_owned(), calls.len());
            }
            let words = cut.unwrap_or(words).to_owned();
            let end = if cut.is_some() { usize::MAX } else { at };
            calls.push(Call { name: name.to_owned(), words, begin: at, end });
        }
    }
    calls
}
