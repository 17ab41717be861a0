//! The commands of the realm and their payloads.

mod commands;
mod login_payloads;
mod record_payloads;

pub use commands::{
    Bootstrap, ChangePassword, Command, Login, NewUser, Origin, Reauthenticate,
    RecoverAdministrator, Refresh, RefusalCount, SessionEnd, SessionUse, SetCredential, SetPolicy,
    SpendOneTime, TokenKind,
};
pub use login_payloads::{
    ConfirmSecret, CreateSecret, EnrolmentActor, FinishLogin, MailSecret, MailSent,
    PresentedFactor, RequestReset, ResetByToken, SecondFactorInput, SyncDirectoryUser,
};
pub use record_payloads::{
    Amendment, AttributeSpec, ProfileSpec, RecordRef, ResetPassword, RightAmendment, RightSpec,
    UserSpec,
};
