//! Tests of `user` and `populate` on the store of a stopped gateway.

use crate::harness::{Home, QUICK};

#[test]
fn users_are_added_and_listed_while_the_gateway_is_stopped() {
    let home = Home::new(QUICK);
    let add = home.command(&["user", "add", "u0", "--profile", "USER_ADMIN"]).output().unwrap();
    assert!(add.status.success(), "{add:?}");
    let again = home.command(&["user", "add", "U0"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let list = home.command(&["user", "list"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&list.stdout), "u0\tENABLED\tUSER_ADMIN\n");
    let wrong = Home::new("[server]\nlistne = 1").command(&["serve"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(6), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean server.listen"));
}

#[test]
fn populate_gives_the_same_users_for_the_same_seed() {
    let list = || {
        let home = Home::new(QUICK);
        let words = ["populate", "--users", "300", "--profiles", "7", "--seed", "5"];
        let populate = home.command(&words).output().unwrap();
        assert!(populate.status.success(), "{populate:?}");
        home.command(&["user", "list"]).output().unwrap().stdout
    };
    let first = list();
    assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 300);
    assert_eq!(first, list());
}
