//! The conversation of the README, run as a reader would run it.

use crate::harness::gateway::shell;
use crate::harness::readme::block;
use crate::harness::{Home, PASSWORD, QUICK};
#[test]
fn the_conversation_of_the_readme_goes_as_it_says() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let script = block("With any WebSocket client");
    let script = format!("PASSWORD='{PASSWORD}'\n{script}");
    let script = script
        .replace(
            "target/release/tollgate send",
            &format!("{} send --to {}", env!("CARGO_BIN_EXE_tollgate"), gateway.address),
        )
        .replace("tollgate-data", home.data().to_str().unwrap());
    let answers = shell(&script, home.path());
    let types: Vec<_> = answers.iter().map(|it| it["MESSAGE_TYPE"].as_str().unwrap()).collect();
    let shown = block("answers, shortened");
    let promised: Vec<_> =
        shown.lines().map(|line| line.split('"').nth(3).unwrap_or_default()).collect();
    assert_eq!(types, promised, "{answers:?}");
    // What the README shows of each answer is in it.
    for (line, answer) in shown.lines().zip(&answers) {
        let answer = answer.to_string();
        for word in line.split(['{', '}', ',', '…']).filter(|word| word.contains("\":")) {
            let mut generated = ["TOKEN", "SESSION_ID", "RIGHTS_VERSION"].iter();
            let secret = generated.any(|it| word.contains(it));
            let word = word.trim_end_matches('[');
            assert!(secret || answer.contains(word), "{word} is not in {answer}");
        }
    }
}
