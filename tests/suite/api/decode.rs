//! Tests that arbitrary input is decoded without panic and in bounded time.
//!
//! A thread can lose its core for milliseconds, so one measurement is unreliable. An input that
//! took long is therefore decoded again, and its fastest run counts. The time limit grows with the
//! length of the input.

use std::time::{Duration, Instant};

use protocol::envelope::Envelope;
use protocol::filter::{Column, Filter, Kind, Value};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ENVELOPES: usize = 1_000_000;
const CRITERIA: usize = 1_000_000;
/// The maximum frame length in the default configuration.
const FRAME_MAX: usize = 262_144;
/// The time limit of an input shorter than [`SHORT_BYTES`]. Each further [`SHORT_BYTES`] bytes add
/// the same time.
const SHORT_LIMIT: Duration = Duration::from_millis(1);
const SHORT_BYTES: usize = 8_192;
const RUNS_MAX: usize = 8;
const DEPTH_MAX: usize = 32;

static VALID: [&str; 6] = [
    r#"{"MESSAGE_TYPE":"EVENT_HEARTBEAT"}"#,
    r#"{"MESSAGE_TYPE":"EVENT_LOGIN_AUTH","SOURCE_REF":"1","DETAILS":
        {"USER_NAME":"JaneDee","PASSWORD":"beONneON*74"}}"#,
    r#"{"MESSAGE_TYPE":"DATA_LOGON","SESSION_AUTH_TOKEN":"83eLYBnlqjIWt1tqtJhKwTXJj2IL2WA0",
        "SOURCE_REF":23,
        "USER_NAME":"JaneDee","DETAILS":{"DATASOURCE_NAME":"USER_RIGHTS","MAX_ROWS":250,
        "CRITERIA_MATCH":"USER_NAME == 'JaneDee'"}}"#,
    r#"{"MESSAGE_TYPE":"EVENT_AMEND_PROFILE","SOURCE_REF":-1.5e3,"VALIDATE":false,"REASON":null,
        "DETAILS":{"NAME":"TRADER","RIGHT":[{"ID":"00000000000001RISP0","CODE":"ORDEN"},
        {"CODE":"\u00e9\n"}],"USER":[]}}"#,
    r#"{"VERBOSE":true,"SESSION_ID":"x","ANYTHING":[1,2.5,-0,1e308,true,null,{"A":[[[]]]}],
        "MESSAGE_TYPE":"X"}"#,
    r#"{"DETAILS":{"A":{"B":{"C":{"D":"\"\\\/\b\f\r\t"}}}},"SOURCE_REF":"\ud83d\ude00"}"#,
];
/// Texts that mutations insert: typical sources of parser errors.
static SEEDS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\",
    "\\u",
    "\\ud800",
    "\u{0}",
    "\u{feff}",
    "é",
    "😀",
    "1e999",
    "-",
    "null",
    "tru",
    " ",
    "\n",
    "\"DETAILS\":{",
    "\"MESSAGE_TYPE\":",
    "00",
    "\u{2028}",
];

/// The times of the slowest inputs, each in its fastest run.
#[derive(Default)]
struct Times {
    count: usize,
    /// The longest time of an input whose limit is [`SHORT_LIMIT`].
    slowest: Duration,
    /// The longest time of any input as a fraction of its limit.
    share: f64,
}

impl Times {
    /// Measures the fastest of several runs with an input of this length, and returns their result.
    #[expect(clippy::disallowed_methods, reason = "this test measures the time of a call")]
    fn measure(&mut self, length: usize, run: impl Fn() -> bool) -> bool {
        let limit = SHORT_LIMIT * (1 + length / SHORT_BYTES) as u32;
        let mut fastest = Duration::MAX;
        let mut result = false;
        for _ in 0..RUNS_MAX {
            let begin = Instant::now();
            result = run();
            fastest = fastest.min(begin.elapsed());
            // An input that took a quarter of its limit or longer is measured again, so that
            // `share` is exact.
            if fastest < limit / 4 {
                break;
            }
        }
        self.count += 1;
        self.share = self.share.max(fastest.as_secs_f64() / limit.as_secs_f64());
        if limit == SHORT_LIMIT {
            self.slowest = self.slowest.max(fastest);
        }
        result
    }

    fn check(&self, what: &str) {
        let Self { count, slowest, share } = self;
        eprintln!(
            "{what}: {count} inputs; slowest short input: {slowest:?}; largest share of a limit: \
             {share:.2}"
        );
        assert!(*share < 1.0, "{what}: an input took {share:.2} of its time limit");
    }
}

/// A random position between two characters.
fn char_boundary(rng: &mut StdRng, text: &str) -> usize {
    let mut at = rng.random_range(0..=text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn noise(rng: &mut StdRng, text: &mut String, length_max: usize) {
    text.clear();
    let bytes: Vec<u8> = (0..rng.random_range(0..length_max)).map(|_| rng.random()).collect();
    text.push_str(&String::from_utf8_lossy(&bytes));
}

fn mutate(rng: &mut StdRng, text: &mut String, seeds: &[&str]) {
    for _ in 0..rng.random_range(1..5) {
        let (a, b) = (char_boundary(rng, text), char_boundary(rng, text));
        let (from, to) = (a.min(b), a.max(b));
        let seed = seeds[rng.random_range(0..seeds.len())];
        match rng.random_range(0..5) {
            0 => text.truncate(to),
            1 if to - from < 12 => text.replace_range(from..to, ""),
            2 if to - from < 200 => {
                let again = text[from..to].to_owned();
                text.insert_str(to, &again);
            }
            3 if to - from < 4 => text.replace_range(from..to, seed),
            _ => text.insert_str(from, seed),
        }
    }
}

/// Deeply nested input: brackets of one kind or mixed, closed or not.
fn nested(rng: &mut StdRng, text: &mut String) {
    let depth = rng.random_range(1..600);
    text.clear();
    text.push_str(["{\"DETAILS\":", "{\"X\":", "", "{\"DETAILS\":{\"A\":"][rng.random_range(0..4)]);
    let mixed = rng.random_range(0..3);
    let objects: Vec<bool> =
        (0..depth).map(|_| mixed == 0 || (mixed == 1 && rng.random())).collect();
    objects.iter().for_each(|it| text.push_str(if *it { "{\"k\":" } else { "[" }));
    if rng.random() {
        text.push_str("null");
        objects.iter().rev().for_each(|it| text.push(if *it { '}' } else { ']' }));
        text.push('}');
    }
}

/// Long input: many keys, one key many times, long keys, escapes, long numbers, arrays.
fn long(rng: &mut StdRng, text: &mut String, length_max: usize) {
    let length = rng.random_range(1..length_max);
    text.clear();
    text.push_str(["{\"DETAILS\":{", "{\"DETAILS\":{\"A\":{", "{"][rng.random_range(0..3)]);
    let kind = rng.random_range(0..6);
    let mut number = 0;
    while text.len() < length {
        number += 1;
        match kind {
            0 => text.push_str(&format!("\"k{number}\":{number},")),
            1 => text.push_str("\"same\":1,"),
            2 => text.push_str(&format!("\"{}\":[],", "k".repeat(number))),
            3 => text.push_str(&format!("\"\\u00{:02x}{number}\":\"\\u0041\",", number % 256)),
            4 => text.push_str(&format!("\"n{number}\":{},", "9".repeat(number % 400 + 1))),
            _ => text.push_str(&format!("\"a{number}\":[{}1],", "1,".repeat(50))),
        }
    }
    text.push_str(["\"z\":0}}", "\"z\":0}", "\"z\":0}}}", ""][rng.random_range(0..4)]);
}

/// Input of about the maximum length: one long value, closed or not, or a result of [`long`] that
/// is filled up with spaces.
fn longest(rng: &mut StdRng, text: &mut String) {
    if rng.random() {
        text.clear();
        let word =
            ["x", "é", "\\u0041", "\\\\", "[", "{\"\":", "1", " ", "\"\","][rng.random_range(0..9)];
        text.push_str(
            ["{\"DETAILS\":\"", "{\"DETAILS\":", "{\"SOURCE_REF\":\"", ""][rng.random_range(0..4)],
        );
        text.push_str(&word.repeat((FRAME_MAX - text.len() - 2) / word.len()));
        text.push_str(["", "\"}", "}"][rng.random_range(0..3)]);
        return;
    }
    while text.len() < FRAME_MAX / 2 {
        long(rng, text, FRAME_MAX);
    }
    text.push_str(&" ".repeat(FRAME_MAX.saturating_sub(text.len())));
}

#[test]
fn a_million_envelopes_are_decoded_in_time() {
    let mut rng = StdRng::seed_from_u64(1);
    let (mut times, mut text, mut good) = (Times::default(), String::new(), 0);
    for number in 0..ENVELOPES {
        match number % 100 {
            0..20 => noise(&mut rng, &mut text, 120),
            20..90 => {
                text.clear();
                text.push_str(VALID[rng.random_range(0..VALID.len())]);
                if number % 100 >= 25 {
                    mutate(&mut rng, &mut text, &SEEDS);
                }
            }
            90..98 => nested(&mut rng, &mut text),
            98 => long(&mut rng, &mut text, 4_000),
            _ if number % 4_000 == 99 => long(&mut rng, &mut text, FRAME_MAX),
            _ if number % 4_000 == 199 => longest(&mut rng, &mut text),
            _ => noise(&mut rng, &mut text, 4_000),
        }
        let decode = || Envelope::decode(&text, DEPTH_MAX).is_ok();
        good += usize::from(times.measure(text.len(), decode));
    }
    times.check("envelopes");
    assert!(
        good > ENVELOPES / 20 && good < ENVELOPES / 2,
        "{good} of {ENVELOPES} inputs were envelopes"
    );
}

static COLUMNS: [Column; 4] = [
    Column { name: "USER_NAME", kind: Kind::Name, description: "" },
    Column { name: "CODE", kind: Kind::Text, description: "" },
    Column { name: "RECORD_VERSION", kind: Kind::Number, description: "" },
    Column { name: "WATCHED", kind: Kind::Boolean, description: "" },
];
static WORDS: [&str; 20] = [
    "USER_NAME",
    "CODE",
    "RECORD_VERSION",
    "WATCHED",
    "NOWHERE",
    "'JaneDee'",
    "\"ORDEN\"",
    "''",
    "0",
    "-17",
    "1.5",
    "99999999999999999999",
    "true",
    "false",
    "null",
    "'",
    "\"",
    "(",
    "\\",
    "é",
];

fn row(column: usize) -> Value<'static> {
    [Value::Text("JaneDee"), Value::Text("ORDEN"), Value::Number(3), Value::Null]
        .into_iter()
        .nth(column)
        .unwrap_or(Value::Null)
}

/// Generates a filter by the grammar. Because the operands of comparisons are random, many filters
/// compare different types or name an unknown column.
fn criterion(rng: &mut StdRng, out: &mut String, depth: usize) {
    let word = |rng: &mut StdRng| WORDS[rng.random_range(0..15)];
    let field = |rng: &mut StdRng| WORDS[rng.random_range(0..2)];
    match rng.random_range(0..if depth == 0 { 5 } else { 10 }) {
        0 | 1 => {
            let sign = ["==", "!=", "<", "<=", ">", ">="][rng.random_range(0..6)];
            out.push_str(&format!("{} {sign} {}", word(rng), word(rng)));
        }
        2 => out.push_str(&format!("{} in ['a', 'JaneDee','ORDEN']", field(rng))),
        3 => {
            let call = ["startsWith", "endsWith", "contains", "containsIgnoreCase"];
            let call = call[rng.random_range(0..4)];
            out.push_str(&format!("{}.{call}('Or')", field(rng)));
        }
        4 => out.push_str(&format!("Expr.containsIgnoreCase({},'en')", field(rng))),
        5 => {
            out.push('!');
            criterion(rng, out, depth - 1);
        }
        6 => {
            out.push('(');
            criterion(rng, out, depth - 1);
            out.push(')');
        }
        _ => {
            criterion(rng, out, depth - 1);
            out.push_str([" && ", " || ", "&&", "||"][rng.random_range(0..4)]);
            criterion(rng, out, depth - 1);
        }
    }
}

#[test]
fn criteria_are_parsed_and_matched_in_time() {
    let mut rng = StdRng::seed_from_u64(2);
    let (mut times, mut text, mut good) = (Times::default(), String::new(), 0);
    for number in 0..CRITERIA {
        text.clear();
        match number % 10 {
            0 => noise(&mut rng, &mut text, 200),
            1 => {
                let sign = ["(", "!", "!(", "((", "CODE in ["][rng.random_range(0..5)];
                text.push_str(&sign.repeat(rng.random_range(1..900)));
            }
            it => {
                let depth = rng.random_range(0..7);
                criterion(&mut rng, &mut text, depth);
                if it > 5 {
                    mutate(&mut rng, &mut text, &WORDS);
                }
            }
        }
        let run = || Filter::parse(&text, &COLUMNS).map(|it| it.matches(row)).is_ok();
        good += usize::from(times.measure(text.len(), run));
    }
    times.check("criteria");
    assert!(good > CRITERIA / 100, "{good} of {CRITERIA} inputs were filters");
}
