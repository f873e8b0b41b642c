//! The strict reader: what it takes, what it refuses and where it says so.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

const MAX: usize = 1 << 20;

fn read(text: &str) -> Result<Value> {
    parse(text.as_bytes(), MAX)
}

/// The code and the place of the refusal.
fn refused(text: impl AsRef<[u8]>) -> (Code, String) {
    let text = text.as_ref();
    let error = match parse(text, MAX) {
        Err(error) => error,
        Ok(value) => panic!("{:?} was read as {value}", text.escape_ascii().to_string()),
    };
    assert!(!error.detail().is_empty());
    (error.code(), error.place().unwrap_or_default().to_owned())
}

#[test]
fn what_is_json_is_read() {
    for text in [
        "{}",
        "[]",
        " [ ] ",
        "\t\r\n{\n}\r",
        "\"\"",
        "0",
        "-1",
        "true",
        "false",
        "null",
        "[[],[[]]]",
        "[1,2 , 3]",
        r#"{"a":{"a":{"a":1}}}"#,
        r#"{"":0}"#,
        r#"{"a":null,"A":null}"#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""é\u00e9""#,
        r#""\ud83d\udE02""#,
        r#""\u007f""#,
        "\"\u{7f}\u{80}\u{2028}\u{2029}\"",
        "\"\u{fffe}\u{ffff}\u{10ffff}\"",
        "\"\u{feff}\"",
        "[9007199254740991,-9007199254740991]",
        "[\"a\",\"a\"]",
    ] {
        assert_eq!(read(text).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text:?}");
    }
}

/// Kinds of malformed JSON that public parsing suites have, each with the position at which it stops to be JSON.
#[test]
fn b02_malformed_json_of_every_kind() {
    let cases: &[(&str, &str)] = &[
        ("", "1 1"),
        (" ", "1 2"),
        ("\n\n", "3 1"),
        ("{", "1 2"),
        ("[", "1 2"),
        ("}", "1 1"),
        ("]", "1 1"),
        ("{]", "1 2"),
        ("[}", "1 2"),
        ("[1", "1 3"),
        ("[1,", "1 4"),
        ("[1,]", "1 4"),
        ("[,1]", "1 2"),
        ("[1,,2]", "1 4"),
        ("[1 2]", "1 4"),
        ("[1:2]", "1 3"),
        ("[\"a\":1]", "1 5"),
        ("[]]", "1 3"),
        ("[] x", "1 4"),
        ("{}{}", "1 3"),
        ("1 1", "1 3"),
        ("{\"a\"", "1 5"),
        ("{\"a\":", "1 6"),
        ("{\"a\":1", "1 7"),
        ("{\"a\":1,", "1 8"),
        ("{\"a\":1,}", "1 8"),
        ("{\"a\" 1}", "1 6"),
        ("{\"a\",1}", "1 5"),
        ("{\"a\"::1}", "1 6"),
        ("{,}", "1 2"),
        ("{a:1}", "1 2"),
        ("{'a':1}", "1 2"),
        ("{1:1}", "1 2"),
        ("{null:1}", "1 2"),
        ("{[]:1}", "1 2"),
        ("{\"a\":1 \"b\":2}", "1 8"),
        ("'a'", "1 1"),
        ("\"", "1 2"),
        ("\"a", "1 3"),
        ("\"\\", "1 3"),
        ("\"\\\"", "1 4"),
        ("\"\\x41\"", "1 2"),
        ("\"\\a\"", "1 2"),
        ("\"\\'\"", "1 2"),
        ("\"\\\u{e9}\"", "1 2"),
        ("\"\\U0041\"", "1 2"),
        ("\"\\u\"", "1 4"),
        ("\"\\u00\"", "1 6"),
        ("\"\\u00g0\"", "1 6"),
        ("\"\\u00\u{e9}0\"", "1 6"),
        ("\"\\ud800\\u\"", "1 10"),
        ("\"\\u", "1 4"),
        ("\"\n\"", "1 2"),
        ("\"a\tb\"", "1 3"),
        ("\"\u{1f}\"", "1 2"),
        ("\"\u{1b}[31m\"", "1 2"),
        ("tru", "1 1"),
        ("True", "1 1"),
        ("TRUE", "1 1"),
        ("truE", "1 1"),
        ("nul", "1 1"),
        ("nulll", "1 5"),
        ("undefined", "1 1"),
        ("nan", "1 1"),
        ("inf", "1 1"),
        ("Inf", "1 1"),
        ("-Inf", "1 2"),
        ("-", "1 2"),
        ("--1", "1 2"),
        ("+1", "1 1"),
        ("01", "1 1"),
        ("-01", "1 1"),
        ("00", "1 1"),
        ("1.", "1 3"),
        (".1", "1 1"),
        ("-.1", "1 2"),
        ("1.e1", "1 3"),
        ("1e", "1 3"),
        ("1e+", "1 4"),
        ("1ee1", "1 3"),
        ("[1-2]", "1 3"),
        ("0x10", "1 2"),
        ("1_000", "1 2"),
        ("1a", "1 2"),
        ("\u{661}", "1 1"),
        ("[1] // c", "1 5"),
        ("/* c */ 1", "1 1"),
        ("# c\n1", "1 1"),
        ("\u{a0}1", "1 1"),
        ("\u{c}1", "1 1"),
        ("[\u{b}1]", "1 2"),
        ("\u{2028}1", "1 1"),
        ("*", "1 1"),
        ("(1)", "1 1"),
        ("{\"é\":\n  [1,\r\n   \"ü\", x]}", "3 9"),
        ("\u{0}", "1 1"),
        ("[1]\u{0}", "1 4"),
        ("[\u{ff21}]", "1 2"),
        ("&quot;", "1 1"),
        ("<a/>", "1 1"),
        ("a", "1 1"),
        ("\\u0022\\u0022", "1 1"),
    ];
    for (text, position) in cases {
        let (line, column) = position.split_once(' ').unwrap();
        assert_eq!(refused(text), (Code::JsonSyntax, format!("line {line} column {column}")), "{text:?}");
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text:?}");
    }
}

#[test]
fn b02_every_truncation_of_a_document_is_refused() {
    let text = r#"{"name":"a\u00e9\ud83d\ude02","list":[1,-20,true,{"x":null}],"é":"ü"}"#;
    for end in 0..text.len() {
        let code = parse(&text.as_bytes()[..end], MAX).unwrap_err().code();
        let inside_character = !text.is_char_boundary(end);
        // A high surrogate whose second half is missing is refused as such before the end is noticed.
        let expected: &[Code] =
            if inside_character { &[Code::TextRefused] } else { &[Code::JsonSyntax, Code::TextRefused] };
        assert!(expected.contains(&code), "{end}: {code}");
    }
}

#[test]
fn b03_duplicate_key_at_any_depth() {
    for (text, place) in [
        (r#"{"a":1,"a":1}"#, "/a"),
        (r#"{"a":1,"b":2,"a":3}"#, "/a"),
        (r#"{"":1,"":2}"#, "/"),
        (r#"{"x":[0,{"y":{"a":1,"a":2}}]}"#, "/x/1/y/a"),
        (r#"{"a":1,"\u0061":2}"#, "/a"),
        (r#"{"\ud83d\ude02":1,"😂":2}"#, "/😂"),
        (r#"{"a/b":1,"a\/b":2}"#, "/a~1b"),
        (r#"{"~":{"k":1,"k":2}}"#, "/~0/k"),
        // The second one counts as found before its value is read.
        (r#"{"a":1,"a":"#, "/a"),
    ] {
        assert_eq!(refused(text), (Code::JsonDuplicateKey, place.to_owned()), "{text}");
    }
    // Canonically equivalent and differently cased names are different members.
    assert_eq!(read("{\"é\":1,\"e\u{301}\":2,\"É\":3}").unwrap().as_object().unwrap().len(), 3);
}

#[test]
fn b04_numbers_that_readers_disagree_about() {
    for number in [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "123456789012345678901234567890",
        "1e400",
        "-1e400",
        "1E1",
        "1e0",
        "1e-1",
        "0e0",
        "0E+9",
        "-0",
        "-0.0",
        "0.0",
        "1.0",
        "1.5",
        "-1.5",
        "0.1",
        "1.0e1",
        "NaN",
        "Infinity",
        "-Infinity",
    ] {
        let text = format!(r#"{{"a":[true,{number}]}}"#);
        assert_eq!(refused(&text), (Code::JsonNumber, "/a/1".to_owned()), "{number}");
        // Where there is no pointer to name the place: at the number, or at the word behind the sign.
        let column = if number == "-Infinity" { 2 } else { 1 };
        assert_eq!(refused(number), (Code::JsonNumber, format!("line 1 column {column}")));
    }
}

#[test]
fn b05_depth_33_128_and_100_000() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth: usize| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    assert!(read(&nested(32)).is_ok());
    assert!(read(&objects(32)).is_ok());
    assert!(read(&format!("[{}]", [nested(31), nested(31)].join(","))).is_ok(), "depth, not the sum of depths");
    for depth in [33, 128, 100_000] {
        assert_eq!(refused(nested(depth)), (Code::JsonDepth, "/0".repeat(32)));
        assert_eq!(refused(objects(depth)), (Code::JsonDepth, "/a".repeat(32)));
        assert_eq!(refused("[".repeat(depth)), (Code::JsonDepth, "/0".repeat(32)), "never closed");
    }
    let mixed = r#"[{"a":"#.repeat(50_000);
    assert_eq!(refused(mixed), (Code::JsonDepth, "/0/a".repeat(16)));
}

#[test]
fn b06_text_that_is_not_acceptable() {
    let cases: &[(&[u8], &str)] = &[
        (b"\xef\xbb\xbf{}", "line 1 column 1"),
        (b"\xff\xfe{\0}\0", "line 1 column 1"),
        (b"{\"a\":\"\xff\"}", "/a"),
        (b"{\"a\":[1,\"\xc3\"]}", "/a/1"),
        (b"{\"a\":\"\xc0\xaf\"}", "/a"),
        (b"{\"a\":\"\xed\xa0\x80\"}", "/a"),
        (b"{\"a\":\"\xf4\x90\x80\x80\"}", "/a"),
        (b"{\"a\":{\"\xe9\":1}}", "/a"),
        (b"{}\n \xe9", "line 2 column 2"),
        (b"[1, \xe9]", "/1"),
        (b"{\"a\":\"\\ud800\"}", "/a"),
        (b"{\"a\":\"\\udc00\\ud800\"}", "/a"),
        (b"{\"a\":\"\\ud800\\u0041\"}", "/a"),
        (b"{\"a\":\"\\ud83dx\"}", "/a"),
        (b"{\"a\":[\"\\u0000\"]}", "/a/0"),
        (b"{\"a\":\"x\0y\"}", "/a"),
        (b"{\"a\\u0000\":1}", "line 1 column 4"),
        (b"{\"a\":{\"\\udfff\":1}}", "/a"),
        ("{\"a\u{202e}b\":1}".as_bytes(), "line 1 column 2"),
        ("{\"name\":\"abc\u{202e}txt\"}".as_bytes(), "/name"),
        (b"{\"x\":{\"name\":\"\\u202Egpj\"}}", "/x/name"),
        ("{\"issuer\":{\"id\":\"a\u{2066}\"}}".as_bytes(), "/issuer/id"),
        ("{\"uri\":\"https://example.org/\u{200f}\"}".as_bytes(), "/uri"),
        ("{\"name\":[\"a\",{\"@value\":\"\u{61c}\"}]}".as_bytes(), "/name/1/@value"),
    ];
    for (text, place) in cases {
        assert_eq!(refused(text), (Code::TextRefused, (*place).to_owned()), "{}", text.escape_ascii());
    }
}

#[test]
fn body_text_of_any_language_is_kept_as_it_came() {
    let text = "# \u{202b}بطاقة النموذج\u{202c}\r\n\r\nשלום \u{2067}עולם\u{2069} \u{200f}\u{200e}می\u{200c}خواهم 中文 हिन्दी e\u{301} é 👩‍👩‍👧\r\n";
    for member in ["description", "limitation", "text", "title", "licenseDeclared"] {
        let value = serde_json::json!({ member: text, "list": [text] });
        let read = parse(value.to_string().as_bytes(), MAX).unwrap();
        assert_eq!(read[member], text);
        assert_eq!(read["list"][0], text);
    }
    // Names may be right-to-left; what they may not hold are the controls that reorder what stands around them.
    assert_eq!(read("{\"name\":\"نموذج שלום می\u{200c}خواهم\"}").unwrap()["name"], "نموذج שלום می\u{200c}خواهم");
}

#[test]
fn ten_thousand_members_and_no_more() {
    let list = |n: usize| format!("[{}]", vec!["1"; n].join(","));
    assert!(read(&list(10_000)).is_ok());
    assert_eq!(refused(list(10_001)).0, Code::JsonMembers);
    let object = |n: usize| {
        let members: Vec<String> = (0..n).map(|i| format!("\"{i}\":[]")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(read(&object(10_000)).is_ok());
    assert_eq!(refused(object(10_001)).0, Code::JsonMembers);
    // Members and elements of all containers count together.
    assert!(read(&format!("[{},{}]", list(4_999), list(4_999))).is_ok());
    assert_eq!(refused(format!("[{},{}]", list(4_999), list(5_000))), (Code::JsonMembers, "/1".to_owned()));
}

#[test]
fn the_length_is_looked_at_before_anything_else() {
    assert_eq!(parse(b"\xff\xff\xff", 2).unwrap_err().code(), Code::TooLarge);
    assert!(parse(b"[]", 2).is_ok());
}

#[test]
fn a_place_is_short_and_shows_what_it_holds() {
    let long = "k".repeat(100_000);
    let (_, place) = refused(format!(r#"{{"{long}":-0}}"#));
    assert_eq!(place, format!("/{}", "k".repeat(80)));
    let (_, place) = refused(r#"{"\u001b[31m":{"a":1.5}}"#);
    assert_eq!(place, "/\\u{1b}[31m/a");
}

#[test]
fn the_canonical_form_refuses_what_it_would_round() {
    for number in
        [Value::from(9_007_199_254_740_992_u64), Value::from(u64::MAX), Value::from(i64::MIN), Value::from(1.5)]
    {
        let error = canonical(&serde_json::json!({ "a": [number] })).unwrap_err();
        assert_eq!(error.code(), Code::JsonNumber);
    }
    assert_eq!(
        canonical(&serde_json::json!({ "b": 1, "a": -MAX_INTEGER })).unwrap(),
        br#"{"a":-9007199254740991,"b":1}"#
    );
}

/// Values that the reader accepts wherever they stand.
fn any_value() -> impl Strategy<Value = Value> {
    let text = any::<String>().prop_map(|text| text.replace('\0', ""));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let name = any::<String>().prop_map(|name| name.replace(|c| c == '\0' || is_bidi_control(c), ""));
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_survives_its_canonical_form(value in any_value()) {
        let text = canonical(&value).unwrap();
        let read = parse(&text, MAX).unwrap();
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(canonical(&read).unwrap(), text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, MAX);
    }

    /// Pieces of JSON in any order: what is accepted reads the same in serde_json, and what serde_json refuses is refused.
    #[test]
    fn no_text_is_read_otherwise_than_by_serde_json(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"name\"", "0", "1", "-", "-1", "1.5", "1e9", "true", "null",
            " ", "\n", "\"\\u00e9\"", "\"\\ud83d\\ude02\"", "\"\\ud83d", "\\\"", "\"", "é", "\u{202e}", "\0", "[1,2]", "{\"k\":[]}",
        ]), 0..24),
    ) {
        let text = pieces.concat();
        if let Ok(value) = read(&text) {
            prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
