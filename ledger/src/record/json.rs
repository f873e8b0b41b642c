//! The strict reader: every JSON text that comes from outside goes through here before anything else looks at it.
//!
//! RFC 8259, and of that only what all readers understand alike (RFC 7493 in spirit): UTF-8 without byte order
//! mark, no member twice in an object at any depth, integers within ±(2^53−1) as the only numbers, at most 32 levels
//! and 10,000 members, no U+0000, no lone surrogate. In names, where one thing must not look like another, bidirectional
//! controls are refused too; in every other text each character that Unicode has is kept as it came.
//!
//! This is not a validator of documents: what a member means is the business of [`super::kinds`]. It builds a
//! [`Value`] and never changes a byte; signatures are over the bytes that were read.

mod fault;

use serde_json::{Map, Number, Value};

pub(super) use self::fault::pointer_step;
use self::fault::{Fault, Read};
use super::limits::{MAX_DEPTH, MAX_INTEGER, MAX_MEMBERS};
use crate::error::{Code, Error, Result};

/// Members whose strings name a thing: no bidirectional control in them or below them.
const NAMING_MEMBERS: [&str; 8] = ["name", "id", "@id", "uri", "url", "origin", "model_name", "keyid"];

/// Reads one JSON text of at most `max_len` bytes.
///
/// The place of an error is a JSON pointer (RFC 6901) where the text could be understood up to there, and
/// `line 3 column 7` (both from 1, columns in code points) where it could not, or where the pointer would be empty.
///
/// ```
/// use ledger::{Code, record::json};
///
/// let value = json::parse(br#"{"title": "\u05e9\u05dc\u05d5\u05dd", "pairs": 9007199254740991}"#, 1024)?;
/// assert_eq!(value["title"], "שלום");
///
/// let twice = json::parse(br#"{"a": [{"b": 1, "\u0062": 2}]}"#, 1024).unwrap_err();
/// assert_eq!((twice.code(), twice.place()), (Code::JsonDuplicateKey, Some("/a/0/b")));
/// # Ok::<(), ledger::Error>(())
/// ```
///
/// # Errors
/// `too_large`; `text_refused` for text that is not acceptable; `json_syntax`, `json_duplicate_key`, `json_number`,
/// `json_depth` and `json_members`.
pub fn parse(bytes: &[u8], max_len: usize) -> Result<Value> {
    if bytes.len() > max_len {
        return Err(Error::new(Code::TooLarge, format!("{} bytes, at most {max_len}", bytes.len())));
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err(Error::new(Code::TextRefused, "a byte order mark").at("line 1 column 1"));
    }
    match core::str::from_utf8(bytes) {
        Ok(text) => Reader::new(text).document().map_err(|fault| fault.into_error(text)),
        Err(error) => Err(bad_utf8(bytes, error.valid_up_to())),
    }
}

/// The canonical form (RFC 8785) of a value that [`parse`] would accept.
///
/// Integers beyond ±(2^53−1) and other numbers are refused, for RFC 8785 would round them without a word.
///
/// # Errors
/// `json_number`, for such numbers.
pub fn canonical(value: &Value) -> Result<Vec<u8>> {
    refuse_inexact(value)?;
    serde_json_canonicalizer::to_vec(value).map_err(|error| Error::new(Code::Internal, error.to_string()))
}

/// Whether Unicode gives the character the property Bidi_Control.
pub const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn refuse_inexact(value: &Value) -> Result<()> {
    match value {
        Value::Number(number) if number.as_i64().is_none_or(|n| n.unsigned_abs() > MAX_INTEGER.unsigned_abs()) => {
            Err(Error::new(Code::JsonNumber, format!("{number} is not an integer within ±(2^53−1)")))
        }
        Value::Array(items) => items.iter().try_for_each(refuse_inexact),
        Value::Object(members) => members.values().try_for_each(refuse_inexact),
        _ => Ok(()),
    }
}

/// Names the string in which the first bad byte stands, by reading what comes before it.
fn bad_utf8(bytes: &[u8], valid: usize) -> Error {
    let text = core::str::from_utf8(&bytes[..valid]).unwrap_or_default();
    let path = match Reader::new(text).document() {
        Err(fault) if fault.at == text.len() => fault.path,
        _ => Vec::new(),
    };
    Fault { code: Code::TextRefused, at: valid, detail: "not UTF-8".to_owned(), path }.into_error(text)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    members: usize,
}

impl<'a> Reader<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, members: 0 }
    }

    fn document(mut self) -> Read<Value> {
        self.skip_space();
        let value = self.value(0, false)?;
        self.skip_space();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.syntax("something follows the value")),
        }
    }

    /// `depth` counts the containers around this value; `naming` says that it is below a member that names a thing.
    fn value(&mut self, depth: usize, naming: bool) -> Read<Value> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1, naming).map(Value::Object),
            Some(b'[') => self.array(depth + 1, naming).map(Value::Array),
            Some(b'"') => self.string(naming).map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'N' | b'I') => self.not_a_number(),
            Some(_) => Err(self.syntax("expected a value")),
            None => Err(self.syntax("the text ends where a value is expected")),
        }
    }

    fn object(&mut self, depth: usize, naming: bool) -> Read<Map<String, Value>> {
        let mut object = Map::new();
        self.enter(depth)?;
        self.skip_space();
        if self.take(b'}') {
            return Ok(object);
        }
        loop {
            self.count()?;
            if self.peek() != Some(b'"') {
                return Err(self.syntax("expected a member name in quotes"));
            }
            let at = self.at;
            let name = self.string(true)?;
            if object.contains_key(&name) {
                let fault = self.fault(Code::JsonDuplicateKey, at, "the member stands here for the second time");
                return Err(fault.under(pointer_step(&name)));
            }
            self.skip_space();
            if !self.take(b':') {
                return Err(self.syntax("expected a colon"));
            }
            self.skip_space();
            let naming = naming || NAMING_MEMBERS.contains(&name.as_str());
            let value = self.value(depth, naming).map_err(|fault| fault.under(pointer_step(&name)))?;
            object.insert(name, value);
            self.skip_space();
            if self.take(b'}') {
                return Ok(object);
            }
            if !self.take(b',') {
                return Err(self.syntax("expected a comma or a closing brace"));
            }
            self.skip_space();
        }
    }

    fn array(&mut self, depth: usize, naming: bool) -> Read<Vec<Value>> {
        let mut array = Vec::new();
        self.enter(depth)?;
        self.skip_space();
        if self.take(b']') {
            return Ok(array);
        }
        loop {
            self.count()?;
            let value = self.value(depth, naming).map_err(|fault| fault.under(format!("/{}", array.len())))?;
            array.push(value);
            self.skip_space();
            if self.take(b']') {
                return Ok(array);
            }
            if !self.take(b',') {
                return Err(self.syntax("expected a comma or a closing bracket"));
            }
            self.skip_space();
        }
    }

    /// Steps over the opening bracket of a container at this depth.
    fn enter(&mut self, depth: usize) -> Read<()> {
        if depth > MAX_DEPTH {
            return Err(self.fault(Code::JsonDepth, self.at, format!("nested more than {MAX_DEPTH} deep")));
        }
        self.at += 1;
        Ok(())
    }

    fn count(&mut self) -> Read<()> {
        self.members += 1;
        if self.members > MAX_MEMBERS {
            return Err(self.fault(
                Code::JsonMembers,
                self.at,
                format!("more than {MAX_MEMBERS} members and elements"),
            ));
        }
        Ok(())
    }

    fn string(&mut self, naming: bool) -> Read<String> {
        let start = self.at;
        self.at += 1;
        let mut string = String::new();
        let mut plain = self.at;
        loop {
            // What stands for itself is passed over in one go: a payload is one string of kilobytes.
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0x00..=0x1f);
            self.at += self.bytes[self.at..].iter().position(special).unwrap_or(self.bytes.len() - self.at);
            match self.peek() {
                Some(b'"') => {
                    string.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    break;
                }
                Some(b'\\') => {
                    string.push_str(&self.text[plain..self.at]);
                    string.push(self.escape()?);
                    plain = self.at;
                }
                Some(0) => return Err(self.fault(Code::TextRefused, self.at, "U+0000")),
                Some(_) => return Err(self.syntax("a control character that is not escaped")),
                None => return Err(self.syntax("the text ends inside a string")),
            }
        }
        if naming
            && !string.is_ascii()
            && let Some(c) = string.chars().find(|c| is_bidi_control(*c))
        {
            let detail = format!("the bidirectional control U+{:04X} in a name", u32::from(c));
            return Err(self.fault(Code::TextRefused, start, detail));
        }
        Ok(string)
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        self.at += 1;
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape(start);
            }
            Some(_) => return Err(self.fault(Code::JsonSyntax, start, "an unknown escape")),
            None => return Err(self.syntax("the text ends inside a string")),
        };
        self.at += 1;
        Ok(c)
    }

    /// The rest of `\uXXXX`, and of the second half if the first is a high surrogate.
    fn unicode_escape(&mut self, start: usize) -> Read<char> {
        let mut code = self.four_digits()?;
        if (0xd800..0xdc00).contains(&code) && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let low = self.four_digits()?;
            if (0xdc00..0xe000).contains(&low) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        match char::from_u32(code) {
            Some('\0') => Err(self.fault(Code::TextRefused, start, "U+0000")),
            Some(c) => Ok(c),
            None => Err(self.fault(Code::TextRefused, start, format!("the lone surrogate U+{code:04X}"))),
        }
    }

    fn four_digits(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = match self.peek() {
                Some(digit @ b'0'..=b'9') => digit - b'0',
                Some(digit @ b'a'..=b'f') => digit - b'a' + 10,
                Some(digit @ b'A'..=b'F') => digit - b'A' + 10,
                Some(_) => return Err(self.syntax("expected four hexadecimal digits")),
                None => return Err(self.syntax("the text ends inside a string")),
            };
            code = code << 4 | u32::from(digit);
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Read<Number> {
        let start = self.at;
        let negative = self.take(b'-');
        if self.peek() == Some(b'I') {
            self.not_a_number()?;
        }
        let int = self.digits()?;
        if int.len() > 1 && int.starts_with('0') {
            return Err(self.fault(Code::JsonSyntax, start, "a number with a leading zero"));
        }
        let mut integer = true;
        if self.take(b'.') {
            self.digits()?;
            integer = false;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
            integer = false;
        }
        let exact = int.parse::<i64>().ok().filter(|n| integer && *n <= MAX_INTEGER && !(negative && *n == 0));
        match exact {
            Some(n) => Ok(Number::from(if negative { -n } else { n })),
            None => {
                let written: String = self.text[start..self.at].chars().take(40).collect();
                Err(self.fault(Code::JsonNumber, start, format!("{written} is not an integer within ±(2^53−1)")))
            }
        }
    }

    fn digits(&mut self) -> Read<&'a str> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        match self.at == start {
            true => Err(self.syntax("expected a digit")),
            false => Ok(&self.text[start..self.at]),
        }
    }

    /// `NaN` and `Infinity` are what some writers put for a number, so the answer speaks of numbers.
    fn not_a_number<T>(&mut self) -> Read<T> {
        let rest = &self.bytes[self.at..];
        match rest.starts_with(b"NaN") || rest.starts_with(b"Infinity") {
            true => Err(self.fault(Code::JsonNumber, self.at, "NaN and Infinity are not numbers of JSON")),
            false => Err(self.syntax("expected a value")),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Read<Value> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.syntax("expected a value"))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn syntax(&self, detail: &str) -> Box<Fault> {
        self.fault(Code::JsonSyntax, self.at, detail)
    }

    fn fault(&self, code: Code, at: usize, detail: impl Into<String>) -> Box<Fault> {
        Box::new(Fault { code, at, detail: detail.into(), path: Vec::new() })
    }
}

#[cfg(test)]
mod tests;
