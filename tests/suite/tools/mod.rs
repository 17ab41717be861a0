//! Commands beside `serve`: users, imports, doctor, calibration, replay and recording.

mod calibrate;
mod doctor;
mod import_preferences;
mod import_users;
mod replay;
mod users;
