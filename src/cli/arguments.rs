//! Command-line arguments, dispatch to the sub-commands, and exit codes.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use super::config_args::ConfigArgs;
use super::error_text::with_causes;
use super::terminal::escaped;
use super::{
    admin, audit, backup, calibrate, completions, config, doctor, export, health,
    import_preferences, import_users, populate, record, rekey, replay, schema, send, serve, user,
};
use crate::gateway::StartError;
use crate::net::TlsError;
use crate::platform::exit_code;
use crate::settings::SettingsError;
use crate::storage::StoreError;

/// An authentication and entitlements gateway for trading GUIs, over WebSocket or REST.
#[derive(Parser)]
#[command(version, about, after_help = exit_codes(), args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<SubCommand>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Subcommand)]
enum SubCommand {
    /// Start the gateway (default)
    Serve(serve::ServeArgs),
    /// Check the configuration and report its errors
    CheckConfig(ConfigArgs),
    /// Print the default configuration (TOML) with a comment for each key
    DefaultConfig,
    /// Print the reference of all configuration keys (Markdown)
    ConfigReference,
    /// Print the JSON Schema of the configuration, for completion in editors
    ConfigSchema,
    /// Import users from another system, with passwords or hashes, while the gateway is stopped
    #[command(after_help = import_users::format())]
    ImportUsers(import_users::ImportUsersArgs),
    /// Convert a Genesis auth-preferences.kts file to a configuration
    ImportPreferences(import_preferences::ImportPreferencesArgs),
    /// Check configuration, host and store; print each problem and how to fix it
    Doctor(doctor::DoctorArgs),
    /// Measure password hashing on this host and suggest log_n, r and p for scrypt
    Calibrate(calibrate::CalibrateArgs),
    /// Re-encrypt the second-factor secrets with the current key, while the gateway is stopped
    ///
    /// The current key is security.mfa.qr_code.secret_encrypt_key or, if that is empty, the key in
    /// the file mfa.key.
    Rekey(rekey::RekeyArgs),
    /// Restore the administration of a store, while its gateway is stopped
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Manage the users in a store, while its gateway is stopped
    #[command(subcommand)]
    User(user::UserCommand),
    #[command(alias = "say")]
    Send(send::SendArgs),
    /// Check that a running gateway is ready
    Health(health::HealthArgs),
    /// Print a Grafana dashboard for the metrics (JSON)
    #[command(alias = "dashboard")]
    GrafanaDashboard,
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print a schema (OpenAPI, AsyncAPI, replay report, one message) or the wire reference
    Schema(schema::SchemaArgs),
    /// Verify or print the audit trail, while the gateway is stopped
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Back up a running gateway to a file with a checksum
    Backup(backup::BackupArgs),
    /// Export a store to a file with a checksum, while its gateway is stopped
    Export(export::ExportArgs),
    /// Create a store from a file written by `backup` or `export`
    Import(export::ImportArgs),
    Replay(Box<replay::ReplayArgs>),
    Record(record::RecordArgs),
    Populate(populate::PopulateArgs),
}

/// Returns the command line with all its arguments, for completions and for tests of documents.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program and returns its exit code.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command.unwrap_or(SubCommand::Serve(arguments.serve)) {
        SubCommand::Serve(serve) => serve.run(),
        SubCommand::CheckConfig(config) => config::check(&config),
        SubCommand::DefaultConfig => config::print_default(),
        SubCommand::ConfigReference => config::print_reference(),
        SubCommand::ImportPreferences(import) => import.run(),
        SubCommand::ImportUsers(import) => import.run(),
        SubCommand::Doctor(doctor) => doctor.run(),
        SubCommand::Rekey(rekey) => rekey.run(),
        SubCommand::Calibrate(calibrate) => calibrate.run(),
        SubCommand::ConfigSchema => config::print_schema(),
        SubCommand::Admin(admin) => admin.run(),
        SubCommand::User(user) => user.run(),
        SubCommand::Send(send) => send.run(),
        SubCommand::Replay(replay) => replay.run(),
        SubCommand::Record(record) => record.run(),
        SubCommand::Audit(audit) => audit.run(),
        SubCommand::Backup(backup) => backup.run(),
        SubCommand::Export(export) => export.run(),
        SubCommand::Import(import) => import.run(),
        SubCommand::Populate(populate) => populate.run(),
        SubCommand::Schema(schema) => schema.run(),
        SubCommand::Health(health) => health.run(),
        SubCommand::GrafanaDashboard => completions::print_dashboard(),
        SubCommand::Completions(completions) => completions.run(command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate: {}", escaped(&with_causes(&error)));
            ExitCode::from(u8::try_from(code(&error)).unwrap_or(1))
        }
    }
}

/// Returns the exit code of an error.
fn code(error: &anyhow::Error) -> i32 {
    let store = error.downcast_ref::<StoreError>().or(match error.downcast_ref::<StartError>() {
        Some(StartError::Store(store)) => Some(store),
        _ => None,
    });
    match store {
        Some(StoreError::Locked) => return exit_code::LOCKED,
        Some(StoreError::Damaged(_)) => return exit_code::DAMAGED,
        Some(_) => return exit_code::STORE,
        None => {}
    }
    if error.is::<SettingsError>() || error.is::<TlsError>() {
        return exit_code::SETTINGS;
    }
    if error.is::<replay::ReplayFailed>() {
        return exit_code::REPLAY_FAILED;
    }
    if error.is::<serve::CannotListen>() { exit_code::ADDRESS } else { exit_code::FAILURE }
}

/// Returns the list of exit codes that `--help` shows.
fn exit_codes() -> String {
    let row = |(code, meaning): &(i32, &str)| format!("  {code}  {meaning}");
    let rows: Vec<_> = exit_code::EXIT_CODES.iter().map(row).collect();
    format!("Exit codes:\n{}", rows.join("\n"))
}
