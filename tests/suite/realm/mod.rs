//! Tests of the realm: single rules, stored formats and random sequences of commands.

mod audit_proofs;
mod credentials;
mod mailed_secrets;
mod notices;
mod places;
mod proofs;
mod recent_proofs;
mod rules;
mod second_factors;
mod sequences;
mod stored_logins;
mod stored_names;
mod tokens;
