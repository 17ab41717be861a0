//! Test of `calibrate`, which proposes the cost of password hashes.

use tollgate::settings::Settings;

use crate::harness::gateway::{printed, tollgate};

#[test]
fn a_calibration_proposes_a_valid_configuration() {
    let out = tollgate(&["calibrate", "--target-ms", "20", "--memory-mb", "32"]);
    assert!(out.status.success(), "{out:?}");
    let output = printed(&out);
    let proposed = output
        .split_once("[security.scrypt]")
        .expect("the output has no section [security.scrypt]")
        .1;
    let settings = format!("[security.scrypt]{proposed}");
    let settings = Settings::parse(&settings, std::iter::empty()).unwrap();
    settings.validate().unwrap();
    assert!((13..=15).contains(&settings.security.scrypt.log_n), "{output}");
    assert_eq!(tollgate(&["calibrate", "--target-ms", "0"]).status.code(), Some(2));
}
