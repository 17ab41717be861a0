//! `tollgate doctor`: checks of configuration, host and store.

pub mod command;
pub mod finding;
pub mod login_checks;
pub mod machine_checks;
pub mod settings_checks;
pub mod store_checks;
