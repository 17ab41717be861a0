//! Parser of Genesis preferences: statements, their words and blocks, with line numbers.
//!
//! The parser reads statements with literal values, not all of Kotlin. A complete grammar
//! (tree-sitter-kotlin) would not help: the value of other code is known only when Kotlin runs it.
//! Other code is reported by its line.

/// One statement: its words, and the block after them.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The line, from 1.
    pub line: usize,
    /// The words before the block.
    pub words: Vec<Word>,
    /// The statements in the braces; `None` without braces.
    pub block: Option<Vec<Item>>,
}

/// A token of the source.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// An identifier, including dots.
    Name(String),
    /// A string, without its quotes.
    Text(String),
    /// A number.
    Number(String),
    /// Any other character, or an operator of two characters.
    Sign(String),
}

/// A syntax error.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Unreadable {
    pub line: usize,
    pub what: &'static str,
}

/// Maximum depth of nested blocks.
const DEPTH_MAX: usize = 32;

/// Parses the text of a file.
pub fn read(text: &str) -> Result<Vec<Item>, Unreadable> {
    let mut words = words(text)?;
    words.reverse();
    let items = items(&mut words, 0)?;
    match words.last() {
        Some((line, _)) => Err(Unreadable { line: *line, what: "unmatched }" }),
        None => Ok(items),
    }
}

type Placed = (usize, Word);

fn items(words: &mut Vec<Placed>, depth: usize) -> Result<Vec<Item>, Unreadable> {
    let (mut all, mut current) = (Vec::new(), None::<Item>);
    let mut parens = 0_usize;
    while let Some((line, word)) = words.last().cloned() {
        let sign = if let Word::Sign(sign) = &word { sign.as_str() } else { "" };
        if sign == "}" {
            break;
        }
        words.pop();
        if sign == "{" {
            if depth == DEPTH_MAX {
                return Err(Unreadable { line, what: "blocks nested too deeply" });
            }
            let block = items(words, depth + 1)?;
            if words.pop().is_none() {
                return Err(Unreadable { line, what: "unclosed {" });
            }
            let mut item = current.take().unwrap_or(Item { line, words: Vec::new(), block: None });
            item.block = Some(block);
            all.push(item);
            continue;
        }
        // A statement ends with its line, except within parentheses.
        let begins = current.as_ref().is_none_or(|item| parens == 0 && line != item.line);
        if begins {
            all.extend(current.take());
        }
        parens = match sign {
            "(" => parens + 1,
            ")" => parens.saturating_sub(1),
            _ => parens,
        };
        let item = current.get_or_insert(Item { line, words: Vec::new(), block: None });
        if sign != ";" {
            item.words.push(word);
        }
    }
    all.extend(current);
    Ok(all)
}

fn words(text: &str) -> Result<Vec<Placed>, Unreadable> {
    let mut found = Vec::new();
    let (mut line, mut rest) = (1, text);
    while let Some(c) = rest.chars().next() {
        let taken = if c.is_whitespace() {
            c.len_utf8()
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map(|end| end + 2);
            end.ok_or(Unreadable { line, what: "unterminated comment" })?
        } else if c == '"' {
            let (text, taken) =
                quoted(rest).ok_or(Unreadable { line, what: "unterminated string" })?;
            found.push((line, Word::Text(text)));
            taken
        } else if c.is_ascii_digit()
            || (c == '-' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            let end = rest[1..].find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
            let taken = end.map_or(rest.len(), |end| end + 1);
            found.push((line, Word::Number(rest[..taken].replace('_', ""))));
            taken
        } else if c.is_alphabetic() || c == '_' {
            let is_in = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            let taken = rest.find(|c| !is_in(c)).unwrap_or(rest.len());
            found.push((line, Word::Name(rest[..taken].to_owned())));
            taken
        } else {
            let two = ["+=", "-=", "==", "!=", "->", "&&", "||", "<=", ">="];
            let pair = two.iter().find(|sign| rest.starts_with(**sign));
            let taken = pair.map_or(c.len_utf8(), |sign| sign.len());
            found.push((line, Word::Sign(rest[..taken].to_owned())));
            taken
        };
        line += rest[..taken].matches('\n').count();
        rest = &rest[taken..];
    }
    Ok(found)
}

/// Reads a quoted string. Returns its text, and its length in bytes including the quotes; `None` if
/// the string does not end on the line where it begins.
fn quoted(rest: &str) -> Option<(String, usize)> {
    let (mut text, mut escaped) = (String::new(), false);
    for (at, c) in rest.char_indices().skip(1) {
        match (escaped, c) {
            (false, '\\') => escaped = true,
            (false, '"') => return Some((text, at + 1)),
            (false, '\n') => return None,
            (true, 'n') => {
                text.push('\n');
                escaped = false;
            }
            (true, 't') => {
                text.push('\t');
                escaped = false;
            }
            (_, c) => {
                text.push(c);
                escaped = false;
            }
        }
    }
    None
}
