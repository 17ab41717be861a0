//! Random sequences of commands, and the properties that must hold.

mod authority;
mod commands;
mod properties;
mod second_factors;
