//! Benchmarks of single steps: decoding, filters, plans, a commit with many subscribers, a login.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic if its setup fails")]

use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use protocol::filter::Value;
use protocol::{Envelope, Filter, Password, ProfileName, RightCode, UserName};
use tokio::runtime::Runtime;
use tollgate::auth::PasswordHasher;
use tollgate::gateway::{Gateway, startup};
use tollgate::messages::ClientInfo;
use tollgate::net::Client;
use tollgate::platform::Clock;
use tollgate::realm::{
    Actor, Command, NewUser, ProfileSpec, Realm, RecordRef, RightSpec, SessionNo,
};
use tollgate::replication::{MemoryLog, Replica};
use tollgate::router::{Router, TokenCache};
use tollgate::settings::Settings;
use tollgate::subscriptions::{
    DataSource, FirstRows, Outbox, SubscriptionHub, SubscriptionQuota, SubscriptionRequest,
};

const USERS: usize = 1_000;

fn user(number: usize) -> UserName {
    UserName::parse(&format!("u{number}")).unwrap()
}

fn code(text: &str) -> RightCode {
    RightCode::parse(text).unwrap()
}

fn named<N>(name: N) -> RecordRef<N> {
    RecordRef { id: None, name: Some(name) }
}

/// Returns a command that sets the only right of the profile LOAD: LOAD0 in even rounds, LOAD1 in
/// odd rounds.
fn amend(round: usize) -> Command {
    let right = if round.is_multiple_of(2) { "LOAD0" } else { "LOAD1" };
    Command::AmendProfile(
        Actor::Operator,
        ProfileSpec {
            name: Some(ProfileName::parse("LOAD").unwrap()),
            rights: Some(vec![named(code(right))]),
            ..ProfileSpec::default()
        },
    )
}

fn realm() -> Realm {
    let new = |number| NewUser::named(user(number));
    let right = |text: &str| {
        let right = RightSpec {
            id: None,
            code: code(text),
            description: Default::default(),
            guarded: false,
        };
        Command::InsertRight(Actor::Operator, right)
    };
    let profile = ProfileSpec {
        name: Some(ProfileName::parse("LOAD").unwrap()),
        users: Some((0..USERS).map(|number| named(user(number))).collect()),
        ..ProfileSpec::default()
    };
    let users = Command::AddUsers((0..USERS).map(new).collect());
    let mut realm = Realm::default();
    for command in
        [users, right("LOAD0"), right("LOAD1"), Command::InsertProfile(Actor::Operator, profile)]
    {
        let changes = realm.plan(1, &command).changes;
        realm.apply_changes(&changes);
    }
    realm
}

fn decode(criterion: &mut Criterion) {
    let token = "83eLYBnlqjIWt1tqtJhKwTXJj2IL2WA0";
    let short = format!(
        r#"{{"MESSAGE_TYPE":"EVENT_HEARTBEAT","SOURCE_REF":17,"SESSION_AUTH_TOKEN":"{token}"}}"#
    );
    // The fast decoder leaves frames with line breaks to the general decoder.
    let long = short.replace(',', ",\n");
    let details = r#"{"DATASOURCE_NAME":"USER_RIGHTS","CRITERIA_MATCH":"USER_NAME=='u1'"}"#;
    let logon = format!(r#"{{"MESSAGE_TYPE":"DATA_LOGON","SOURCE_REF":"r","DETAILS":{details}}}"#);
    for (name, frame) in
        [("heartbeat", short), ("heartbeat with the general decoder", long), ("logon", logon)]
    {
        criterion.bench_function(&format!("decode {name}"), |bencher| {
            bencher.iter(|| Envelope::decode(black_box(&frame), 32).map(|it| it.details.is_some()));
        });
    }
}

fn criteria(criterion: &mut Criterion) {
    let columns = DataSource::UserRights.columns();
    let text = "USER_NAME=='JohnWolf' && (CODE in ['ORDEN','ORDAM'] || CODE.startsWith('TRADE'))";
    criterion.bench_function("filter parse", |bencher| {
        bencher.iter(|| Filter::parse(black_box(text), columns).is_ok());
    });
    let parsed = Filter::parse(text, columns).unwrap();
    criterion.bench_function("filter match", |bencher| {
        bencher.iter(|| {
            parsed.matches(|column| Value::Text(if column == 0 { "johnwolf" } else { "TRADE_X" }))
        });
    });
}

fn plan(criterion: &mut Criterion) {
    let realm = realm();
    criterion.bench_function("plan a change of a profile with 1,000 users", |bencher| {
        bencher.iter(|| realm.plan(2, black_box(&amend(0))).changes.len());
    });
    criterion.bench_function("apply a change of a profile with 1,000 users", |bencher| {
        let changes = realm.plan(2, &amend(0)).changes;
        bencher.iter_batched_ref(
            || realm.clone(),
            |realm| realm.apply_changes(&changes),
            BatchSize::LargeInput,
        );
    });
}

/// Measures a command that pushes two rows to each of 1,000 outboxes, with a log in memory.
fn fan_out(criterion: &mut Criterion) {
    let replica = Replica::new(realm(), 0, Arc::new(MemoryLog::default()), None, Clock::system());
    let replica = Arc::new(replica);
    let running = replica.clone();
    let thread = std::thread::spawn(move || running.run());
    let outboxes: Vec<_> = (0..USERS).map(|number| subscribe(&replica, number)).collect();
    let runtime = Runtime::new().unwrap();
    let mut round = 0;
    criterion.bench_function("push a change to 1,000 subscribers", |bencher| {
        bencher.iter(|| {
            round += 1;
            runtime.block_on(replica.submit(amend(round))).unwrap();
            outboxes.iter().map(|outbox| outbox.drain().frames.len()).sum::<usize>()
        });
    });
    replica.close();
    thread.join().unwrap();
}

fn subscribe(replica: &Replica, number: usize) -> Arc<Outbox> {
    let outbox = Outbox::new(1 << 20);
    replica.read(|realm, seq| {
        let owner = realm.user_by_name(&user(number)).unwrap().no;
        let filter = format!("USER_NAME=='u{number}'");
        let request = SubscriptionRequest {
            source: DataSource::UserRights,
            source_ref: "\"rights\"".into(),
            criteria: Some(Filter::parse(&filter, DataSource::UserRights.columns()).unwrap()),
            columns: u64::MAX,
            rows_max: 250,
            view_max: 1_000,
            resume_from: None,
            owner,
            session: SessionNo(number as u64),
        };
        let hub: &SubscriptionHub = &replica.subscriptions;
        let quota = SubscriptionQuota::default();
        let (handle, rows) = hub.subscribe(realm, seq, &outbox, request, &quota, 9).unwrap();
        assert_eq!(rows, FirstRows::Complete);
        outbox.release(handle.id());
    });
    outbox.drain();
    outbox
}

/// Measures a complete password login through the router. The hash is as cheap as possible, so that
/// the rest of the login is measured.
fn login(criterion: &mut Criterion) {
    let settings = "[store]\nengine = 'memory'\n[security.scrypt]\nlog_n = 1\nr = 1\np = 1\n";
    let settings = Settings::parse(settings, std::iter::empty()).unwrap();
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    let clock = Clock::system();
    let started = startup::start(&settings, Path::new("unused"), clock.clone()).unwrap();
    runtime.block_on(started.prepare(&settings, None)).unwrap();
    let password = Password::new("Password-1");
    let hash = PasswordHasher::hash_now(settings.security.scrypt.cost(), "", &password);
    let new = NewUser { credential: Some(hash.into()), ..NewUser::named(user(1)) };
    runtime.block_on(started.replica.submit(Command::AddUsers(vec![new]))).unwrap();
    let keys = settings.keyring(Path::new("unused")).unwrap();
    let gateway = Gateway::new(settings, started.replica.clone(), clock.clone(), keys);
    let (router, address) = (Router::new(gateway), IpAddr::from([127, 0, 0, 1]));
    let message = Client::login_message("u1", &password);
    criterion.bench_function("login by password, log_n = 1", |bencher| {
        bencher.iter(|| {
            let client = ClientInfo::rest(address, clock.now());
            let mut token_cache = TokenCache::default();
            let reply = runtime.block_on(router.answer(client, &mut token_cache, &message));
            assert!(reply.refused.is_none(), "{:?}", reply.refused);
        });
    });
}

criterion_group!(gateway, decode, criteria, plan, fan_out, login);
criterion_main!(gateway);
