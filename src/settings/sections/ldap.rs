//! The section `[security.authentication.ldap]`: directories (Genesis authentication, "LDAP").

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use protocol::{ProfileName, RightCode};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::auth::{LdapServer, TlsMode};
use crate::realm::ATTRIBUTES;
use crate::settings::range::RangeCheck;
use crate::settings::secret::Secret;

/// LDAP directories.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ldap {
    /// LDAP servers, tried in this order until one confirms the password. A server that failed is
    /// skipped for 5 to 60 seconds if another server is available.
    #[schemars(extend("x-genesis-key" = "connection"))]
    pub connection: Vec<LdapConnection>,
}

/// One LDAP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LdapConnection {
    /// Host name of the server, without a scheme; with TLS, the name in its certificate.
    #[schemars(extend("x-genesis-key" = "url"))]
    pub url: String,
    /// TCP port of the server, above 0; servers usually have 636 for "ldaps".
    #[schemars(extend("x-genesis-key" = "port"))]
    pub port: u16,
    /// DNs of entries below which users and groups are searched; at least one.
    #[schemars(extend("x-genesis-key" = "searchBases"))]
    pub search_bases: Vec<String>,
    /// Names or DNs of groups; a user must be a direct member of at least one of them. Empty: no
    /// group is required.
    #[schemars(extend("x-genesis-key" = "userGroups"))]
    pub user_groups: Vec<String>,
    /// DNs of further entries below which groups, but not users, are searched; empty: only
    /// `search_bases`.
    pub group_bases: Vec<String>,
    /// Text that searches put in front of the user name; empty: no text.
    #[schemars(extend("x-genesis-key" = "userPrefix"))]
    pub user_prefix: String,
    /// DN with which the gateway binds for searches; empty: anonymous searches. Requires
    /// `bind_password`.
    #[schemars(extend("x-genesis-key" = "bindDn"))]
    pub bind_dn: String,
    /// Password of `bind_dn`.
    #[schemars(extend("x-genesis-key" = "bindPassword"))]
    pub bind_password: Secret,
    /// Attribute that contains the user name, such as `cn`, `uid` or `sAMAccountName`.
    #[schemars(extend("x-genesis-key" = "userIdType"))]
    pub user_id_type: String,
    /// Encryption of the connection: "none"; "start_tls", TLS after a StartTLS request; "ldaps",
    /// TLS from the first byte. true means "start_tls", false means "none". With "start_tls",
    /// logins fail at a server that does not support StartTLS.
    #[serde(deserialize_with = "tls")]
    #[schemars(extend("x-genesis-key" = "useTLS"))]
    pub use_tls: LdapTls,
    /// PEM file with the certificate authorities to trust, instead of those of the operating
    /// system; empty: those of the operating system.
    pub ca_file: String,
    /// Milliseconds in which the server must answer a login, 1 to 60000; after that, the next
    /// server is tried.
    pub timeout_ms: u64,
    /// Whether only the directory, not the gateway, locks users after wrong passwords. If true, the
    /// gateway refuses only users whose STATUS is DISABLED; if false, it also locks users after
    /// wrong passwords and refuses every STATUS other than ENABLED. If only some of the connections
    /// have true, the gateway locks users after wrong passwords. Has no effect with the
    /// authentication type "HYBRID".
    #[schemars(extend("x-genesis-key" = "bypassLoginInternalAuth"))]
    pub bypass_login_internal_auth: bool,
    /// The user record that the first login of a directory user creates.
    #[schemars(extend("x-genesis-key" = "onFirstLogin"))]
    pub on_first_login: OnFirstLogin,
    /// Changes of the user record at every login of a directory user.
    #[schemars(extend("x-genesis-key" = "onLoginSuccess"))]
    pub on_login_success: OnLoginSuccess,
}

/// The encryption of the connection to a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum LdapTls {
    None,
    StartTls,
    Ldaps,
}

/// The user record that the first login of a directory user creates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnFirstLogin {
    /// Whether a user record is created for a directory user who has none; false: the login is
    /// refused as `security.login_errors` says. With the authentication type "HYBRID", no record is
    /// created.
    #[schemars(extend("x-genesis-key" = "createUser"))]
    pub create_user: bool,
    /// Fields of the user record, each with the directory attribute that has its value; empty: no
    /// fields. Example: `{ CITY = "l" }`.
    pub attributes: BTreeMap<String, String>,
    /// Names of profiles that a new user gets; empty: no profiles.
    #[schemars(extend("x-genesis-key" = "createUserPermissions"))]
    pub profiles: Vec<String>,
    /// Codes of rights that are granted directly to a new user; empty: no rights.
    pub rights: Vec<String>,
    /// Names or DNs of directory groups, each with the name of the profile that a new user in the
    /// group gets; empty: no groups.
    pub group_profiles: BTreeMap<String, String>,
}

/// Changes of the user record at every login of a directory user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnLoginSuccess {
    /// Whether a login updates the fields of `on_first_login.attributes` from the directory. A
    /// field without a value in the directory is cleared.
    pub update_attributes: bool,
    /// Whether a login updates the profiles of the user: it adds the profiles that `on_first_login`
    /// gives to a new user with the same groups, and removes the user from all other profiles that
    /// `on_first_login.group_profiles` names. All other profiles of the user stay unchanged.
    pub sync_profiles: bool,
}

/// Deserializes `use_tls`: a word, or a flag as in Genesis authentication.
fn tls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LdapTls, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TlsValue {
        Flag(bool),
        Word(LdapTls),
    }
    Ok(match TlsValue::deserialize(deserializer) {
        Ok(TlsValue::Flag(true)) => LdapTls::StartTls,
        Ok(TlsValue::Flag(false)) => LdapTls::None,
        Ok(TlsValue::Word(word)) => word,
        Err(_) => {
            let text = "\"none\", \"start_tls\", \"ldaps\", true or false is expected";
            return Err(serde::de::Error::custom(text));
        }
    })
}

impl Default for LdapConnection {
    fn default() -> Self {
        Self {
            url: "localhost".to_owned(),
            port: 389,
            search_bases: vec!["ou=temp,dc=temp".to_owned()],
            user_groups: Vec::new(),
            group_bases: Vec::new(),
            user_prefix: String::new(),
            bind_dn: String::new(),
            bind_password: Secret::default(),
            user_id_type: "cn".to_owned(),
            use_tls: LdapTls::None,
            ca_file: String::new(),
            timeout_ms: 3_000,
            bypass_login_internal_auth: false,
            on_first_login: OnFirstLogin::default(),
            on_login_success: OnLoginSuccess::default(),
        }
    }
}

impl Default for OnFirstLogin {
    fn default() -> Self {
        let attributes =
            [("FIRST_NAME", "givenName"), ("LAST_NAME", "sn"), ("EMAIL_ADDRESS", "mail")];
        let attributes = attributes.map(|(field, from)| (field.to_owned(), from.to_owned()));
        Self {
            create_user: false,
            attributes: attributes.into(),
            profiles: Vec::new(),
            rights: Vec::new(),
            group_profiles: BTreeMap::new(),
        }
    }
}

impl Default for OnLoginSuccess {
    fn default() -> Self {
        Self { update_attributes: true, sync_profiles: false }
    }
}

impl Ldap {
    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        for (number, connection) in self.connection.iter().enumerate() {
            let key =
                |key: &str| format!("security.authentication.ldap.connection[{number}].{key}");
            connection.check(key, wrong);
        }
    }
}

/// Whether the text is a valid name of a directory attribute (RFC 4512, keystring).
fn is_attribute(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

impl LdapConnection {
    /// Returns the settings of the server for the LDAP client.
    pub fn to_ldap_server(&self) -> LdapServer {
        let first = &self.on_first_login;
        let bind = (self.bind_dn.clone(), self.bind_password.expose().to_owned().into());
        LdapServer {
            host: self.url.clone(),
            port: self.port,
            bases: self.search_bases.clone(),
            group_bases: self.group_bases.clone(),
            groups: self.user_groups.clone(),
            other_groups: first.group_profiles.keys().cloned().collect(),
            prefix: self.user_prefix.clone(),
            bind: (!bind.0.is_empty()).then_some(bind),
            id_attribute: self.user_id_type.clone(),
            tls: match self.use_tls {
                LdapTls::None => TlsMode::None,
                LdapTls::StartTls => TlsMode::StartTls,
                LdapTls::Ldaps => TlsMode::Always,
            },
            ca_file: (!self.ca_file.is_empty()).then(|| PathBuf::from(&self.ca_file)),
            timeout: Duration::from_millis(self.timeout_ms),
            attributes: first.attributes.values().cloned().collect(),
        }
    }

    fn check(&self, key: impl Fn(&str) -> String, wrong: &mut Vec<String>) {
        if self.url.is_empty() || self.url.contains(['/', ' ']) || self.port == 0 {
            let text = "must be a host name without a scheme; port must be above 0";
            wrong.push(format!("{} {text}", key("url")));
        }
        if self.search_bases.is_empty() {
            wrong.push(format!("{} must have at least one DN", key("search_bases")));
        }
        if !is_attribute(&self.user_id_type) {
            wrong.push(format!("{} must be the name of an LDAP attribute", key("user_id_type")));
        }
        wrong.range(key("timeout_ms"), self.timeout_ms, 1..=60_000);
        if self.bind_dn.is_empty() != self.bind_password.expose().is_empty() {
            // A bind with an empty password is anonymous and would succeed without a check.
            wrong.push(format!("{} requires bind_password, and vice versa", key("bind_dn")));
        }
        for (field, from) in &self.on_first_login.attributes {
            if !ATTRIBUTES.contains(&field.as_str()) || !is_attribute(from) {
                let text = "is not valid: the key must be a field of the user record, and the \
                     value the name of an LDAP attribute";
                wrong.push(format!("{}: {field:?} {text}", key("on_first_login.attributes")));
            }
        }
        let first = &self.on_first_login;
        for name in first.profiles.iter().chain(first.group_profiles.values()) {
            if ProfileName::parse(name).is_err() {
                let key = key("on_first_login");
                wrong.push(format!("{key}: {name:?} is not a valid profile name"));
            }
        }
        for code in &first.rights {
            if RightCode::parse(code).is_err() {
                let key = key("on_first_login.rights");
                wrong.push(format!("{key}: {code:?} is not a valid right code"));
            }
        }
    }
}
