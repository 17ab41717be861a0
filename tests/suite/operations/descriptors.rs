//! Tests of a gateway without free descriptors: what continues and what is refused.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::clients::get;
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK};

const CONNECTS: usize = 1_000;

/// The CPU time of the gateway, in seconds.
fn cpu(gateway: &GatewayProcess) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", gateway.child.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|it| it.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// Opens as many connections as the gateway accepts. Refused connections are dropped.
fn crowd(address: SocketAddr) -> Vec<TcpStream> {
    let connect = |_| TcpStream::connect(address).ok();
    let mut crowd: Vec<TcpStream> = (0..CONNECTS).filter_map(connect).collect();
    let deadline = Instant::now() + Duration::from_secs(2);
    crowd.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
    while Instant::now() < deadline {
        let is_open = |stream: &mut TcpStream| {
            let read = stream.read(&mut [0; 256]);
            matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        };
        crowd.retain_mut(is_open);
        std::thread::sleep(Duration::from_millis(50));
    }
    crowd
}

/// The data that the gateway sends on a new connection within 200 ms; empty if none.
fn word(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut word = [0; 256];
    let read = stream.read(&mut word).unwrap_or(0);
    String::from_utf8_lossy(&word[..read]).into_owned()
}

/// Open connections continue, and the management address accepts new ones. On the other address new
/// connections are refused with the status 503.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_open_connections_continue() {
    let management = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let listen = format!("management_listen = '{management}'");
    let home = Home::new(&QUICK.replace("management_listen = ''", &listen));
    let serve = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut limited = Command::new("bash");
    limited.args(["-c", r#"ulimit -n 256; exec "$0" "$@""#]).arg(serve.get_program());
    limited.args(serve.get_args()).env("TOLLGATE_ADMIN_PASSWORD", PASSWORD);
    let gateway =
        GatewayProcess::spawn(limited.current_dir(home.path())).expect("the gateway did not start");
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;

    let address = gateway.address;
    let crowd = tokio::task::spawn_blocking(move || crowd(address)).await.unwrap();
    assert!((100..250).contains(&crowd.len()), "{} connections are open", crowd.len());
    let (began, used) = (Instant::now(), cpu(&gateway));
    for at in 0..20 {
        let code = format!("MEANWHILE_{at}");
        let insert = json!({ "MESSAGE_TYPE": "EVENT_INSERT_RIGHT", "SOURCE_REF": at,
            "DETAILS": { "CODE": code } });
        assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_RIGHT_ACK");
        assert_eq!(get(management, "/health/ready").await.0, 200);
        assert!(word(address).contains("503"), "a new connection got no status 503");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let share = (cpu(&gateway) - used) / began.elapsed().as_secs_f64();
    println!("{} connections, {:.1} % of a CPU", crowd.len(), share * 100.0);
    assert!(share < 0.2, "without descriptors the gateway used {share} of a CPU");

    drop(crowd);
    let freed = Instant::now();
    while word(address).contains("503") {
        assert!(freed.elapsed() < Duration::from_secs(5), "no connection was accepted within 5 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Client::login(address, "admin", PASSWORD).await;
}
