//! The pure core: users, profiles, rights, sessions and the rules about them.

mod audit;
mod command;
mod key;
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
    ProfileSpec, Reauthenticate, RecordRef, RecoverAdministrator, Refresh, RefusalCount,
    RequestReset, ResetByToken, ResetPassword, RightAmendment, RightSpec, SecondFactorInput,
    SessionEnd, SessionUse, SetCredential, SetPolicy, SpendOneTime, SyncDirectoryUser, TokenKind,
    UserSpec,
};
pub use key::Key;
pub use load::RealmLoader;
pub use model::{
    ADMINISTRATION, AMEND_USER, ATTRIBUTES, AccountChecks, ActiveCode, Actor, Attempts, AuditEvent,
    AuthProof, AuthenticatedBy, Before, ConfiguredName, DAY_MS, DAY_SECS, DailyCounter,
    EffectiveLifetimes, EndReason, EntryId, FieldSnapshot, Fingerprint, GuardedRights, Links,
    Location, LockoutScope, LoginClient, LoginPlace, MailKind, Mfa, MfaReason, Millis, MustChange,
    Notice, NoticeEvent, NoticeTopic, PendingLogin, Policy, Profile, ProfileNo, ProfileStatus,
    QueuedMail, RequiredFactor, Right, RightNo, SecondFactor, SelfResets, Session, SessionId,
    SessionKind, SessionNo, TokenHash, TokenHashes, UsedFactor, User, UserNo, UserPlaces,
    UserStatus, Verdict, WhenFull, attempts_ref, fnv1a, is_administration,
};
pub use outcome::{Applied, AuthorityLimit, ChangedLists, Ended, Outcome, Refusal, SessionSummary};
pub use row::{Change, Edition, Row, StoredRow};
pub use state::{Realm, SEEN_MS};
