//! Tests of command-line tools: demo, users, imports, doctor, calibration, replay.

mod calibrate;
mod demo;
mod doctor;
mod import_preferences;
mod import_users;
mod private_files;
mod replay;
mod users;
