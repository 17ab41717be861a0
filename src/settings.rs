//! stub
use std::net::IpAddr;
use serde::{Deserialize, Serialize};
use crate::outside::passwords::Cost;
#[derive(Clone, Debug, Default)] pub struct AddressRange(String);
impl AddressRange { pub fn contains(&self, _: IpAddr) -> bool { true } }
#[derive(Clone, Copy, Debug, PartialEq)] pub enum Order { Static, Rotate, Random }
#[derive(Clone, Copy, Debug, PartialEq)] pub enum PushServices { All, Subscribed, Off }
#[derive(Clone, Copy, Debug, PartialEq)] pub enum LoginErrors { Specific, Uniform }
#[derive(Clone, Copy, Debug, PartialEq)] pub enum WhenSessionsAreFull { Refuse, EvictOldest }
#[derive(Clone, Copy, Debug, PartialEq)] pub enum SystemDateFormat { S0, S2 }
#[derive(Clone, Copy, Debug, PartialEq)] pub enum NackNaming { Event, Legacy }
#[derive(Clone, Copy, Debug, PartialEq)] pub enum AckNaming { Specific, Generic }
#[derive(Clone, Copy, Debug, PartialEq)] pub enum ShutdownClose { Code, Drop }
#[derive(Clone, Copy, Debug, PartialEq)] pub enum Engine { Sled, Memory }
#[derive(Clone, Debug)] pub struct Service { pub name: String, pub encrypted: bool, pub hosts: Vec<Host> }
#[derive(Clone, Debug)] pub struct Host { pub name: String, pub port: u16 }
#[derive(Clone, Debug)] pub struct ServiceList { pub order: Order, pub push: PushServices, pub health_check_secs: u64, pub health_check_timeout_ms: u64 }
#[derive(Clone, Debug)] pub struct Limits { pub frame_bytes: usize, pub message_bytes: usize, pub json_depth: usize, pub connections_max: usize, pub connections_per_address_max: usize, pub login_wait_secs: u64, pub subscriptions_per_session: usize, pub calls_in_flight_per_connection: usize, pub messages_per_sec_per_connection: u32, pub failed_logins_per_min_per_address: u32, pub exempt_addresses: Vec<AddressRange>, pub outbox_bytes: usize, pub slow_reader_secs: u64 }
#[derive(Clone, Debug)] pub struct Server { pub listen: String, pub management_listen: String, pub product_name: String, pub location: String, pub allowed_origins: Vec<String>, pub system_date_format: SystemDateFormat, pub nack_naming: NackNaming, pub ack_naming: AckNaming, pub shutdown_close: ShutdownClose, pub shutdown_grace_secs: u64, pub limits: Limits }
#[derive(Clone, Debug)] pub struct Heartbeat { pub interval_secs: u64, pub misses_allowed: u32, pub pong_counts: bool }
#[derive(Clone, Debug)] pub struct StoreS { pub engine: Engine, pub cache_mb: u64 }
#[derive(Clone, Debug)] pub struct Scrypt { pub threads: usize, pub queue_wait_max_ms: u64 }
impl Scrypt { pub fn cost(&self) -> Cost { todo() } }
fn todo<T>() -> T { panic!() }
#[derive(Clone, Debug)] pub struct Secret;
impl Secret { pub fn expose(&self) -> &str { "" } }
#[derive(Clone, Debug)] pub struct Validation { pub password_salt: Secret }
#[derive(Clone, Debug)] pub struct Retry { pub max_attempts: u32 }
impl Retry { pub fn wait_time_ms(&self) -> u64 { 1 } }
#[derive(Clone, Debug)] pub struct Gp { pub validation: Validation, pub retry: Retry }
#[derive(Clone, Debug)] pub struct Security { pub session_timeout_mins: f64, pub refresh_token_expiration_mins: f64, pub max_simultaneous_user_logins: i64, pub when_sessions_are_full: WhenSessionsAreFull, pub refresh_rotation: bool, pub refresh_grace_secs: u64, pub login_errors: LoginErrors, pub hide_versions: bool, pub hide_hosts: bool, pub scrypt: Scrypt, pub genesis_password: Gp }
impl Security { pub fn session_timeout_ms(&self) -> u64 {1} pub fn refresh_token_expiration_ms(&self) -> u64 {1} pub fn expiry_check_ms(&self) -> u64 {1} }
#[derive(Clone, Debug)] pub struct Settings { pub server: Server, pub heartbeat: Heartbeat, pub services: Vec<Service>, pub service_list: ServiceList, pub store: StoreS, pub security: Security }
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct SettingsError;
impl Settings { pub fn load(_: Option<&std::path::Path>, _: impl Iterator<Item=(String,String)>) -> Result<Self, SettingsError> { Err(SettingsError) } pub fn validate(&self) -> Result<(), SettingsError> { Ok(()) } pub fn default_toml() -> String { String::new() } }
