//! The recursive-descent parser of filters, bounded in length, depth and terms.
//!
//! Written by hand: the grammar is small, the limits are counted while parsing, and each error has
//! a position and a text for the client. A library for an expression language such as CEL would
//! evaluate more than the protocol permits.

use std::sync::Arc;

use super::ast::{Column, Comparison, Filter, InvalidFilter, Kind, Node, Operand};
use super::functions::{Function, FunctionCall};
use crate::printable;

type Parsed<T> = Result<T, InvalidFilter>;

impl Filter {
    /// Parses a filter over these columns. Empty or blank text gives a filter that matches every
    /// row.
    pub fn parse(text: &str, columns: &[Column]) -> Result<Self, InvalidFilter> {
        if text.trim().is_empty() {
            return Ok(Self { root: None });
        }
        parse_nodes(text, columns).map(|root| Self { root: Some(Arc::new(root)) })
    }
}

fn parse_nodes(text: &str, columns: &[Column]) -> Parsed<Node> {
    let mut parser = Parser { text, at: 0, columns, terms: 0, depth: 0 };
    if text.len() > Filter::LENGTH_MAX {
        return Err(parser.wrong(format!("a filter has at most {} bytes", Filter::LENGTH_MAX)));
    }
    let root = parser.either()?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.wrong("expected &&, || or the end of the filter"));
    }
    Ok(root)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    columns: &'a [Column],
    terms: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn wrong(&self, what: impl Into<String>) -> InvalidFilter {
        self.wrong_at(self.at, what)
    }

    fn wrong_at(&self, at: usize, what: impl Into<String>) -> InvalidFilter {
        InvalidFilter { column: self.text[..at].chars().count() + 1, what: what.into() }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Consumes the token `sign` if it comes next. Returns whether it did.
    fn take(&mut self, sign: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.take(sign) { Ok(()) } else { Err(self.wrong(format!("expected {sign}"))) }
    }

    fn either(&mut self) -> Parsed<Node> {
        let mut nodes = vec![self.both()?];
        while self.take("||") {
            nodes.push(self.both()?);
        }
        Ok(single(nodes, Node::Any))
    }

    fn both(&mut self) -> Parsed<Node> {
        let mut nodes = vec![self.not()?];
        while self.take("&&") {
            nodes.push(self.not()?);
        }
        Ok(single(nodes, Node::All))
    }

    fn not(&mut self) -> Parsed<Node> {
        self.space();
        let (negated, nested) = (self.rest().starts_with('!'), self.rest().starts_with('('));
        if !negated && !nested {
            return self.term();
        }
        if self.depth == Filter::DEPTH_MAX {
            let most = Filter::DEPTH_MAX;
            return Err(self.wrong(format!("nested too deeply; the limit is {most} levels")));
        }
        self.depth += 1;
        self.at += 1;
        let node = if negated {
            Node::Not(Box::new(self.not()?))
        } else {
            let node = self.either()?;
            self.expect(")")?;
            node
        };
        self.depth -= 1;
        Ok(node)
    }

    fn term(&mut self) -> Parsed<Node> {
        self.terms += 1;
        if self.terms > Filter::TERMS_MAX {
            return Err(self.wrong(format!("a filter has at most {} terms", Filter::TERMS_MAX)));
        }
        self.space();
        let start = self.at;
        if self.word() == Some("Expr") {
            return self.expression();
        }
        self.at = start;
        let left = self.operand()?;
        if let Operand::Field(field, kind) = left {
            if self.take(".") {
                return self.call(field, kind);
            }
            let before = self.at;
            self.space();
            if self.word() == Some("in") {
                return self.list(field, kind);
            }
            self.at = before;
        }
        let how = self.comparison()?;
        Ok(Node::Compare(left, how, self.operand()?))
    }

    /// Parses the rest of `Expr.containsIgnoreCase(FIELD,'x')` after `Expr`.
    fn expression(&mut self) -> Parsed<Node> {
        self.expect(".")?;
        let start = self.at;
        if self.word() != Some("containsIgnoreCase") {
            return Err(self.wrong_at(start, "expected containsIgnoreCase"));
        }
        self.expect("(")?;
        let (field, _) = self.field()?;
        self.expect(",")?;
        let word = self.text()?;
        self.expect(")")?;
        Ok(Node::Call(field, FunctionCall::new(Function::Contains { fold: true }, word)))
    }

    fn call(&mut self, field: usize, kind: Kind) -> Parsed<Node> {
        let start = self.at;
        let fold = kind == Kind::Name;
        let function = match self.word() {
            Some("startsWith") => Function::StartsWith { fold },
            Some("endsWith") => Function::EndsWith { fold },
            Some("contains") => Function::Contains { fold },
            Some("containsIgnoreCase") => Function::Contains { fold: true },
            _ => {
                let message = "expected startsWith, endsWith, contains or containsIgnoreCase";
                return Err(self.wrong_at(start, message));
            }
        };
        self.expect("(")?;
        let word = self.text()?;
        self.expect(")")?;
        Ok(Node::Call(field, FunctionCall::new(function, word)))
    }

    fn list(&mut self, field: usize, kind: Kind) -> Parsed<Node> {
        self.expect("[")?;
        let mut items = Vec::new();
        while !self.take("]") {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(match self.operand()? {
                Operand::Field(..) => {
                    return Err(self.wrong("a list must contain values, not fields"));
                }
                value => value,
            });
            self.terms += 1;
            if self.terms > Filter::TERMS_MAX {
                let most = format!("a filter has at most {} terms", Filter::TERMS_MAX);
                return Err(self.wrong(most));
            }
        }
        Ok(Node::In(field, kind, items))
    }

    fn comparison(&mut self) -> Parsed<Comparison> {
        let signs = [
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let found = signs.into_iter().find(|(sign, _)| self.take(sign));
        found.map(|(_, how)| how).ok_or_else(|| self.wrong("expected == != < <= > >= or in"))
    }

    fn operand(&mut self) -> Parsed<Operand> {
        self.space();
        let start = self.at;
        match self.rest().chars().next() {
            Some('\'' | '"') => return Ok(Operand::Text(self.text()?.into())),
            Some('-' | '0'..='9') => return self.number(),
            _ => {}
        }
        match self.word() {
            Some("true") => Ok(Operand::Boolean(true)),
            Some("false") => Ok(Operand::Boolean(false)),
            Some("null") => Ok(Operand::Null),
            None => Err(self.wrong("expected a field or a value")),
            Some(_) => {
                self.at = start;
                self.field().map(|(field, kind)| Operand::Field(field, kind))
            }
        }
    }

    fn field(&mut self) -> Parsed<(usize, Kind)> {
        self.space();
        let start = self.at;
        let Some(name) = self.word() else { return Err(self.wrong("expected a field")) };
        let found = self.columns.iter().position(|column| column.name == name);
        let unknown = || self.wrong_at(start, format!("unknown field {}", printable(name)));
        found.map(|at| (at, self.columns[at].kind)).ok_or_else(unknown)
    }

    fn word(&mut self) -> Option<&'a str> {
        self.space();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        (end > 0).then_some(&rest[..end])
    }

    fn number(&mut self) -> Parsed<Operand> {
        let (start, rest) = (self.at, self.rest());
        let end =
            rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(rest.len());
        self.at += end;
        let number = rest[..end].parse().map_err(|_| self.wrong_at(start, "expected a number"))?;
        Ok(Operand::Number(number))
    }

    /// Parses a quoted string, in which a backslash escapes a quote or a backslash.
    fn text(&mut self) -> Parsed<String> {
        self.space();
        let start = self.at;
        let mut characters = self.rest().char_indices();
        let quote = match characters.next() {
            Some((_, quote @ ('\'' | '"'))) => quote,
            _ => return Err(self.wrong("expected a quoted string")),
        };
        let mut text = String::new();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, escaped @ ('\'' | '"' | '\\'))) => text.push(escaped),
                    Some(_) => {
                        let message = "expected a quote or a backslash after a backslash";
                        return Err(self.wrong_at(start + at, message));
                    }
                    None => break,
                },
                _ if character == quote => {
                    self.at = start + at + 1;
                    return Ok(text);
                }
                _ => text.push(character),
            }
        }
        Err(self.wrong_at(start, "missing closing quote"))
    }
}

fn single(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.remove(0),
        _ => many(nodes),
    }
}
