//! EVENT_CHANGE_USER_PASSWORD: changes a password; the old one is required.
//!
//! See Genesis authentication, "Password change".

use std::sync::Arc;

use protocol::{MfaCode, Nack, NackCode, Password, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::attempt::{Attempt, log_new_lock};
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::login::{self, LoginSnapshot};
use crate::messages::passwords::new_hash::new_hash;
use crate::messages::passwords::rules::check;
use crate::messages::record::Generated;
use crate::messages::stale_retry::{retry_stale, submit_checked};
use crate::realm::{ChangePassword, Command, Millis, Outcome, PresentedFactor, Realm, Verdict};

/// The user, the old password and the new one.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ChangeUserPassword {
    /// Name of the user whose password is changed, here or at the root. Default: the user of the
    /// session. In a session, the right CHANGE_PWD is needed for another user. Without a session,
    /// the name must be sent, and no right is needed.
    user_name: Option<UserName>,
    /// Current password of this user, or the one-time password after a reset. Empty if an
    /// administrator reset the password and the configuration has `security.reset_mode = "blank"`.
    old_password: Password,
    /// New password. It must comply with the password rules.
    new_password: Password,
    /// Code of the authenticator app, or a recovery code. Required if logins of the user require
    /// such a code, unless the session proved one within `security.reauthentication_mins`. A login
    /// on the same connection within two minutes then needs no second code.
    mfa_code: Option<MfaCode>,
}

impl Message for ChangeUserPassword {
    const TYPE: &'static str = "EVENT_CHANGE_USER_PASSWORD";
    const SUMMARY: &'static str = "Changes a password; the current password is required.";
    const DESCRIPTION: &'static str = "All sessions of the user whose password is changed end with \
        PASSWORD_CHANGED, except the session that sends this message. A wrong OLD_PASSWORD counts \
        as a failed login. If NEW_PASSWORD violates the password rules, ERROR has one element for \
        each violation.";
    const ACK: &'static str = "EVENT_CHANGE_USER_PASSWORD_ACK";
    const NACK: &'static str = "EVENT_CHANGE_USER_PASSWORD_NACK";
    const LEGACY_NACK: &'static str = "CHANGE_USER_PASSWORD_NACK";
    const ACCESS: Access = Access::Anyone;
    const ANY_ROOT_USER: bool = true;
    const LOGGED: bool = true;
    type Ack = Generated;

    async fn serve(self, context: &MessageContext) -> Result<Generated, Nack> {
        let name = self.target(context)?;
        context.set_audited_user(&name);
        // The session, if its user changes the password of another user.
        let other_session = context.session.as_ref().filter(|session| session.user_name != name);
        if let Some(session) = other_session
            && !context.read(|realm| realm.holds_code(session.user, "CHANGE_PWD"))
        {
            return Err(Nack::not_authorised("CHANGE_PWD"));
        }
        let actor = other_session.map(|_| context.actor()).transpose()?;
        let own_session = context.session.as_ref().filter(|session| session.user_name == name);
        check::check_length(&self.new_password)?;
        let begun = Attempt::begin(context, Some(&name)).await?;
        let attempt = || async {
            let _turn = begun.turn(&name, None).await?;
            let snapshot = LoginSnapshot::by_name(context, &name);
            let checked =
                login::check_local_password(context, &self.old_password, &snapshot).await?;
            let is_proved = match checked.verdict {
                Verdict::Matched => true,
                Verdict::Blank => context.read(|realm| reset_is_open(realm, context.now, &name)),
                Verdict::Wrong => false,
            };
            let credential =
                if is_proved { Some(self.new_hash(context, &name).await?) } else { None };
            let change = ChangePassword {
                user_name: name.clone(),
                verdict: checked.verdict,
                checked: checked.checked,
                credential,
                actor: actor.clone(),
                keep: own_session.map(|session| session.session),
                presented: self.checked_code(context, &snapshot),
                earlier_factor: context.client.outbox.as_ref().map(|outbox| outbox.keep_factor()),
                client: snapshot.client,
            };
            match submit_checked(context, Command::ChangePassword(change)).await? {
                Outcome::Done => Ok(Ok(Generated::default())),
                Outcome::Refused(refusal) => Ok(Err(context.nack(refusal))),
                _ => Err(errors::internal_error(Self::TYPE).into()),
            }
        };
        let changed = retry_stale(context, attempt).await?;
        if changed.is_err() {
            begun.fail();
            log_new_lock(context, &name);
        }
        changed
    }
}

/// Whether a password reset of this user is open, so that an empty OLD_PASSWORD may be right. This
/// is only a first check: when the realm applies the command, it refuses an empty OLD_PASSWORD
/// unless the policy has blank resets and the reset set no one-time password.
fn reset_is_open(realm: &Realm, now: Millis, name: &UserName) -> bool {
    realm.user_by_name(name).is_some_and(|user| realm.reset_is_open(now, user))
}

impl ChangeUserPassword {
    /// Checks the new password against the password rules and hashes it. Called only if the old
    /// password matched, or is empty while a password reset is open.
    async fn new_hash(&self, context: &MessageContext, name: &UserName) -> Result<Arc<str>, Nack> {
        let known = context.read(|realm| {
            let user = realm.user_by_name(name)?;
            Some((user.name.clone(), realm.remembered_hashes(user)))
        });
        let (name, previous) = known.unwrap_or_else(|| (name.clone(), Vec::new()));
        new_hash(context, &name, &self.new_password, previous).await
    }

    fn checked_code(
        &self,
        context: &MessageContext,
        snapshot: &LoginSnapshot,
    ) -> Option<PresentedFactor> {
        login::check_code(context, snapshot.second_factor.as_ref(), self.mfa_code.as_ref())
    }

    fn target(&self, context: &MessageContext) -> Result<UserName, Nack> {
        let root =
            context.envelope.user_name.as_deref().and_then(|name| UserName::parse(name).ok());
        let own = || context.session.as_ref().map(|session| session.user_name.clone());
        let none = || {
            let text = "USER_NAME is missing; send it in DETAILS or at the root of the message";
            Nack::new(NackCode::NoUserName, text)
        };
        self.user_name.clone().or(root).or_else(own).ok_or_else(none)
    }
}
