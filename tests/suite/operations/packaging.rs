//! Tests of the packages: systemd unit, image, dashboard, completions, notifications.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tollgate::platform::METRICS;

use crate::harness::clients::get;
use crate::harness::gateway::{output_text, run};
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK, signals};

fn tollgate(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A copy of the systemd unit with the path of the binary under test.
fn unit(home: &Home) -> PathBuf {
    let unit = std::fs::read_to_string(file(".packaging/tollgate.service")).unwrap();
    let unit = unit.replace("/usr/bin/tollgate", env!("CARGO_BIN_EXE_tollgate"));
    let path = home.path().join("tollgate.service");
    std::fs::write(&path, unit).unwrap();
    path
}

#[test]
fn systemd_accepts_the_unit_and_its_sandboxing() {
    let home = Home::new("");
    let unit = unit(&home);
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output();
    let verified = verified.expect("systemd-analyze cannot be run: tests/run installs it");
    let own_lines: Vec<String> = output_text(&verified)
        .lines()
        .filter(|line| line.contains("tollgate.service"))
        .map(str::to_owned)
        .collect();
    assert_eq!(own_lines, [""; 0], "{verified:?}");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--threshold=20", "--no-pager"]).arg(&unit);
    let confined = security.output().unwrap();
    assert!(confined.status.success(), "{}", output_text(&confined));
}

/// A core dump would contain passwords and tokens.
#[test]
fn the_service_writes_no_core_dump() {
    let unit = std::fs::read_to_string(file(".packaging/tollgate.service")).unwrap();
    assert!(unit.lines().any(|line| line == "LimitCORE=0"), "{unit}");
}

/// Expected: READY=1 when the gateway listens, RELOADING=1 and READY=1 on SIGHUP, STOPPING=1 at
/// shutdown.
#[test]
fn the_supervisor_is_notified_of_start_reload_and_stop() {
    let home = Home::new(QUICK);
    let path = home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let gateway = GatewayProcess::spawn(command.env("NOTIFY_SOCKET", &path))
        .expect("the gateway did not start");
    let notification = || {
        let mut text = [0; 256];
        let length = socket.recv(&mut text).expect("no notification was received");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert_eq!(notification().trim(), "READY=1");
    signals::send(&gateway.child, "-HUP");
    let reloading = notification();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(notification().trim(), "READY=1");
    assert_eq!(gateway.signal("-TERM").0, Some(0));
    assert_eq!(notification().trim(), "STOPPING=1");
}

#[tokio::test]
async fn the_dashboard_is_up_to_date_and_shows_all_metrics() {
    let printed: Value = serde_json::from_str(&tollgate(&["grafana-dashboard"])).unwrap();
    let kept = std::fs::read_to_string(file(".packaging/grafana.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(printed, kept, "stale; run: tollgate grafana-dashboard > .packaging/grafana.json");
    let panels = printed["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions: Vec<&str> = targets.map(|it| it["expr"].as_str().unwrap()).collect();
    for metric in &METRICS {
        let is_requested = expressions.iter().any(|expression| expression.contains(metric.name));
        assert!(is_requested, "no panel shows {}", metric.name);
    }

    // Every metric that a gateway exports is in METRICS.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let management = format!("management_listen = '{free}'");
    let home = Home::new(&QUICK.replace("management_listen = ''", &management));
    let gateway = home.start();
    Client::login(gateway.address, "admin", PASSWORD).await;
    let metrics = get(free, "/metrics").await.1;
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: Vec<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() > 5, "{metrics}");
    for name in names {
        assert!(METRICS.iter().any(|metric| metric.name == name), "{name} is not in METRICS");
    }

    let parsed = Command::new("node")
        .args(["-e", PARSE, &serde_json::to_string(&expressions).unwrap()])
        .current_dir(file("target/validators"))
        .output()
        .expect("node cannot be run: tests/run installs it");
    assert!(parsed.status.success(), "{}", output_text(&parsed));
}

/// A script that fails if an expression does not match the grammar of Prometheus, or if the parser
/// accepts an incomplete expression.
const PARSE: &str = r#"
    const { parser } = require("@prometheus-io/lezer-promql");
    const isWrong = expression => {
        let errors = 0;
        const plain = expression.replaceAll("$__rate_interval", "1m");
        parser.parse(plain).iterate({ enter: node => { if (node.type.isError) errors += 1; } });
        return errors > 0;
    };
    const wrong = JSON.parse(process.argv[1]).filter(isWrong);
    if (wrong.length > 0 || !isWrong("sum by (a")) {
        console.error(wrong);
        process.exit(1);
    }
"#;

#[test]
fn bash_completes_the_command_line() {
    let script = format!("{}\n{COMPLETE}", tollgate(&["completions", "bash"]));
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "audit", "{output:?}");
    for shell in ["elvish", "fish", "powershell", "zsh"] {
        let script = tollgate(&["completions", shell]);
        for word in ["audit", "backup", "check-config", "data-dir"] {
            assert!(script.contains(word), "the completions of {shell} lack {word}");
        }
    }
}

/// Prints the completion of `tollgate au`.
const COMPLETE: &str = "COMP_WORDS=(tollgate au); COMP_CWORD=1; _tollgate tollgate au tollgate; \
    echo \"${COMPREPLY[@]}\"";

#[test]
fn the_dockerfile_is_valid_and_its_context_complete() {
    let dockerfile = file(".packaging/Dockerfile");
    let lint = Command::new(file("target/validators/bin/hadolint")).arg(&dockerfile).output();
    let lint = lint.expect("hadolint cannot be run: tests/run installs it");
    assert!(lint.status.success(), "{}", output_text(&lint));
    let text = std::fs::read_to_string(&dockerfile).unwrap();
    let rust = include_str!("../../../Cargo.toml").split("rust-version = \"").nth(1).unwrap();
    let rust = rust.split('"').next().unwrap();
    assert!(
        text.contains(&format!("FROM rust:{rust}-")),
        "the image must be built with Rust {rust}"
    );

    // The build context contains all files that Cargo needs.
    let context = Home::new("");
    let ignore = std::fs::read_to_string(file(".packaging/Dockerfile.dockerignore")).unwrap();
    let kept = ignore.lines().filter_map(|line| line.strip_prefix('!'));
    for name in kept {
        run(Command::new("cp").arg("-r").arg(file(name)).arg(context.path()));
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--locked", "--offline", "--no-deps"]);
    run(cargo.current_dir(context.path()).stderr(Stdio::null()));
}

#[tokio::test]
async fn the_health_command_reports_readiness() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let management = format!("management_listen = '{free}'");
    let home = Home::new(&QUICK.replace("management_listen = ''", &management));
    let request = || {
        let mut health = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        health.args(["health", "--management", &free.to_string()]).output().unwrap()
    };
    assert!(!request().status.success(), "`health` succeeded without a gateway");
    let _gateway = home.start();
    let healthy = request();
    assert!(healthy.status.success() && output_text(&healthy).contains("ready"), "{healthy:?}");
}
