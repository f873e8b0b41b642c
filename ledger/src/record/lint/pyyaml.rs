//! What PyYAML, the reader of Hugging Face's tools, makes of a text without quotes: YAML 1.1 turns words into truth values,
//! versions into numbers and days into dates. Nothing is read with these rules here; they are known in order to warn.
//!
//! Source: PyYAML 6.0 `resolver.py`, tried against it.

/// What PyYAML makes of an unquoted text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The text itself.
    Text,
    /// `None`.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer that is written the same way.
    Integer,
    /// An integer whose digits change: octal, sexagesimal, hexadecimal, underscores.
    OddInteger,
    /// A floating-point number: `1.10` becomes 1.1.
    Float,
    /// A date or a time.
    Date,
}

/// Reads an unquoted text as PyYAML's resolver does (YAML 1.1).
pub(super) fn reading(text: &str) -> Reading {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Reading::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Reading::Bool(false),
        "" | "~" | "null" | "Null" | "NULL" => return Reading::Null,
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if is_date(text) {
        Reading::Date
    } else if is_integer(unsigned) {
        let same = text.parse::<i128>().is_ok_and(|number| number.to_string() == text);
        if same { Reading::Integer } else { Reading::OddInteger }
    } else if is_float(unsigned, unsigned.len() == text.len()) {
        Reading::Float
    } else {
        Reading::Text
    }
}

fn digits(text: &str, allowed: fn(&u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(|b| b == b'_' || allowed(&b))
}

fn is_integer(text: &str) -> bool {
    let sexagesimal = |text: &str| {
        let mut parts = text.split(':');
        let first = parts.next().unwrap_or("");
        let head = first.starts_with(|c: char| ('1'..='9').contains(&c)) && digits(first, u8::is_ascii_digit);
        head && parts.all(is_sexagesimal_digit)
    };
    text == "0"
        || text.strip_prefix("0b").is_some_and(|rest| digits(rest, |b| matches!(b, b'0' | b'1')))
        || text.strip_prefix("0x").is_some_and(|rest| digits(rest, u8::is_ascii_hexdigit))
        || text.strip_prefix('0').is_some_and(|rest| digits(rest, |b| (b'0'..=b'7').contains(b)))
        || sexagesimal(text)
}

fn is_sexagesimal_digit(text: &str) -> bool {
    match text.as_bytes() {
        [b] => b.is_ascii_digit(),
        [a, b] => (b'0'..=b'5').contains(a) && b.is_ascii_digit(),
        _ => false,
    }
}

fn is_float(text: &str, no_sign: bool) -> bool {
    if matches!(text, ".inf" | ".Inf" | ".INF") || (no_sign && matches!(text, ".nan" | ".NaN" | ".NAN")) {
        return true;
    }
    let Some((whole, rest)) = text.split_once('.') else { return false };
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['-', '+']).is_some_and(|e| !e.is_empty() && e.bytes().all(|b| b.is_ascii_digit()))
    });
    let fraction_fits = fraction.is_empty() || digits(fraction, u8::is_ascii_digit);
    if whole.is_empty() {
        return no_sign && fraction.starts_with(|c: char| c.is_ascii_digit()) && fraction_fits && exponent_fits;
    }
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or("");
    let head = first.starts_with(|c: char| c.is_ascii_digit()) && digits(first, u8::is_ascii_digit);
    let mut sixties = parts.peekable();
    let time_like = sixties.peek().is_some();
    head && fraction_fits && exponent_fits && (!time_like || exponent.is_none()) && sixties.all(is_sexagesimal_digit)
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    if !((0..4).all(digit) && bytes.get(4) == Some(&b'-')) {
        return false;
    }
    let day_only = text.len() == 10 && [5, 6, 8, 9].into_iter().all(digit) && bytes[7] == b'-';
    // With a time: `2024-1-5 10:00:00Z`. Any text of that outline is one; the exact grammar adds nothing for a warning.
    let timed = text.split_once(['T', 't', ' ']).is_some_and(|(date, time)| {
        date.len() <= 10 && date.bytes().filter(|b| *b == b'-').count() == 2 && time.matches(':').count() >= 2
    }) && text.bytes().all(|b| b.is_ascii_digit() || b"-:.TtZ+ ".contains(&b));
    day_only || timed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pyyaml_reads_more_than_text() {
        use Reading::*;
        for (text, expected) in [
            ("no", Bool(false)),
            ("On", Bool(true)),
            ("y", Text),
            ("~", Null),
            ("1.10", Float),
            ("1.", Float),
            (".5", Float),
            ("1e3", Text),
            ("1.0e+3", Float),
            ("1.0e3", Text),
            ("1.2.3", Text),
            ("010", OddInteger),
            ("08", Text),
            ("1_000", OddInteger),
            ("12:30", OddInteger),
            ("12:30.5", Float),
            ("0x1F", OddInteger),
            ("42", Integer),
            ("-7", Integer),
            ("+7", OddInteger),
            ("2024-01-01", Date),
            ("2024-1-1", Text),
            ("2024-01-01 10:00:00", Date),
            ("2024-01-01T10:00:00Z", Date),
            ("mit", Text),
            ("-.inf", Float),
            (".nan", Float),
            ("-.nan", Text),
            ("1-2", Text),
            ("20220120", Integer),
        ] {
            assert_eq!(reading(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,20}|[-+0-9._:eTZ ]{0,20}") {
            reading(&text);
        }
    }
}
