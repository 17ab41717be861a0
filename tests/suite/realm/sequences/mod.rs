//! Random sequences of commands and what must hold after each of them.

mod commands;
mod properties;
mod second_factors;
