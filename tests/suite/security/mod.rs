//! Tests of security: login, passwords, second factors, LDAP, browsers, permissions, audit trail.

mod audit;
mod audit_log;
mod audit_proofs;
mod authority;
mod browsers;
mod budgets;
mod dry_runs;
mod last_administrator;
mod ldap;
mod lockout;
mod login_gate;
mod mail;
mod mfa;
mod password_resets;
mod passwords;
mod permissions;
mod races;
mod request_identity;
mod secrets;
mod shared_address;
mod tls;
