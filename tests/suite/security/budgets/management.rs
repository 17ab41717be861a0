//! Test of the management port with clients that send half requests.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::clients::get;
use crate::harness::gateway::free_port;
use crate::harness::{Home, QUICK};

#[tokio::test]
async fn half_requests_do_not_make_health_checks_fail() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let management = format!("management_listen = '{address}'");
    let home = Home::new(&QUICK.replace("management_listen = ''", &management));
    let _gateway = home.start();
    let mut half = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").await.unwrap();
        half.push(stream);
    }
    assert_eq!(get(address, "/health/live").await, (200, "live\n".to_owned()));
    assert_eq!(get(address, "/health/ready").await, (200, "ready\n".to_owned()));
    assert_eq!(get(address, "/metrics").await.0, 200);
}
