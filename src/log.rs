//! stub
use std::pin::Pin; use std::future::Future;
use crate::realm::{Command, EntryId, Millis};
pub type Seq = u64;
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)] pub struct Entry { pub id: EntryId, pub at: Millis, pub command: Command }
#[derive(Debug, thiserror::Error)] pub enum AppendError { #[error("{0}")] NotStored(String), #[error("{0}")] Unknown(String) }
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct LogError;
pub enum Followed { Entry(Seq, Entry), Gap(Seq) }
pub type Appended<'a> = Pin<Box<dyn Future<Output = Result<Seq, AppendError>> + Send + 'a>>;
pub trait Log: Send + Sync { fn append(&self, entry: Entry) -> Appended<'_>; fn follow(&self, after: Seq) -> Result<Box<dyn Iterator<Item = Followed> + Send>, LogError>; fn close(&self); fn trouble(&self) -> Option<String>; }
pub mod memory { use super::*; #[derive(Default)] pub struct MemoryLog; impl Log for MemoryLog { fn append(&self, _: Entry) -> Appended<'_> { panic!() } fn follow(&self, _: Seq) -> Result<Box<dyn Iterator<Item = Followed> + Send>, LogError> { panic!() } fn close(&self) {} fn trouble(&self) -> Option<String> { None } } }
