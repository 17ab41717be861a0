//! The pure core: users, profiles, rights, sessions and the rules about them.

mod audit;
mod command;
mod key_kind;
mod load;
pub mod model;
mod outcome;
mod plan;
mod row;
mod rules;
mod scan;
mod state;

pub use audit::FieldChange;
pub use command::{
    Amendment, AttributeSpec, Bootstrap, ChangePassword, Command, ConfirmSecret, CreateSecret,
    EnrolmentActor, FinishLogin, Login, MailSecret, MailSent, NewUser, Origin, PresentedFactor,
    ProfileSpec, RecordRef, Refresh, RefusalCount, RequestReset, ResetByToken, ResetPassword,
    RightSpec, SecondFactorInput, SessionEnd, SessionUse, SetCredential, SpendOneTime,
    SyncDirectoryUser, TokenKind, UserSpec,
};
pub use load::RealmLoader;
pub use model::{
    ADMINISTRATION, AMEND_USER, ATTRIBUTES, AccountChecks, ActiveCode, Actor, Attempts, AuditEvent,
    AuthenticatedBy, Before, DAY_MS, DAY_SECS, EffectiveLifetimes, EndReason, EntryId,
    FieldSnapshot, Fingerprint, Links, Location, LockoutScope, LoginClient, MailKind, Mfa,
    MfaReason, Millis, PendingLogin, Policy, Profile, ProfileNo, ProfileStatus, QueuedMail,
    RequiredFactor, Right, RightNo, SecondFactor, SelfResets, Session, SessionId, SessionKind,
    SessionNo, TokenHash, TokenHashes, User, UserNo, UserStatus, Verdict, WhenFull, attempts_ref,
    fnv1a,
};
pub use outcome::{Applied, ChangedLists, Ended, Outcome, Refusal, SessionSummary};
pub use row::{Change, Key, Row, StoredRow};
pub use state::{Realm, SEEN_MS};
