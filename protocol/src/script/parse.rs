//! The parser of message scripts.

use serde_json::Value;

use super::ast::{Action, Data, Script, ScriptError, Step, Times, is_variable};
use super::dotted::dotted;
use crate::duration;

/// The maximum length of a script, in lines.
const LINES_MAX: usize = 100_000;
/// The maximum nesting of blocks.
const DEPTH_MAX: usize = 8;

impl Script {
    /// Parses a message script.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        parse_script(text)
    }
}

fn parse_script(text: &str) -> Result<Script, ScriptError> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > LINES_MAX {
        return Err(wrong(LINES_MAX, &format!("a script has at most {LINES_MAX} lines")));
    }
    let (mut script, mut blocks, mut at) = (Script::default(), Blocks::default(), 0);
    while let Some(line) = lines.get(at) {
        let number = at + 1;
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            at += 1;
            continue;
        }
        let head = Head::read(line).ok_or_else(|| {
            wrong(
                number,
                "expected >, >!, <, <=, <?, @, =, ~ or * after an optional connection name",
            )
        })?;
        match head.sign {
            "~" => script.volatile.extend(head.rest.split_whitespace().map(str::to_owned)),
            "*" => blocks
                .apply_directive(number, head.rest, &mut script)
                .map_err(|what| wrong(number, &what))?,
            _ => {
                let (action, used) = head
                    .action(&lines[at..])
                    .map_err(|(offset, what)| wrong(number + offset, &what))?;
                blocks.steps.push(Step {
                    line: number,
                    connection: head.connection.to_owned(),
                    action,
                });
                at += used - 1;
            }
        }
        at += 1;
    }
    if let Some(open) = blocks.open.last() {
        return Err(wrong(open.line, "missing `* end` of this block"));
    }
    script.steps = blocks.steps;
    Ok(script)
}

fn wrong(line: usize, what: &str) -> ScriptError {
    ScriptError { line, what: what.to_owned() }
}

/// The blocks that enclose the current line.
#[derive(Default)]
struct Blocks {
    open: Vec<Block>,
    /// The steps of the innermost block up to the current line.
    steps: Vec<Step>,
}

struct Block {
    line: usize,
    kind: BlockKind,
    /// The steps of the enclosing block that precede this block.
    outer: Vec<Step>,
}

enum BlockKind {
    Repeat(Times),
    /// The alternatives that have been parsed, and the weight of the one that is being parsed.
    Choose(Vec<(u32, Vec<Step>)>, u32),
}

impl Blocks {
    /// Applies a line that begins with `*`.
    fn apply_directive(
        &mut self,
        line: usize,
        rest: &str,
        script: &mut Script,
    ) -> Result<(), String> {
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "repeat" => {
                let times = times(rest.trim())?;
                let first = self.open.is_empty()
                    && !self
                        .steps
                        .iter()
                        .any(|it| matches!(it.action, Action::Repeat(Times::Endless, _)));
                if times == Times::Endless && !first {
                    return Err(
                        "endless `* repeat` is allowed once, outside other blocks".to_owned()
                    );
                }
                self.begin(line, BlockKind::Repeat(times))
            }
            "choose" => self.begin(line, BlockKind::Choose(Vec::new(), weight(rest)?)),
            "or" => {
                let next = weight(rest)?;
                let Some(Block { kind: BlockKind::Choose(done, current), .. }) =
                    self.open.last_mut()
                else {
                    return Err("`* or` is allowed only between `* choose` and `* end`".to_owned());
                };
                done.push((*current, std::mem::take(&mut self.steps)));
                *current = next;
                Ok(())
            }
            "end" => self.end(),
            "data" => data(rest, script),
            _ => Err("expected `* repeat`, `* choose`, `* or`, `* end` or `* data`".to_owned()),
        }
    }

    fn begin(&mut self, line: usize, kind: BlockKind) -> Result<(), String> {
        if self.open.len() == DEPTH_MAX {
            return Err(format!("blocks are nested too deeply; the limit is {DEPTH_MAX} levels"));
        }
        self.open.push(Block { line, kind, outer: std::mem::take(&mut self.steps) });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(Block { line, kind, outer }) = self.open.pop() else {
            return Err("`* end` without an open block".to_owned());
        };
        let steps = std::mem::replace(&mut self.steps, outer);
        let action = match kind {
            BlockKind::Repeat(_) if steps.is_empty() => {
                return Err("the repeated block has no steps".to_owned());
            }
            BlockKind::Repeat(times) => Action::Repeat(times, steps),
            BlockKind::Choose(mut done, weight) => {
                done.push((weight, steps));
                if done.iter().all(|(weight, _)| *weight == 0) {
                    return Err("at least one weight must be above 0".to_owned());
                }
                Action::Choose(done)
            }
        };
        self.steps.push(Step { line, connection: String::new(), action });
        Ok(())
    }
}

fn times(text: &str) -> Result<Times, String> {
    if text.is_empty() {
        return Ok(Times::Endless);
    }
    let count = text.parse().ok().filter(|count| *count > 0).map(Times::Count);
    count
        .or_else(|| duration::parse(text).map(Times::For))
        .ok_or_else(|| "expected a number above 0, a duration or nothing after * repeat".to_owned())
}

fn weight(text: &str) -> Result<u32, String> {
    match text.trim() {
        "" => Ok(1),
        text => text
            .parse()
            .ok()
            .filter(|weight| *weight <= 1_000_000)
            .ok_or_else(|| "a weight must be a whole number of at most 1000000".to_owned()),
    }
}

/// Parses `* data users.csv` or `* data user=user{n} password=secret`.
fn data(rest: &str, script: &mut Script) -> Result<(), String> {
    let words: Vec<_> = rest.split_whitespace().collect();
    match words[..] {
        [] => Err("expected a CSV file or name=text after * data".to_owned()),
        [file] if !file.contains('=') => {
            script.data.push(Data::File(file.to_owned()));
            Ok(())
        }
        _ => words.iter().try_for_each(|word| {
            let (name, text) = word
                .split_once('=')
                .filter(|(name, _)| is_variable(name))
                .ok_or_else(|| format!("expected name=text, found {word:?}"))?;
            script.data.push(Data::Made(name.to_owned(), text.to_owned()));
            Ok(())
        }),
    }
}

/// The first line of a step: the name of a connection, a sign, the rest.
struct Head<'a> {
    connection: &'a str,
    sign: &'a str,
    rest: &'a str,
}

/// The line of an error, counted from 0 at the first line of its step, and the reason.
type StepError = (usize, String);

impl<'a> Head<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let (connection, rest) = line.split_at(end);
        let sign = [">!", "<?", "<=", ">", "<", "@", "=", "~", "*"]
            .into_iter()
            .find(|sign| rest.starts_with(sign))?;
        Some(Self { connection, sign, rest: rest[sign.len()..].trim() })
    }

    /// Parses the action and returns it with the number of its lines.
    fn action(&self, lines: &[&str]) -> Result<(Action, usize), StepError> {
        let mut words = self.rest.splitn(2, ' ');
        let (first, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let plain = |action| Ok((action, 1));
        match (self.sign, first) {
            ("@", _) => plain(self.wait()?),
            ("=", name) => {
                let words: Vec<_> = rest.split_whitespace().map(str::to_owned).collect();
                match name.strip_suffix(':').filter(|name| !name.is_empty()) {
                    Some(name) if !words.is_empty() => plain(Action::Ask(name.to_owned(), words)),
                    _ => Err((
                        0,
                        "expected `= NAME: totp SECRET` or `= NAME: mail PARAMETER`".to_owned(),
                    )),
                }
            }
            (">", "connect") => plain(Action::Connect),
            (">", "close") => plain(Action::Close),
            (">", "text") => plain(Action::Text(rest.to_owned())),
            (">", "binary") => {
                let bytes = hex::decode(rest.trim())
                    .map_err(|_| (0, "expected hexadecimal bytes".to_owned()))?;
                plain(Action::Binary(bytes))
            }
            ("<", "closed") if rest.is_empty() => plain(Action::Closed(None)),
            ("<", "closed") => {
                let code =
                    rest.trim().parse().map_err(|_| (0, "expected a close code".to_owned()))?;
                plain(Action::Closed(Some(code)))
            }
            ("<", "nothing") => {
                plain(Action::Quiet(duration::parse(rest).ok_or_else(no_duration)?))
            }
            (sign, _) => {
                let (body, used) = self.body(lines)?;
                let action = match sign {
                    ">" => Action::Send(body),
                    ">!" => Action::Cause(body),
                    "<" => Action::Expect(body),
                    "<=" => Action::Reply(body),
                    _ => Action::Seek(body),
                };
                Ok((action, used))
            }
        }
    }

    /// Parses the duration of a pause, or the range `LEAST..MOST` of a random one.
    fn wait(&self) -> Result<Action, StepError> {
        let (least, most) = self.rest.split_once("..").unwrap_or((self.rest, self.rest));
        let range = duration::parse(least).zip(duration::parse(most));
        let (least, most) = range.ok_or_else(no_range)?;
        if least > most {
            return Err((0, "the first duration must not exceed the second".to_owned()));
        }
        Ok(Action::Wait(least, most))
    }

    /// Parses the body: JSON over as many lines as it needs. If the rest of the line is empty, the
    /// body is dotted notation: all following lines up to the first line without `=`.
    fn body(&self, lines: &[&str]) -> Result<(Value, usize), StepError> {
        if self.rest.is_empty() {
            let block = lines[1..].iter().take_while(|line| line.contains('=')).count();
            let text = lines[1..=block].join("\n");
            let body = dotted(&text).map_err(|error| (error.line, error.what))?;
            return Ok((body, block + 1));
        }
        let mut text = self.rest.to_owned();
        for used in 1..=lines.len() {
            match serde_json::from_str::<Value>(&text) {
                Ok(body) if body.is_object() => return Ok((body, used)),
                Ok(_) => return Err((0, "an envelope must be a JSON object".to_owned())),
                Err(error) if error.is_eof() && used < lines.len() => {
                    text.push('\n');
                    text.push_str(lines[used]);
                }
                Err(error) => return Err((used - 1, format!("invalid JSON: {error}"))),
            }
        }
        Err((0, "incomplete JSON".to_owned()))
    }
}

fn no_duration() -> StepError {
    (0, "expected a duration such as 200ms, 90s or 15m".to_owned())
}

fn no_range() -> StepError {
    (0, "expected a duration such as 200ms, 90s or 15m, or a range such as 1s..3s".to_owned())
}
