//! `tollgate doctor`: checks of configuration, host and store.

mod command;
mod finding;
mod login_checks;
mod machine_checks;
mod settings_checks;
mod store_checks;

pub(super) use command::DoctorArgs;
