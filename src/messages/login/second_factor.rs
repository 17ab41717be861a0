//! The part of the second-factor check of a login that runs outside the realm.
//!
//! Codes are checked here, because the secrets can be decrypted only with the keys of the gateway.
//! Tokens that the login may need are generated here.

use std::sync::Arc;

use protocol::{MfaCode, Nack, RefreshToken, UserName};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::platform::refusal_line;
use crate::realm::{
    EnrolmentActor, Fingerprint, MfaReason, PresentedFactor, Realm, Refusal, RequiredFactor,
    SecondFactorInput, SessionKind, TokenHash, User, UserNo,
};

/// Tokens that a login may issue, in the clear.
pub struct FactorTokens {
    pending_login: RefreshToken,
    active_code: MfaCode,
}

impl FactorTokens {
    /// Generates both tokens.
    pub fn generate() -> Self {
        Self {
            pending_login: crate::auth::refresh_token(),
            active_code: MfaCode::new(crate::auth::refresh_token().expose()),
        }
    }

    /// Replaces the generated token of a pending login by the token of a login that is already
    /// pending.
    pub fn with_pending_login(self, token: &RefreshToken) -> Self {
        Self { pending_login: token.clone(), ..self }
    }

    /// Returns the second factor for a command. Tokens are hashed, because the command log must not
    /// contain them. A client of the token API gets neither a pending login nor an active code: it
    /// repeats the whole login.
    pub fn hashed(
        &self,
        presented: Option<PresentedFactor>,
        kind: SessionKind,
    ) -> SecondFactorInput {
        let hash = |text: &str| TokenHash(crate::auth::hash_token(text));
        match kind {
            SessionKind::Interactive => SecondFactorInput {
                presented,
                pending_login: Some(hash(self.pending_login.expose())),
                active_code: Some(hash(self.active_code.expose())),
                earlier: None,
            },
            SessionKind::Token => SecondFactorInput { presented, ..Default::default() },
        }
    }

    /// Returns the NACK for a login whose first factor is proved. It contains the token that
    /// completes the pending login.
    pub fn pending_nack(&self, reason: MfaReason, required: RequiredFactor) -> Nack {
        errors::second_factor_nack(reason, required).with_pending_login(&self.pending_login)
    }

    /// Returns the active code. Call this only if the outcome states that the code became active.
    pub fn into_active_code(self) -> MfaCode {
        self.active_code
    }
}

/// The encrypted secret of a user's authenticator app, for checking its codes.
pub struct UserSecret {
    user: TargetUser,
    encrypted: Arc<str>,
}

impl UserSecret {
    /// Returns the confirmed secret; `None` if the user has none.
    pub(super) fn confirmed(realm: &Realm, user: &User) -> Option<Self> {
        let encrypted = realm.second_factor(user.no)?.confirmed.clone()?;
        Some(Self { user: TargetUser::from(user), encrypted })
    }

    /// Returns the secret that is not confirmed yet; `None` if the user has none.
    pub fn pending(realm: &Realm, user: UserNo) -> Option<Self> {
        let encrypted = realm.second_factor(user)?.pending.as_ref()?.encrypted.clone();
        Some(Self { user: TargetUser::from(realm.user(user)?), encrypted })
    }
}

/// Checks MFA_CODE as far as possible outside the realm; `None` if MFA_CODE was not sent. A code of
/// the authenticator app is checked against `secret`. Any other code is only hashed: the realm
/// compares the hash.
pub fn check_code(
    context: &MessageContext,
    secret: Option<&UserSecret>,
    code: Option<&MfaCode>,
) -> Option<PresentedFactor> {
    let text = code?.expose().trim();
    let settings = context.gateway.settings();
    let is_totp =
        settings.security.mfa.qr_code.as_ref().is_some_and(|it| it.totp_config().is_code(text));
    if !is_totp {
        let recovery_code = crate::auth::normalize_recovery_code(text);
        let hash = crate::auth::hash_token(recovery_code.as_deref().unwrap_or(text));
        return Some(PresentedFactor::Code(TokenHash(hash)));
    }
    let checked = secret.and_then(|secret| check_totp(context, secret, text));
    let (checked, at_secs, reencrypted) = checked.map_or((None, None, None), |it| it.into_parts());
    Some(PresentedFactor::Totp { checked, at_secs, reencrypted })
}

/// The result of checking a code of the authenticator app against a secret.
pub struct CheckedCode {
    encrypted: Fingerprint,
    at_secs: Option<u64>,
    reencrypted: Option<Arc<str>>,
}

impl CheckedCode {
    /// Returns three parts. The first is the fingerprint of the stored secret. The other two are
    /// present only if the code is right. The second is the start of the code's period in epoch
    /// seconds. If an earlier key encrypted the stored secret, the third is the secret encrypted
    /// with the current key.
    pub fn into_parts(self) -> (Option<Fingerprint>, Option<u64>, Option<Arc<str>>) {
        (Some(self.encrypted), self.at_secs, self.reencrypted)
    }
}

/// Checks a code of the authenticator app against a secret; `None` if authenticator apps are not
/// configured.
pub fn check_totp(
    context: &MessageContext,
    secret: &UserSecret,
    text: &str,
) -> Option<CheckedCode> {
    let settings = context.gateway.settings();
    let codes = settings.security.mfa.qr_code.as_ref()?.totp_config();
    let keys = context.gateway.keys.as_ref()?;
    let UserSecret { user, encrypted } = secret;
    let fingerprint = Fingerprint::new(encrypted);
    let Some(decrypted) = keys.decrypt(user.name.as_str(), user.no.0, encrypted) else {
        refusal_line!(
            ERROR,
            Some(context.client.address),
            user = %user.name,
            "no configured key decrypted the user's second-factor secret, so a code of the \
             authenticator app was refused; restore the former key or username_table_look_up_salt"
        );
        return Some(CheckedCode { encrypted: fingerprint, at_secs: None, reencrypted: None });
    };
    let at_secs = codes.check(&decrypted.secret, text, context.now / 1_000);
    let is_outdated = decrypted.is_earlier_key && at_secs.is_some();
    let reencrypted =
        is_outdated.then(|| keys.encrypt(user.name.as_str(), user.no.0, &decrypted.secret));
    Some(CheckedCode { encrypted: fingerprint, at_secs, reencrypted })
}

/// The user whose second factor a message concerns.
pub struct TargetUser {
    /// The user name.
    pub name: UserName,
    /// The user number.
    pub no: UserNo,
}

impl From<&User> for TargetUser {
    fn from(user: &User) -> Self {
        Self { name: user.name.clone(), no: user.no }
    }
}

/// Returns the actor who creates or confirms a secret, and the target user. With the token of a
/// pending login, the target is the user of that login. Without a token, the target is the user
/// with the given name, or the user of the session if no name is given.
///
/// If the target is not the user of the session, the realm checks that the session has `right`.
/// This function uses `right` only to choose the NACK for an unknown name.
pub fn enrolment_actor(
    context: &MessageContext,
    token: Option<&RefreshToken>,
    name: Option<&UserName>,
    right: &'static str,
) -> Result<(EnrolmentActor, TargetUser), Nack> {
    if let Some(token) = token {
        let hash = TokenHash(crate::auth::hash_token(token.expose()));
        let user = context.read(|realm| realm.user_by_pending_login(&hash).map(TargetUser::from));
        let user = user.filter(|user| name.is_none_or(|name| *name == user.name));
        let Some(user) = user else {
            context.record_failure();
            return Err(errors::nack(&context.gateway, context.now, Refusal::RefreshExpired));
        };
        context.set_audited_user(&user.name);
        return Ok((EnrolmentActor::PendingLogin(hash), user));
    }
    let session = context.session()?;
    let found = context.read(|realm| match name {
        Some(name) => realm.user_by_name(name).map(TargetUser::from),
        None => realm.user(session.user).map(TargetUser::from),
    });
    let none = || {
        let has_right = context.read(|realm| realm.holds_code(session.user, right));
        let name = name.map(ToString::to_string).unwrap_or_default();
        if has_right {
            errors::nack(&context.gateway, context.now, Refusal::NotFound("USER", name))
        } else {
            Nack::not_authorised(right)
        }
    };
    Ok((EnrolmentActor::Actor(context.actor()?), found.ok_or_else(none)?))
}
