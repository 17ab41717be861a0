//! Random sequences of commands, and the properties that hold after each command.

mod commands;
mod properties;
mod second_factors;
