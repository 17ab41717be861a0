//! The types of the realm's state.

mod active_code;
mod actor;
mod attributes;
mod audit_event;
mod configured_name;
mod credential_check;
mod daily_counter;
mod default_value;
mod end_reason;
mod expiring_index;
mod ids;
mod login_attempts;
mod mail;
mod notice;
mod one_time_token;
mod pending_login;
mod place;
pub mod policy;
mod profile;
mod right;
mod second_factor;
mod self_service_reset;
mod session;
mod stable_hash;
mod token_lifetimes;
mod user;

pub use active_code::ActiveCode;
pub use actor::{Actor, TokenHashes};
pub use attributes::{ATTRIBUTES, Attributes};
pub use audit_event::{AuditEvent, AuthProof, FieldSnapshot, UsedFactor};
pub use configured_name::ConfiguredName;
pub use credential_check::{AccountChecks, AuthenticatedBy, Fingerprint, LoginClient, Verdict};
pub use daily_counter::DailyCounter;
pub use end_reason::{EndReason, MfaReason};
pub use ids::{
    DAY_MS, DAY_SECS, EntryId, FIRST_BOOTSTRAP_NO, Location, Millis, ProfileNo, RightNo, SessionNo,
    UserNo,
};
pub use login_attempts::{Attempts, attempts_ref};
pub use mail::{MailKind, QueuedMail};
pub use notice::{Notice, NoticeEvent, NoticeTopic};
pub use one_time_token::OneTime;
pub use pending_login::PendingLogin;
pub use place::{LoginPlace, UserPlaces};
pub use policy::{GuardedRights, Links, LockoutScope, Mfa, Policy, SelfResets, WhenFull};
pub use profile::{Profile, ProfileStatus};
pub use right::{ADMINISTRATION, AMEND_USER, Right, is_administration};
pub use second_factor::{PendingSecret, RequiredFactor, SecondFactor};
pub use self_service_reset::SelfReset;
pub use session::{Before, GracePair, Session, SessionId, SessionKind, TokenHash};
pub use stable_hash::fnv1a;
pub use token_lifetimes::{EffectiveLifetimes, TokenLifetimes};
pub use user::{MustChange, User, UserStatus};

pub(super) use default_value::is_default;
pub(super) use expiring_index::ExpiringTokens;
pub(super) use right::FIRST_ADMINISTRATION;
