//! A login at one LDAP server: search for the user, check the password, read groups.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchEntry, SearchOptions, ldap_escape,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::dn;
use super::result::{DirectoryUser, LdapError, LdapResult};
use super::server::{LdapServer, TlsMode};
use crate::platform::refusal_line;

/// Maximum number of entries to read for a user name in one search. Two entries suffice to show
/// that the name is ambiguous.
const USERS_MAX: i32 = 2;
/// Maximum number of groups to read in one search.
const GROUPS_MAX: i32 = 1_000;

// Result codes (RFC 4511, 4.1.9).
const SUCCESS: u32 = 0;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const REFERRAL: u32 = 10;
const NO_SUCH_OBJECT: u32 = 32;
/// Result codes of a bind that mean that the user is refused, not the gateway: inappropriate
/// authentication, invalid credentials, insufficient access rights, unwilling to perform, no such
/// object.
const REFUSED_CODES: [u32; 5] = [48, 49, 50, 53, NO_SUCH_OBJECT];

/// Checks a password at one server.
pub(super) async fn search_bind(
    server: &LdapServer,
    name: &str,
    password: &str,
) -> Result<LdapResult, LdapError> {
    let mut ldap = connect(server).await?;
    if let Some((bind_dn, bind_password)) = &server.bind {
        let code = ldap.simple_bind(bind_dn, bind_password).await?.rc;
        if code != SUCCESS {
            return Err(LdapError::Refused(code));
        }
    }
    let Some(user) = find_user(&mut ldap, server, name).await? else {
        return Ok(LdapResult::Unknown);
    };
    let groups = find_groups(&mut ldap, server, &user, name).await?;
    let code = ldap.simple_bind(&user.dn, password).await?.rc;
    // Unbind has no response (RFC 4511, 4.3), and a failure to send it does not matter.
    let _ = ldap.unbind().await;
    if REFUSED_CODES.contains(&code) {
        return Ok(LdapResult::Wrong);
    }
    if code != SUCCESS {
        return Err(LdapError::Refused(code));
    }
    let is_allowed = server.groups.is_empty() || server.groups.iter().any(|it| groups.contains(it));
    if !is_allowed {
        return Ok(LdapResult::NotInGroup);
    }
    Ok(LdapResult::Confirmed(DirectoryUser { attributes: attributes(server, &user.attrs), groups }))
}

async fn connect(server: &LdapServer) -> Result<Ldap, LdapError> {
    let mut settings = LdapConnSettings::new().set_conn_timeout(server.timeout);
    if server.tls != TlsMode::None {
        settings = settings.set_config(Arc::new(trust(server)?));
        settings = settings.set_starttls(server.tls == TlsMode::StartTls);
    }
    let scheme = if server.tls == TlsMode::Always { "ldaps" } else { "ldap" };
    let url = format!("{scheme}://{}:{}", server.host, server.port);
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &url).await?;
    tokio::spawn(async move {
        // The task ends when the last `Ldap` handle is dropped. Errors reach the requests that wait
        // for a response.
        let _ = connection.drive().await;
    });
    ldap.with_timeout(server.timeout);
    Ok(ldap)
}

fn trust(server: &LdapServer) -> Result<ClientConfig, LdapError> {
    let wrong = |error: &dyn std::fmt::Display| LdapError::Authorities(error.to_string());
    let mut roots = RootCertStore::empty();
    match &server.ca_file {
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
            for certificate in read {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
        }
        None => {
            let own = rustls_native_certs::load_native_certs().certs;
            let _ = roots.add_parsable_certificates(own);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| wrong(&error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Searches the entry `base` or, according to `scope`, this entry and all entries below it. Returns
/// at most `most` entries; none if the base does not exist or the server refers to another server.
async fn search(
    ldap: &mut Ldap,
    base: &str,
    scope: Scope,
    filter: &str,
    attributes: &[&str],
    most: i32,
) -> Result<Vec<SearchEntry>, LdapError> {
    let timeout = ldap.timeout;
    ldap.with_search_options(SearchOptions::new().sizelimit(most));
    if let Some(timeout) = timeout {
        ldap.with_timeout(timeout);
    }
    let found = ldap.search(base, scope, filter, attributes.to_vec()).await?;
    match found.1.rc {
        SUCCESS | SIZE_LIMIT_EXCEEDED => {}
        REFERRAL | NO_SUCH_OBJECT => return Ok(Vec::new()),
        code => return Err(LdapError::Refused(code)),
    }
    let entries = found.0.into_iter().filter(|entry| !entry.is_ref() && !entry.is_intermediate());
    Ok(entries.map(SearchEntry::construct).collect())
}

/// Returns the entry of a user; `None` if no entry or more than one entry is found.
async fn find_user(
    ldap: &mut Ldap,
    server: &LdapServer,
    name: &str,
) -> Result<Option<SearchEntry>, LdapError> {
    let filter = user_filter(server, name);
    let mut attributes: Vec<_> = server.attributes.iter().map(String::as_str).collect();
    attributes.push("memberOf");
    let mut found: Vec<SearchEntry> = Vec::new();
    for base in &server.bases {
        found.extend(search(ldap, base, Scope::Subtree, &filter, &attributes, USERS_MAX).await?);
    }
    found.dedup_by(|a, b| dn::normalize(&a.dn) == dn::normalize(&b.dn));
    if found.len() > 1 {
        let text = "LDAP search found several entries for the user, so the login was refused";
        refusal_line!(WARN, None, host = server.host, user = name, "{text}");
        return Ok(None);
    }
    // A bind with an empty DN would be anonymous.
    Ok(found.pop().filter(|entry| !entry.dn.is_empty()))
}

fn user_filter(server: &LdapServer, name: &str) -> String {
    let name = format!("{}{name}", server.prefix);
    format!("({}={})", server.id_attribute, ldap_escape(name))
}

/// Returns the configured groups that contain the user, according to memberOf of the user's entry
/// or to the members of the group's entry.
async fn find_groups(
    ldap: &mut Ldap,
    server: &LdapServer,
    user: &SearchEntry,
    name: &str,
) -> Result<Vec<String>, LdapError> {
    let groups: Vec<_> = server.groups.iter().chain(&server.other_groups).collect();
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let bases: Vec<_> = server.bases.iter().chain(&server.group_bases).collect();
    let filter = member_filter(&user.dn, &format!("{}{name}", server.prefix));
    // The groups that contain the user: their DN in normal form, and their names.
    let mut member_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for base in &bases {
        for group in search(ldap, base, Scope::Subtree, &filter, &["cn"], GROUPS_MAX).await? {
            add_group(&mut member_of, &group);
        }
    }
    for configured in groups.iter().filter(|configured| dn::normalize(configured).is_some()) {
        for group in search(ldap, configured, Scope::Base, &filter, &["cn"], 1).await? {
            add_group(&mut member_of, &group);
        }
    }
    let bases: Vec<_> = bases.iter().filter_map(|base| dn::normalize(base)).collect();
    for group in values(&user.attrs, "memberOf").filter_map(|group| dn::normalize(group)) {
        // A configured name matches a group of memberOf only if the group is below a search base.
        // Any other group must be configured by its DN.
        let near = bases.iter().any(|base| dn::is_below(&group, base));
        let name = dn::first_value(&group).filter(|_| near).map(str::to_owned);
        member_of.entry(group).or_default().extend(name);
    }
    let contains_user = |configured: &&&String| match dn::normalize(configured) {
        Some(normal) => member_of.contains_key(&normal),
        None => member_of.values().flatten().any(|name| *name == dn::normalize_value(configured)),
    };
    Ok(groups.iter().filter(contains_user).map(|configured| (*configured).clone()).collect())
}

fn add_group(member_of: &mut BTreeMap<String, Vec<String>>, group: &SearchEntry) {
    let Some(normal) = dn::normalize(&group.dn) else { return };
    let names = values(&group.attrs, "cn").map(|name| dn::normalize_value(name));
    member_of.entry(normal).or_default().extend(names);
}

fn member_filter(dn: &str, name: &str) -> String {
    let (dn, name) = (ldap_escape(dn), ldap_escape(name));
    format!("(|(member={dn})(uniqueMember={dn})(&(objectClass=posixGroup)(memberUid={name})))")
}

/// Returns the values of an attribute, whose name is case-insensitive.
fn values<'a>(
    attributes: &'a HashMap<String, Vec<String>>,
    name: &'a str,
) -> impl Iterator<Item = &'a String> {
    let named = attributes.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
    named.flat_map(|(_, values)| values)
}

fn attributes(
    server: &LdapServer,
    attributes: &HashMap<String, Vec<String>>,
) -> BTreeMap<String, String> {
    let first = |name: &String| Some((name.clone(), values(attributes, name).next()?.clone()));
    server.attributes.iter().filter_map(first).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_in_a_name_changes_what_is_searched() {
        let server = LdapServer {
            host: String::new(),
            port: 1,
            bases: Vec::new(),
            group_bases: Vec::new(),
            groups: Vec::new(),
            other_groups: Vec::new(),
            prefix: "desk-".to_owned(),
            bind: None,
            id_attribute: "uid".to_owned(),
            tls: TlsMode::None,
            ca_file: None,
            timeout: Duration::from_secs(1),
            attributes: Vec::new(),
        };
        assert_eq!(user_filter(&server, "jane"), "(uid=desk-jane)");
        assert_eq!(user_filter(&server, "*"), r"(uid=desk-\2a)");
        assert_eq!(user_filter(&server, "a)(uid=*"), r"(uid=desk-a\29\28uid=\2a)");
        assert_eq!(user_filter(&server, "a\0\\"), r"(uid=desk-a\00\5c)");
        let filter = member_filter("cn=o\\,brien (x),dc=org", "*");
        assert!(filter.contains(r"(member=cn=o\5c,brien \28x\29,dc=org)"), "{filter}");
        assert!(filter.contains(r"(memberUid=\2a)"), "{filter}");
    }
}
