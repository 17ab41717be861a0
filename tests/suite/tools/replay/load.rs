//! Tests of `replay` with many clients: measurements, thresholds, end of a run.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use super::command::{
    REPLAY_FAILED, interrupt, message, populated, replay, report, script, tollgate, write,
};
use crate::harness::gateway::output_text;
use crate::harness::{PASSWORD, QUICK, signals};

fn heartbeats() -> String {
    script("load/heartbeats.script").display().to_string()
}

#[test]
fn a_pause_raises_the_latency_and_hardly_the_service_time() {
    let (home, gateway) = populated("2", QUICK);
    let words = [&heartbeats(), "--clients", "2", "--rate", "1000/s", "--duration", "5s"]
        .map(str::to_owned);
    let mut command = replay(&home, &gateway, &words.each_ref().map(String::as_str));
    let running = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(2_000));
    signals::pause(&gateway.child);
    std::thread::sleep(Duration::from_millis(200));
    signals::resume(&gateway.child);
    let done = running.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", output_text(&done));
    let report = report(&home);
    let heartbeat = message(&report, "EVENT_HEARTBEAT");
    let us = |of: &str, figure: &str| heartbeat[of][figure].as_u64().unwrap();
    // 200 of 5,000 heartbeats were scheduled during the pause, but only two were sent.
    assert!(us("latency", "p999") >= 150_000, "{heartbeat}");
    assert!(us("service", "p999") < 100_000, "{heartbeat}");
    assert!(us("service", "max") >= 150_000, "{heartbeat}");
    assert!(heartbeat["replies"].as_u64().unwrap() > 4_500, "{heartbeat}");
}

#[test]
fn clients_choose_branches_and_have_different_values() {
    let (home, gateway) = populated("20", QUICK);
    let desk = script("load/desk.script").display().to_string();
    std::fs::write(home.path().join("users.csv"), "user\nu3\nu4\n").unwrap();
    let words =
        ["--clients", "4", "--rounds", "60", "--data", "users.csv", "--time-factor", "0", &desk];
    let words = [&words[..], &["--csv", "out.csv", "--hgrm", "hgrm", "--html", "r.html"]].concat();
    let done = replay(&home, &gateway, &words).output().unwrap();
    assert!(done.status.success(), "{}", output_text(&done));
    let report = report(&home);
    // The text `u{n}` of the script overrides the values of the file: u0 to u3 log in.
    assert_eq!(message(&report, "EVENT_LOGIN_AUTH")["replies"], 4, "{report}");
    let of = |name: &str| message(&report, name)["replies"].as_u64().unwrap();
    let (beats, looks) = (of("EVENT_HEARTBEAT"), of("REQ_USER"));
    assert!(beats > 170 && looks > 1 && looks < 60, "{beats} {looks}");
    assert_eq!(report["rounds"], json!({"begun": 240, "broken": 0, "missed": 0}));
    let csv = std::fs::read_to_string(home.path().join("out.csv")).unwrap();
    assert!(
        csv.lines().any(|line| line.starts_with(&format!("EVENT_HEARTBEAT,{beats},"))),
        "{csv}"
    );
    let hgrm = std::fs::read_to_string(home.path().join("hgrm/EVENT_HEARTBEAT.hgrm")).unwrap();
    assert!(hgrm.contains(&format!("Total count    = {beats:12}]")), "{hgrm}");
    let page = std::fs::read_to_string(home.path().join("r.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("EVENT_HEARTBEAT"), "{page}");
    // The page loads no other files.
    for outside in ["src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn thresholds_determine_the_exit_code() {
    let (home, gateway) = populated("2", QUICK);
    let beats = heartbeats();
    let run = |limit: &str| {
        let words = ["--rounds", "20", "--fail-if", limit, "--fail-if", "all.errors>0", &beats];
        replay(&home, &gateway, &words).output().unwrap()
    };
    assert_eq!(run("EVENT_HEARTBEAT.p99>10s").status.code(), Some(0));
    let done = run("EVENT_HEARTBEAT.p50>1us");
    assert_eq!(done.status.code(), REPLAY_FAILED);
    assert!(
        output_text(&done).contains("FAILED: --fail-if EVENT_HEARTBEAT.p50>1us"),
        "{}",
        output_text(&done)
    );
    assert_eq!(report(&home)["thresholds"][0]["crossed"], true);
    assert_eq!(run("EVENT_HEARTBEAT.count<20").status.code(), Some(0));
    assert_eq!(run("EVENT_HEARTBEAT.count<=20").status.code(), REPLAY_FAILED);
    let done = run("EVENT_HEARTBEAT.p99>5");
    assert_eq!(done.status.code(), Some(2));
    assert!(output_text(&done).contains("is not a threshold like"), "{}", output_text(&done));
}

#[tokio::test]
async fn the_lag_of_pushes_is_measured_from_their_cause() {
    let (home, gateway) = populated("9", QUICK);
    let publisher = format!("{}:1", script("load/publisher.script").display());
    let subscriber = script("load/subscriber.script").display().to_string();
    let password = format!("admin_password={PASSWORD}");
    let words =
        ["--clients", "9", "--duration", "4500ms", "--set", &password, "--time-factor", "2"];
    let words = [&words[..], &[&publisher, &subscriber]].concat();
    let mut command = replay(&home, &gateway, &words);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(done.status.success(), "{}", output_text(&done));
    let report = report(&home);
    // With halved waits a round of two amendments takes one second. Four rounds fit into 4.5 s;
    // three are required.
    let amended = message(&report, "EVENT_AMEND_PROFILE")["replies"].as_u64().unwrap();
    assert!(amended >= 6, "{report}");
    let lags = report["pushes"]["lag"]["count"].as_u64().unwrap();
    assert!(lags <= amended * 9 && lags >= (amended - 3) * 9, "{lags} of {amended}: {report}");
    let kinds = &report["pushes"]["kinds"];
    assert_eq!(kinds[0]["name"], "QUERY_UPDATE", "{kinds}");
    // The first rows of nine subscriptions were received before the first amendment.
    assert_eq!(kinds[0]["count"].as_u64(), Some(lags + 9), "{kinds}");
}

#[test]
fn an_interrupted_run_reports_its_measurements() {
    let (home, gateway) = populated("5", QUICK);
    let beats = heartbeats();
    let words = ["--clients", "5", "--duration", "10m", "--rate", "200/s", &beats];
    let mut command = replay(&home, &gateway, &words);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let done = interrupt(child);
    assert!(done.status.success(), "{}", output_text(&done));
    let report = report(&home);
    assert_eq!(report["interrupted"], true);
    assert!(message(&report, "EVENT_HEARTBEAT")["replies"].as_u64().unwrap() > 50, "{report}");
    assert!(!report["series"].as_array().unwrap().is_empty());
}

#[test]
fn clients_connect_from_several_addresses() {
    let one = "[server]\nmanagement_listen = ''\n[server.limits]\nexempt_addresses = []\n\
               connections_per_address_max = 2\n[security.scrypt]\nlog_n = 4\nr = 8\np = 1\n";
    let (home, gateway) = populated("6", one);
    let beats = heartbeats();
    let words = ["--clients", "6", "--duration", "1500ms", "--rate", "60/s", &beats];
    let from = [&words[..], &["--from", "127.0.0.2,127.0.0.3,127.0.0.4"]].concat();
    let done = replay(&home, &gateway, &from).output().unwrap();
    assert!(done.status.success(), "{}", output_text(&done));
    assert_eq!(report(&home)["connections"]["opened"], 6);
    let done = replay(&home, &gateway, &words).output().unwrap();
    assert!(done.status.success(), "{}", output_text(&done));
    let report = report(&home);
    let of = |name: &str| report["connections"][name].as_u64().unwrap();
    assert!(of("failed") + of("lost") > 0, "{report}");
}

#[test]
fn rest_requests_are_measured_too() {
    let (home, gateway) = populated("3", QUICK);
    let to = format!("http://{}", gateway.address);
    let words =
        ["replay", "--clients", "3", "--rounds", "10", "--json", "report.json", "--to", &to];
    let done = tollgate(&home, &words).arg(heartbeats()).output().unwrap();
    assert!(done.status.success(), "{}", output_text(&done));
    assert_eq!(message(&report(&home), "EVENT_HEARTBEAT")["replies"], 30);
}

#[test]
fn an_unreachable_gateway_is_reported() {
    let (home, gateway) = populated("1", QUICK);
    let name = write(&home, "one.script", "> {\"MESSAGE_TYPE\": \"EVENT_HEARTBEAT\"}\n< {}\n");
    let to = format!("ws://{}", gateway.address);
    drop(gateway);
    let done = tollgate(&home, &["replay", "--verify", "--to", &to, &name]).output().unwrap();
    assert_eq!(done.status.code(), REPLAY_FAILED);
    assert!(output_text(&done).contains("cannot reach"), "{}", output_text(&done));
}
