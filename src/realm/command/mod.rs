//! The commands of the realm and their payloads.

mod commands;
mod login_payloads;
mod record_payloads;

pub use commands::{
    ChangePassword, Command, End, Found, Login, NewUser, Noted, Origin, Refresh, SetCredential,
    SpendOneTime, TokenKind, Touched,
};
pub use login_payloads::{
    AskReset, ConfirmSecret, CreateSecret, Drawn, Enroller, FinishLogin, FromDirectory, Given,
    Posted, ResetByToken, Second,
};
pub use record_payloads::{
    Amendment, AttributeWanted, ProfileWanted, ResetPassword, RightWanted, UserWanted, Wanted,
};
