//! The pure core: users, profiles, rights, sessions and the rules about them.

pub mod audit;
pub mod command;
pub mod load;
pub mod model;
pub mod outcome;
pub mod plan;
pub mod row;
pub mod rules;
pub mod scan;
pub mod state;
