//! The pure core: users, profiles, rights, sessions and the rules about them.

mod audit;
mod command;
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
    Amendment, AskReset, AttributeWanted, ChangePassword, Command, ConfirmSecret, CreateSecret,
    Drawn, End, Enroller, FinishLogin, Found, FromDirectory, Given, Login, NewUser, Noted, Origin,
    Posted, ProfileWanted, Refresh, ResetByToken, ResetPassword, RightWanted, Second,
    SetCredential, SpendOneTime, TokenKind, Touched, UserWanted, Wanted,
};
pub use load::Loading;
pub use model::{
    ADMINISTRATION, AMEND_USER, ATTRIBUTES, ActiveCode, Attempts, Audited, By, DAY_MS, Demand,
    EndReason, EntryId, Fingerprint, Links, Lives, Location, LockScope, Mail, MailKind, Mfa,
    MfaReason, Millis, Pair, Peer, Policy, Profile, ProfileNo, ProfileStatus, Right, RightNo,
    SecondFactor, SelfResets, Session, SessionId, SessionNo, Side, TokenHash, User, UserNo,
    UserStatus, Verdict, WhenFull, attempts_ref,
};
pub use outcome::{Applied, Ended, Outcome, ProfileDone, Refusal, SessionShown, UserDone};
pub use row::{Change, Key, Row, StoredRow};
pub use state::{Realm, SEEN_MS};
