//! Keys of rows, and their stored form.

use protocol::UserName;

use super::model::{ConfiguredName, EntryId, ProfileNo, RightNo, SessionNo, TokenHash, UserNo};

/// The key of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the key of the row of the same name")]
pub enum Key {
    Policy,
    Counters,
    Right(RightNo),
    Profile(ProfileNo),
    User(UserNo),
    Member(ProfileNo, UserNo),
    Grant(ProfileNo, RightNo),
    Direct(UserNo, RightNo),
    Session(SessionNo),
    RotatedToken(TokenHash),
    Attempts(UserName),
    History(UserNo),
    OneTime(TokenHash),
    TokenLifetimes,
    PepperCheck,
    SecondFactor(UserNo),
    PendingLogin(TokenHash),
    ActiveCode(u64),
    SelfReset(UserNo),
    Mail(u64),
    ConfiguredName(ConfiguredName),
    Places(UserNo),
    Seen(EntryId),
}

impl Key {
    /// Returns the stored key: a letter for the kind, then numbers, a hash or a name in lower case.
    /// Numbers are big-endian, so that keys sort by number.
    pub fn bytes(&self) -> Vec<u8> {
        let pair =
            |tag: u8, a: u32, b: u32| [&[tag][..], &a.to_be_bytes(), &b.to_be_bytes()].concat();
        let one = |tag: u8, rest: &[u8]| [&[tag][..], rest].concat();
        match self {
            Key::Policy => vec![b'P'],
            Key::Counters => vec![b'C'],
            Key::Right(no) => one(b'r', &no.0.to_be_bytes()),
            Key::Profile(no) => one(b'p', &no.0.to_be_bytes()),
            Key::User(no) => one(b'u', &no.0.to_be_bytes()),
            Key::Member(profile, user) => pair(b'm', profile.0, user.0),
            Key::Grant(profile, right) => pair(b'g', profile.0, right.0),
            Key::Direct(user, right) => pair(b'd', user.0, right.0),
            Key::Session(no) => one(b's', &no.0.to_be_bytes()),
            Key::RotatedToken(hash) => one(b't', &hash.0),
            Key::Attempts(name) => one(b'a', name.as_str().to_ascii_lowercase().as_bytes()),
            Key::Seen(id) => one(b'z', &id.0.to_be_bytes()),
            Key::History(no) => one(b'h', &no.0.to_be_bytes()),
            Key::OneTime(hash) => one(b'o', &hash.0),
            Key::TokenLifetimes => vec![b'L'],
            Key::PepperCheck => vec![b'K'],
            Key::SecondFactor(no) => one(b'f', &no.0.to_be_bytes()),
            Key::PendingLogin(hash) => one(b'l', &hash.0),
            Key::ActiveCode(no) => one(b'c', &no.to_be_bytes()),
            Key::SelfReset(no) => one(b'e', &no.0.to_be_bytes()),
            Key::Mail(no) => one(b'x', &no.to_be_bytes()),
            Key::ConfiguredName(name) => one(b'n', &name.bytes()),
            Key::Places(no) => one(b'w', &no.0.to_be_bytes()),
        }
    }

    /// Returns the stored key in hexadecimal.
    pub fn hex(&self) -> String {
        hex::encode(self.bytes())
    }

    /// Decodes a key in hexadecimal; `None` if the text is not a key.
    pub fn from_hex(text: &str) -> Option<Key> {
        Key::read(&hex::decode(text).ok()?)
    }

    /// Decodes a stored key; `None` if the bytes are not a key.
    pub(super) fn read(bytes: &[u8]) -> Option<Key> {
        let (tag, rest) = bytes.split_first()?;
        let number = || Some(u32::from_be_bytes(rest.try_into().ok()?));
        let long = || Some(u64::from_be_bytes(rest.try_into().ok()?));
        let hash = || Some(TokenHash(rest.try_into().ok()?));
        let pair = || {
            let (a, b) = rest.split_at_checked(4)?;
            Some((u32::from_be_bytes(a.try_into().ok()?), u32::from_be_bytes(b.try_into().ok()?)))
        };
        Some(match tag {
            b'P' => Key::Policy,
            b'C' => Key::Counters,
            b'r' => Key::Right(RightNo(number()?)),
            b'p' => Key::Profile(ProfileNo(number()?)),
            b'u' => Key::User(UserNo(number()?)),
            b'm' => pair().map(|(a, b)| Key::Member(ProfileNo(a), UserNo(b)))?,
            b'g' => pair().map(|(a, b)| Key::Grant(ProfileNo(a), RightNo(b)))?,
            b'd' => pair().map(|(a, b)| Key::Direct(UserNo(a), RightNo(b)))?,
            b's' => Key::Session(SessionNo(long()?)),
            b't' => Key::RotatedToken(hash()?),
            b'a' => Key::Attempts(UserName::parse(std::str::from_utf8(rest).ok()?).ok()?),
            b'h' => Key::History(UserNo(number()?)),
            b'o' => Key::OneTime(hash()?),
            b'f' => Key::SecondFactor(UserNo(number()?)),
            b'l' => Key::PendingLogin(hash()?),
            b'c' => Key::ActiveCode(long()?),
            b'e' => Key::SelfReset(UserNo(number()?)),
            b'x' => Key::Mail(long()?),
            b'n' => Key::ConfiguredName(ConfiguredName::read(rest)?),
            b'w' => Key::Places(UserNo(number()?)),
            b'L' => Key::TokenLifetimes,
            b'K' => Key::PepperCheck,
            b'z' => Key::Seen(EntryId(u128::from_be_bytes(rest.try_into().ok()?))),
            _ => return None,
        })
    }
}
