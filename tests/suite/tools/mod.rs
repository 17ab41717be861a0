//! Tests of the commands other than `serve`: users, imports, doctor, calibration, replay.

mod calibrate;
mod demo;
mod doctor;
mod import_preferences;
mod import_users;
mod replay;
mod users;
