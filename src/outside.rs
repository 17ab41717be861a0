//! The outside: clock, dice, passwords — what differs between two runs and therefore never enters
//! the realm.
