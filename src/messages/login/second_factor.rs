//! The second factor of a login, outside the realm.
//!
//! A code is checked against a secret that only the gateway's keys decrypt; tokens that the login
//! may need are generated.

use std::sync::Arc;

use protocol::{MfaCode, Nack, RefreshToken, UserName};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::realm::{
    EnrolmentActor, Fingerprint, MfaReason, PresentedFactor, Realm, Refusal, RequiredFactor,
    SecondFactorInput, SessionKind, TokenHash, User, UserNo,
};

/// Secrets that a login may issue, in clear.
pub struct FactorTokens {
    pending_login: RefreshToken,
    active_code: MfaCode,
}

impl FactorTokens {
    /// Generates both.
    pub fn generate() -> Self {
        Self {
            pending_login: crate::auth::refresh_token(),
            active_code: MfaCode::new(crate::auth::refresh_token().expose()),
        }
    }

    /// The same for a login that is pending already: it keeps its token.
    pub fn with_pending_login(self, token: &RefreshToken) -> Self {
        Self { pending_login: token.clone(), ..self }
    }

    /// The second factor as the log may know it. A client of the token API gets no pending login:
    /// it repeats the whole login.
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
            },
            SessionKind::Token => SecondFactorInput { presented, ..Default::default() },
        }
    }

    /// The NACK of a login whose first factor was proved.
    pub fn pending_nack(&self, reason: MfaReason, required: RequiredFactor) -> Nack {
        errors::second_factor_nack(reason, required).with_pending_login(&self.pending_login)
    }

    /// The active code, once it is valid.
    pub fn into_active_code(self) -> MfaCode {
        self.active_code
    }
}

/// The encrypted secret of a user, against which codes are checked.
pub struct UserSecret {
    user: TargetUser,
    encrypted: Arc<str>,
}

impl UserSecret {
    /// The secret in force.
    pub(super) fn confirmed(realm: &Realm, user: &User) -> Option<Self> {
        let encrypted = realm.second_factor(user.no)?.confirmed.clone()?;
        Some(Self { user: TargetUser::from(user), encrypted })
    }

    /// The secret that waits to be confirmed.
    pub fn pending(realm: &Realm, user: UserNo) -> Option<Self> {
        let encrypted = realm.second_factor(user)?.pending.as_ref()?.encrypted.clone();
        Some(Self { user: TargetUser::from(realm.user(user)?), encrypted })
    }
}

/// The presented second factor, checked as far as it can be outside the realm.
pub fn check_code(
    context: &MessageContext,
    secret: Option<&UserSecret>,
    code: Option<&MfaCode>,
) -> Option<PresentedFactor> {
    let text = code?.expose().trim();
    let settings = context.gateway.settings();
    let is_code =
        settings.security.mfa.qr_code.as_ref().is_some_and(|it| it.totp_config().is_code(text));
    if !is_code {
        let plain = crate::auth::normalize_recovery_code(text);
        let hash = crate::auth::hash_token(plain.as_deref().unwrap_or(text));
        return Some(PresentedFactor::Code(TokenHash(hash)));
    }
    let checked = secret.and_then(|secret| check_totp(context, secret, text));
    let (checked, at_secs, reencrypted) = checked.map_or((None, None, None), |it| it.into_parts());
    Some(PresentedFactor::Totp { checked, at_secs, reencrypted })
}

/// A code that was checked against a secret.
pub struct CheckedCode {
    encrypted: Fingerprint,
    at_secs: Option<u64>,
    reencrypted: Option<Arc<str>>,
}

impl CheckedCode {
    /// The secret, the start of the code's period if the code is right, and the secret encrypted
    /// with the key of today if it was with another.
    pub fn into_parts(self) -> (Option<Fingerprint>, Option<u64>, Option<Arc<str>>) {
        (Some(self.encrypted), self.at_secs, self.reencrypted)
    }
}

/// Checks a code against a secret; `None` if the gateway checks no codes.
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
    let Some(opened) = keys.decrypt(user.name.as_str(), user.no.0, encrypted) else {
        tracing::error!(user = %user.name, "a secret was sealed with a key that is not configured");
        return Some(CheckedCode { encrypted: fingerprint, at_secs: None, reencrypted: None });
    };
    let at_secs = codes.check(&opened.secret, text, context.now / 1_000);
    let is_outdated = opened.is_old_key && at_secs.is_some();
    let reencrypted =
        is_outdated.then(|| keys.encrypt(user.name.as_str(), user.no.0, &opened.secret));
    Some(CheckedCode { encrypted: fingerprint, at_secs, reencrypted })
}

/// The user whose second factor is meant.
pub struct TargetUser {
    /// The name.
    pub name: UserName,
    /// The number.
    pub no: UserNo,
}

impl From<&User> for TargetUser {
    fn from(user: &User) -> Self {
        Self { name: user.name.clone(), no: user.no }
    }
}

/// Finds who creates or confirms a secret, and for which user: the token of a pending login for its
/// user, else the session for the named user, else for its own. `right`: needed for another user.
pub fn enrolment_actor(
    context: &MessageContext,
    token: Option<&RefreshToken>,
    name: Option<&UserName>,
    right: &'static str,
) -> Result<(EnrolmentActor, TargetUser), Nack> {
    if let Some(token) = token {
        context.check_failure_limit()?;
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
        let may = context.read(|realm| realm.holds_code(session.user, right));
        let name = name.map(ToString::to_string).unwrap_or_default();
        if may {
            errors::nack(&context.gateway, context.now, Refusal::NotFound("USER", name))
        } else {
            Nack::not_authorised(right)
        }
    };
    Ok((EnrolmentActor::Actor(context.actor()?), found.ok_or_else(none)?))
}
