//! The command line: arguments, one function a sub-command, errors as exit codes.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use super::config_args::Config;
use super::{
    audit, backup, calibrate, completions, config, doctor, export, health, import_preferences,
    import_users, populate, record, rekey, replay, say, schema, serve, user,
};
use crate::gateway::StartError;
use crate::net::TlsError;
use crate::platform::exit_code;
use crate::settings::SettingsError;
use crate::storage::StoreError;

/// A WebSocket message-bus auth gateway: log in, stay alive, see rights pushed.
#[derive(Parser)]
#[command(version, about, after_help = exit_codes(), args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Sub>,
    #[command(flatten)]
    serve: serve::Serve,
}

#[derive(Subcommand)]
enum Sub {
    /// Start the gateway (what happens without a sub-command, too)
    Serve(serve::Serve),
    /// Read the configuration, say what is wrong with it, and end
    CheckConfig(Config),
    /// Print the configuration with its defaults and what each key means
    DefaultConfig,
    /// Print every key of the configuration, what S2 calls it, its default and meaning (Markdown)
    ConfigReference,
    /// Print the JSON Schema of the configuration, for editors
    ConfigSchema,
    /// Import users of another system, with their passwords or hashes, into a stopped store
    #[command(after_help = import_users::format())]
    ImportUsers(import_users::ImportUsers),
    /// Turn an auth-preferences.kts into a configuration
    ImportPreferences(import_preferences::ImportPreferences),
    /// Read configuration, machine and store, and say what should be different and why
    Doctor(doctor::Doctor),
    /// Measure what a password hash costs on this machine, and propose log_n, r and p
    Calibrate(calibrate::Calibrate),
    /// Seal the secrets of second factors of a stopped store with the key of today
    Rekey(rekey::Rekey),
    /// Users of a stopped store
    #[command(subcommand)]
    User(user::User),
    /// Log in to a running gateway, say a few messages and print the answers
    Say(say::Say),
    /// Ask a running gateway whether it is ready
    Health(health::Health),
    /// Print a Grafana dashboard of the metrics
    Dashboard,
    /// Print what completes the command line in a shell
    Completions(completions::Completions),
    /// Print the schemas of the wire: OpenAPI, AsyncAPI, or those of one message
    Schema(schema::Schema),
    /// The audit trail of a stopped store
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Write everything of a running gateway to one file that proves itself
    Backup(backup::Backup),
    /// Write a stopped store to one file that proves itself
    Export(export::Export),
    /// Make a store of what `backup` or `export` wrote
    Import(export::Import),
    Replay(Box<replay::Replay>),
    /// Write a message script of a conversation that passes through, or of a browser's recording
    Record(record::Record),
    /// Fill a stopped store with made-up users, profiles and rights, the same for the same seed
    Populate(populate::Populate),
}

/// Runs the program and gives its exit code.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command.unwrap_or(Sub::Serve(arguments.serve)) {
        Sub::Serve(serve) => serve.run(),
        Sub::CheckConfig(config) => config::check(&config),
        Sub::DefaultConfig => config::print_default(),
        Sub::ConfigReference => config::print_reference(),
        Sub::ImportPreferences(import) => import.run(),
        Sub::ImportUsers(import) => import.run(),
        Sub::Doctor(doctor) => doctor.run(),
        Sub::Rekey(rekey) => rekey.run(),
        Sub::Calibrate(calibrate) => calibrate.run(),
        Sub::ConfigSchema => config::print_schema(),
        Sub::User(user) => user.run(),
        Sub::Say(say) => say.run(),
        Sub::Replay(replay) => replay.run(),
        Sub::Record(record) => record.run(),
        Sub::Audit(audit) => audit.run(),
        Sub::Backup(backup) => backup.run(),
        Sub::Export(export) => export.run(),
        Sub::Import(import) => import.run(),
        Sub::Populate(populate) => populate.run(),
        Sub::Schema(schema) => schema.run(),
        Sub::Health(health) => health.run(),
        Sub::Dashboard => completions::print_dashboard(),
        Sub::Completions(completions) => completions.run(Arguments::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate: {error:#}");
            ExitCode::from(u8::try_from(code(&error)).unwrap_or(1))
        }
    }
}

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
        return exit_code::VERDICT;
    }
    if error.is::<serve::CannotListen>() { exit_code::ADDRESS } else { exit_code::FAILURE }
}

fn exit_codes() -> String {
    let row = |(code, meaning): &(i32, &str)| format!("  {code}  {meaning}");
    let rows: Vec<_> = exit_code::TABLE.iter().map(row).collect();
    format!("Exit codes:\n{}", rows.join("\n"))
}
