//! `[[security.authentication.ldap.connection]]`: directories (Genesis authentication, "LDAP").

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
/// Directories.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ldap {
    /// Servers, asked in this order; one that confirms the password is enough.
    #[schemars(extend("x-genesis-key" = "connection"))]
    pub connection: Vec<LdapConnection>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LdapConnection {
    /// Its host name; with TLS, the name in its certificate.
    #[schemars(extend("x-genesis-key" = "url"))]
    pub url: String,
    /// Its TCP port.
    #[schemars(extend("x-genesis-key" = "port"))]
    pub port: u16,
    /// Below these entries users and groups are searched.
    #[schemars(extend("x-genesis-key" = "searchBases"))]
    pub search_bases: Vec<String>,
    /// Groups, by name or DN, one of which a user must be in; empty: none.
    #[schemars(extend("x-genesis-key" = "userGroups"))]
    pub user_groups: Vec<String>,
    /// Below these entries, too, groups are searched.
    pub group_bases: Vec<String>,
    /// Stands in front of every user name that the directory is asked for.
    #[schemars(extend("x-genesis-key" = "userPrefix"))]
    pub user_prefix: String,
    /// DN to bind as for searches; empty: anonymous.
    #[schemars(extend("x-genesis-key" = "bindDn"))]
    pub bind_dn: String,
    /// The password of `bind_dn`.
    #[schemars(extend("x-genesis-key" = "bindPassword"))]
    pub bind_password: Secret,
    /// The attribute that holds the user name: `cn`, `uid`, `sAMAccountName`.
    #[schemars(extend("x-genesis-key" = "userIdType"))]
    pub user_id_type: String,
    /// "none", "start_tls" (refused where the server does not know it), or "ldaps"; true means
    /// "start_tls".
    #[serde(deserialize_with = "tls")]
    #[schemars(extend("x-genesis-key" = "useTLS"))]
    pub use_tls: LdapTls,
    /// A file with the authorities to trust (PEM) instead of the system's.
    pub ca_file: String,
    /// A login that this server has not answered in this time goes to the next one; milliseconds.
    pub timeout_ms: u64,
    /// Whether locks after wrong passwords and the age of passwords are the directory's affair
    /// alone.
    #[schemars(extend("x-genesis-key" = "bypassLoginInternalAuth"))]
    pub bypass_login_internal_auth: bool,
    /// What happens at the first login of a user of the directory.
    #[schemars(extend("x-genesis-key" = "onFirstLogin"))]
    pub on_first_login: OnFirstLogin,
    /// What happens at every login.
    #[schemars(extend("x-genesis-key" = "onLoginSuccess"))]
    pub on_login_success: OnLoginSuccess,
}

/// How a connection to a directory is kept from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum LdapTls {
    None,
    StartTls,
    Ldaps,
}

/// What happens at the first login of a user of the directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnFirstLogin {
    /// Whether the user's record is created; false: UNKNOWN_ACCOUNT.
    #[schemars(extend("x-genesis-key" = "createUser"))]
    pub create_user: bool,
    /// Fields of the record, and the directory's attributes that they come from.
    pub attributes: BTreeMap<String, String>,
    /// Profiles of the new user.
    #[schemars(extend("x-genesis-key" = "createUserPermissions"))]
    pub profiles: Vec<String>,
    /// Rights of the new user.
    pub rights: Vec<String>,
    /// Groups of the directory, by name or DN, and the profile that each gives.
    pub group_profiles: BTreeMap<String, String>,
}

/// What happens at every login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnLoginSuccess {
    /// Whether the fields of `on_first_login.attributes` follow the directory.
    pub update_attributes: bool,
    /// Whether the profiles of `on_first_login` follow the directory; others stay as they are.
    pub sync_profiles: bool,
}

/// The flag of Genesis authentication, or a word.
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
            let text = "none, start_tls, ldaps, true or false is expected";
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

/// What an attribute of a directory may be called (RFC 4512, keystring).
fn is_attribute(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

impl LdapConnection {
    /// The server for the directory client.
    pub fn to_ldap_server(&self) -> LdapServer {
        let first = &self.on_first_login;
        let bind = (self.bind_dn.clone(), self.bind_password.expose().to_owned());
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
            wrong.push(format!("{} is a host name, with a port above 0", key("url")));
        }
        if self.search_bases.is_empty() {
            wrong.push(format!("{} names at least one entry", key("search_bases")));
        }
        if !is_attribute(&self.user_id_type) {
            wrong.push(format!("{} is the name of an attribute", key("user_id_type")));
        }
        wrong.range(key("timeout_ms"), self.timeout_ms, 1..=60_000);
        if self.bind_dn.is_empty() != self.bind_password.expose().is_empty() {
            // An empty password would be no login at all.
            wrong.push(format!("{} has bind_dn and bind_password, or neither", key("bind_dn")));
        }
        for (field, from) in &self.on_first_login.attributes {
            if !ATTRIBUTES.contains(&field.as_str()) || !is_attribute(from) {
                let text = "has fields of a user's record and attributes of the directory";
                wrong.push(format!("{} {text}: {field}", key("on_first_login.attributes")));
            }
        }
        let first = &self.on_first_login;
        for name in first.profiles.iter().chain(first.group_profiles.values()) {
            if ProfileName::parse(name).is_err() {
                wrong.push(format!("{} names no profile: {name:?}", key("on_first_login")));
            }
        }
        for code in &first.rights {
            if RightCode::parse(code).is_err() {
                wrong.push(format!("{} is no code: {code:?}", key("on_first_login.rights")));
            }
        }
    }
}
