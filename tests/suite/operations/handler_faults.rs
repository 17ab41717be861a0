//! Tests of panics in handlers: the message gets a NACK, connection and process continue.

use std::sync::{Arc, LazyLock};

use serde_json::json;
use tokio::sync::watch;
use tollgate::auth::PasswordHasher;
use tollgate::gateway::Gateway;
use tollgate::messages::{Access, HANDLERS, Handler, HandlerIndex, Serve};
use tollgate::net::listener;
use tollgate::platform::{Clock, Histogram};
use tollgate::realm::{ADMINISTRATION, Bootstrap, Command, NewUser, Realm};
use tollgate::replication::{MemoryLog, Replica};
use tollgate::router::Router;
use tollgate::settings::Settings;

use crate::harness::{Client, PASSWORD, QUICK};

/// The handler table with a panic in every handler.
static FAULTY: LazyLock<Vec<Handler>> = LazyLock::new(|| {
    let faulty = |handler: &Handler| Handler {
        serve: match handler.serve {
            Serve::Immediate(_) => Serve::Immediate(|_, _, _| panic!("{}", fault())),
            Serve::Queued(_) => Serve::Queued(|_| Box::pin(async { panic!("{}", fault()) })),
        },
        timings: Histogram::new(),
        ..*handler
    };
    HANDLERS.iter().map(faulty).collect()
});

static FAULTY_INDEX: LazyLock<HandlerIndex> = LazyLock::new(|| HandlerIndex::new(&FAULTY));

fn fault() -> &'static str {
    "a fault planted by a test"
}

/// Creates a gateway in this process, with an administrator.
async fn gateway() -> Arc<Gateway> {
    let settings = Settings::parse(QUICK, std::iter::empty()).unwrap();
    let (clock, log) = (Clock::system(), Arc::new(MemoryLog::default()));
    let replica = Arc::new(Replica::new(Realm::default(), 0, log, None, clock.clone()));
    let running = replica.clone();
    tokio::task::spawn_blocking(move || running.run());
    replica.set_policy(tollgate::gateway::policy::policy(&settings)).await.unwrap();
    let cost = settings.security.scrypt.cost();
    let hash = PasswordHasher::hash_now(cost, "", &protocol::Password::new(PASSWORD));
    let administrator = Some(NewUser {
        credential: Some(hash.into()),
        ..NewUser::named(protocol::UserName::parse("admin").unwrap())
    });
    let right = |(code, text): &(&str, &str)| {
        let code = protocol::RightCode::parse(code).unwrap();
        (code, protocol::Description::parse(text).unwrap())
    };
    let rights = ADMINISTRATION.iter().map(right).collect();
    let profile = protocol::ProfileName::parse("USER_ADMIN").unwrap();
    let edition = tollgate::realm::Edition::CURRENT;
    replica
        .submit(Command::Bootstrap(Bootstrap { rights, profile, administrator, edition }))
        .await
        .unwrap();
    Gateway::new(settings, replica, clock, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_handler_gets_a_nack_and_ends_nothing() {
    let gateway = gateway().await;
    let (stop, stopped) = watch::channel(false);
    let mut addresses = Vec::new();
    for router in [Router::new(gateway.clone()), Router::with(gateway.clone(), &FAULTY_INDEX)] {
        let listener = listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        addresses.push(listener.local_addr().unwrap());
        tokio::spawn(listener::run(listener, None, router, stopped.clone()));
    }
    let mut healthy = Client::connect(addresses[0]).await;
    let login = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
        "DETAILS": { "USER_NAME": "admin", "PASSWORD": PASSWORD } });
    let ack = healthy.ask(login).await;
    assert_eq!(ack["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{ack}");

    let mut faulty = Client::connect(addresses[1]).await;
    for handler in &HANDLERS {
        let mut message = json!({ "MESSAGE_TYPE": handler.name, "SOURCE_REF": handler.name });
        if handler.access != Access::Anyone {
            message["SESSION_AUTH_TOKEN"] = ack["SESSION_AUTH_TOKEN"].clone();
        }
        let answer = faulty.ask(message).await;
        assert_eq!(answer["CODE"], "INTERNAL_ERROR", "{}: {answer}", handler.name);
        assert_eq!(answer["MESSAGE_TYPE"], handler.nack);
        assert!(!answer.to_string().contains(fault()), "{answer}");
    }
    let heartbeat = json!({ "MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 2 });
    assert_eq!(healthy.ask(heartbeat).await["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK");
    stop.send(true).unwrap();
    gateway.replica.close();
}
