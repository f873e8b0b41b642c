//! The policy file: its lines read and written.

use super::{Log, MAX_DEFINITIONS, MAX_POLICY_LEN, Named, Node, Policy, Threshold};
use crate::error::{Code, Error, Result};
use crate::ids::decimal;
use crate::note::{Algorithm, VerifierKey};

/// The name that a quorum may have without being defined.
const NONE: &[u8] = b"none";

pub(super) fn parse(bytes: &[u8]) -> Result<Policy> {
    if bytes.len() > MAX_POLICY_LEN {
        return Err(Error::new(Code::PolicyInvalid, format!("{} bytes, more than {MAX_POLICY_LEN}", bytes.len())));
    }
    let mut reader = Reader { logs: Vec::new(), nodes: Vec::new(), is_member: Vec::new(), quorum: None };
    let mut number = 0;
    for line in bytes.split(|&b| b == b'\n') {
        number += 1;
        reader.line(line).map_err(|detail| Error::new(Code::PolicyInvalid, detail).at(format!("line {number}")))?;
    }
    let quorum = reader
        .quorum
        .ok_or_else(|| Error::new(Code::PolicyInvalid, "there is no quorum line").at(format!("line {number}")))?;
    Ok(Policy { logs: reader.logs, nodes: reader.nodes, quorum })
}

pub(super) fn encode(policy: &Policy) -> Vec<u8> {
    let mut file = Vec::new();
    let mut line = |words: &[&[u8]]| {
        file.extend_from_slice(&words.join(&b' '));
        file.push(b'\n');
    };
    for Log { key, url } in &policy.logs {
        let key = key.to_string();
        let mut words: Vec<&[u8]> = vec![b"log", key.as_bytes()];
        words.extend(url.as_deref());
        line(&words);
    }
    let name = |node: usize| policy.nodes.get(node).map_or(NONE, |named| &named.name);
    for Named { name: own, node } in &policy.nodes {
        match node {
            Node::Witness { key, url } => {
                let key = key.to_string();
                let mut words: Vec<&[u8]> = vec![b"witness", own, key.as_bytes()];
                words.extend(url.as_deref());
                line(&words);
            }
            Node::Group { threshold, members } => {
                let threshold = match threshold {
                    Threshold::All => "all".to_owned(),
                    Threshold::Any => "any".to_owned(),
                    Threshold::AtLeast(k) => k.to_string(),
                };
                let mut words: Vec<&[u8]> = vec![b"group", own, threshold.as_bytes()];
                words.extend(members.iter().map(|&member| name(member)));
                line(&words);
            }
        }
    }
    line(&[b"quorum", policy.quorum.map_or(NONE, name)]);
    file
}

/// What the lines so far defined.
struct Reader {
    logs: Vec<Log>,
    nodes: Vec<Named>,
    /// Which nodes are members of a group already.
    is_member: Vec<bool>,
    /// The outer `Option` is whether there was a quorum line, the inner one whether it names a node.
    quorum: Option<Option<usize>>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if let Some(byte) = line.iter().find(|&&b| (b < 0x20 && b != b'\t') || b == 0x7f) {
            return Err(format!("the byte 0x{byte:02x} is not allowed"));
        }
        let words: Vec<&[u8]> = line.split(|&b| b == b' ' || b == b'\t').filter(|word| !word.is_empty()).collect();
        if words.first().is_none_or(|word| word.starts_with(b"#")) {
            return Ok(());
        }
        let defines = words.first().is_some_and(|word| *word != b"quorum");
        if defines && self.logs.len() + self.nodes.len() >= MAX_DEFINITIONS {
            return Err(format!("more than {MAX_DEFINITIONS} definitions"));
        }
        match words.as_slice() {
            [b"log", key] => self.log(key, None),
            [b"log", key, url] => self.log(key, Some(url)),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => self.witness(name, key, Some(url)),
            [b"group", name, threshold, members @ ..] if !members.is_empty() => self.group(name, threshold, members),
            [b"quorum", name] => self.quorum(name),
            _ => Err("not a line of log, witness, group or quorum, or not with the words that it takes".to_owned()),
        }
    }

    fn log(&mut self, key: &[u8], url: Option<&[u8]>) -> Result<(), String> {
        let key = parse_key(key, Algorithm::Ed25519)?;
        if self.logs.iter().any(|log| log.key.public_key() == key.public_key()) {
            return Err("another log has the same public key".to_owned());
        }
        self.logs.push(Log { key, url: url.map(<[u8]>::to_vec) });
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<&[u8]>) -> Result<(), String> {
        let key = parse_key(key, Algorithm::CosignatureV1)?;
        let is_duplicate = |named: &Named| match &named.node {
            Node::Witness { key: other, .. } => other.public_key() == key.public_key(),
            Node::Group { .. } => false,
        };
        if self.nodes.iter().any(is_duplicate) {
            return Err("another witness has the same public key".to_owned());
        }
        self.define(name, Node::Witness { key: Box::new(key), url: url.map(<[u8]>::to_vec) })
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), String> {
        let threshold = match threshold {
            b"all" => Threshold::All,
            b"any" => Threshold::Any,
            k => {
                let k = core::str::from_utf8(k).ok().and_then(|k| decimal(k).ok());
                match k.and_then(|k| usize::try_from(k).ok()) {
                    Some(k) if (1..=members.len()).contains(&k) => Threshold::AtLeast(k),
                    _ => return Err(format!("a threshold is all, any or 1 to {}", members.len())),
                }
            }
        };
        let mut indices = Vec::with_capacity(members.len());
        for member in members {
            let index = self.defined(member)?;
            match self.is_member.get_mut(index) {
                Some(is_member) if !*is_member => *is_member = true,
                _ => return Err(format!("{} is a member of a group already", show(member))),
            }
            indices.push(index);
        }
        self.define(name, Node::Group { threshold, members: indices })
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("there is a quorum line already".to_owned());
        }
        self.quorum = Some(if name == NONE { None } else { Some(self.defined(name)?) });
        Ok(())
    }

    fn define(&mut self, name: &[u8], node: Node) -> Result<(), String> {
        if name == NONE {
            return Err("none cannot be defined".to_owned());
        }
        if self.nodes.iter().any(|named| named.name == name) {
            return Err(format!("{} is defined already", show(name)));
        }
        self.nodes.push(Named { name: name.to_vec(), node });
        self.is_member.push(false);
        Ok(())
    }

    fn defined(&self, name: &[u8]) -> Result<usize, String> {
        self.nodes
            .iter()
            .position(|named| named.name == name)
            .ok_or_else(|| format!("{} is not defined on a line above", show(name)))
    }
}

fn parse_key(text: &[u8], algorithm: Algorithm) -> Result<VerifierKey, String> {
    let text = core::str::from_utf8(text).map_err(|_| "the key's name is not UTF-8".to_owned())?;
    let key: VerifierKey = text.parse().map_err(|e| format!("{e}"))?;
    if key.algorithm() != algorithm {
        return Err(format!("a key of type 0x{:02x} cannot stand here", key.algorithm().byte()));
    }
    Ok(key)
}

/// A name as an error message shows it: never longer than a line, never raw.
fn show(name: &[u8]) -> String {
    name.escape_ascii().take(80).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;
    use crate::note::{Cosigner, KeyName, NoteSigner};

    fn log(n: u8) -> String {
        let name = KeyName::parse(&format!("example.com/log{n}")).unwrap();
        NoteSigner::from_seed(name, [n; 32]).unwrap().verifier_key().to_string()
    }

    fn witness(n: u8) -> String {
        let name = KeyName::parse(&format!("witness.example/{n}")).unwrap();
        Cosigner::from_seed(name, [n; 32]).unwrap().verifier_key().to_string()
    }

    fn refused(file: &str) -> (String, String) {
        let error = Policy::parse(file.as_bytes()).unwrap_err();
        assert_eq!(error.code(), Code::PolicyInvalid);
        (error.place().unwrap().to_owned(), error.detail().to_owned())
    }

    #[test]
    fn spaces_tabs_comments_and_empty_lines_are_ignored() {
        let file = format!(
            "# a comment\n\n \t# another \u{e9}\n\tlog  {}\thttps://log.example/ \n  witness\tW {}\n\n quorum W",
            log(1),
            witness(1)
        );
        let policy = Policy::parse(file.as_bytes()).unwrap();
        let plain = format!("log {} https://log.example/\nwitness W {}\nquorum W\n", log(1), witness(1));
        assert_eq!(policy.encode(), plain.as_bytes());
        assert_eq!(policy.logs()[0].url(), Some(&b"https://log.example/"[..]));
    }

    #[test]
    fn names_are_opaque_bytes() {
        let mut file = format!("witness K {}\nwitness ", witness(1)).into_bytes();
        file.extend_from_slice(b"\xe2\x84\xaa ");
        file.extend_from_slice(format!("{}\nwitness ", witness(2)).as_bytes());
        file.extend_from_slice(b"\xff\xfe ");
        file.extend_from_slice(format!("{} ", witness(3)).as_bytes());
        file.extend_from_slice(b"\x80 \t\ngroup all all K \xe2\x84\xaa\ngroup 2 1 all \xff\xfe\nquorum 2\n");
        let policy = Policy::parse(&file).unwrap();
        assert_eq!(Policy::parse(&policy.encode()).unwrap(), policy);
        assert_eq!(policy.witnesses().count(), 3);
    }

    #[test]
    fn a_name_must_be_defined_on_a_line_above() {
        let (place, detail) = refused(&format!("quorum W\nwitness W {}\n", witness(1)));
        assert_eq!((place.as_str(), detail.as_str()), ("line 1", "W is not defined on a line above"));
        assert_eq!(refused(&format!("group G all W\nwitness W {}\nquorum G\n", witness(1))).0, "line 1");
        assert_eq!(refused("group G all G\nquorum G\n").0, "line 1");
        assert_eq!(refused(&format!("witness W {}\ngroup G all W none\nquorum G\n", witness(1))).0, "line 2");
    }

    #[test]
    fn a_name_is_defined_once_and_a_member_of_one_group() {
        let two = format!("witness A {}\nwitness B {}\n", witness(1), witness(2));
        assert_eq!(refused(&format!("{two}group A all B\nquorum A\n")).0, "line 3");
        assert_eq!(refused(&format!("witness A {}\nwitness A {}\nquorum A\n", witness(1), witness(2))).0, "line 2");
        assert_eq!(refused(&format!("{two}group G all A A\nquorum G\n")).0, "line 3");
        assert_eq!(refused(&format!("{two}group G all A\ngroup H all A B\nquorum H\n")).0, "line 4");
        assert_eq!(refused(&format!("{two}group none all A\nquorum none\n")).0, "line 3");
        assert_eq!(refused(&format!("witness none {}\nquorum none\n", witness(1))).0, "line 1");
    }

    #[test]
    fn the_same_public_key_twice_is_refused_under_any_name() {
        let same = |name: &str| {
            let name = KeyName::parse(name).unwrap();
            let log = NoteSigner::from_seed(name.clone(), [9; 32]).unwrap().verifier_key().to_string();
            (log, Cosigner::from_seed(name, [9; 32]).unwrap().verifier_key().to_string())
        };
        let (log_a, witness_a) = same("a.example");
        let (log_b, witness_b) = same("b.example");
        assert_eq!(refused(&format!("log {log_a}\nlog {log_b}\nquorum none\n")).0, "line 2");
        assert_eq!(refused(&format!("log {log_a}\nlog {log_a}\nquorum none\n")).0, "line 2");
        assert_eq!(refused(&format!("witness A {witness_a}\nwitness B {witness_b}\nquorum A\n")).0, "line 2");
    }

    #[test]
    fn there_is_exactly_one_quorum() {
        assert_eq!(refused("").1, "there is no quorum line");
        assert_eq!(refused(&format!("log {}\n", log(1))).1, "there is no quorum line");
        assert_eq!(refused("quorum none\nquorum none\n").0, "line 2");
        // What comes after it may be defined all the same.
        assert!(Policy::parse(format!("quorum none\nwitness W {}\n", witness(1)).as_bytes()).is_ok());
    }

    #[test]
    fn a_threshold_is_all_any_or_a_number_that_can_be_met() {
        let two = format!("witness A {}\nwitness B {}\n", witness(1), witness(2));
        for k in ["all", "any", "1", "2"] {
            assert!(Policy::parse(format!("{two}group G {k} A B\nquorum G\n").as_bytes()).is_ok(), "{k}");
        }
        for k in ["0", "3", "01", "+1", "-1", "ALL", "none", "99999999999999999999"] {
            assert_eq!(refused(&format!("{two}group G {k} A B\nquorum G\n")).0, "line 3", "{k}");
        }
        assert_eq!(refused(&format!("{two}group G all\nquorum G\n")).0, "line 3");
    }

    #[test]
    fn a_line_has_the_words_that_it_takes() {
        for wrong in [
            "log\n".to_owned(),
            format!("log {} url more\n", log(1)),
            format!("log {}\n", witness(1)),
            format!("witness W {}\n", log(1)),
            format!("witness {}\n", witness(1)),
            format!("witness W {} url more\n", witness(1)),
            format!("Log {}\n", log(1)),
            "quorum\n".to_owned(),
            "quorum none # really\n".to_owned(),
            "quorum none\r\n".to_owned(),
            "quorum\u{b}none\n".to_owned(),
            "# \u{7f}\n".to_owned(),
            "\u{0}\n".to_owned(),
            format!("log {}=\n", log(1)),
            "log example.com/foo+00000000+AAAA\n".to_owned(),
        ] {
            assert_eq!(refused(&format!("{wrong}quorum none\n")).0, "line 1", "{wrong:?}");
        }
    }

    #[test]
    fn at_least_32_of_each_are_supported_and_there_is_an_end() {
        let mut file = String::new();
        for n in 1..=32 {
            file.push_str(&format!("log {}\nwitness w{n} {}\ngroup g{n} all w{n}\n", log(n), witness(n)));
        }
        file.push_str("quorum g32\n");
        let policy = Policy::parse(file.as_bytes()).unwrap();
        assert_eq!((policy.logs().len(), policy.witnesses().count()), (32, 32));

        assert!(Policy::parse(&vec![b'#'; MAX_POLICY_LEN + 1]).is_err());
        let mut many = format!("witness g0 {}\n", witness(1));
        for n in 1..=MAX_DEFINITIONS {
            many.push_str(&format!("group g{n} all g{}\n", n - 1));
        }
        assert!(refused(&many).1.contains("definitions"));
        // As many as there may be, and the quorum, which defines nothing, wherever it stands.
        let cut = many.trim_end().rfind('\n').unwrap();
        let most = format!("quorum none\n{}\n", &many[..cut]);
        let policy = Policy::parse(most.as_bytes()).unwrap();
        assert_eq!(Policy::parse(&policy.encode()).unwrap(), policy);
    }

    proptest! {
        #[test]
        fn a_policy_is_read_back(
            logs in 0u8..4,
            thresholds in prop::collection::vec(0usize..4, 0..5),
            url in prop::option::of("[a-z:/\u{e9}]{1,12}"),
            quorum in any::<prop::sample::Index>(),
        ) {
            let url = url.map(|url| format!(" {url}")).unwrap_or_default();
            let mut file: String = (1..=logs).map(|n| format!("log {}{url}\n", log(n))).collect();
            let mut names = vec!["none".to_owned()];
            for (n, threshold) in thresholds.iter().enumerate() {
                let n = n as u8;
                file.push_str(&format!("witness a{n} {}{url}\nwitness b{n} {}\n", witness(2 * n + 1), witness(2 * n + 2)));
                file.push_str(&format!("group g{n} {} a{n} b{n}\n", ["all", "any", "1", "2"][*threshold]));
                names.extend([format!("a{n}"), format!("g{n}")]);
            }
            file.push_str(&format!("quorum {}\n", names[quorum.index(names.len())]));
            let policy = Policy::parse(file.as_bytes()).unwrap();
            prop_assert_eq!(Policy::parse(&policy.encode()).unwrap(), policy.clone());
            prop_assert_eq!(policy.encode().len(), file.len());
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..120), text in "(log|witness|group|quorum|none|all|1|a| |\n){0,20}",
        ) {
            let _ = Policy::parse(&bytes);
            if let Ok(policy) = Policy::parse(text.as_bytes()) {
                prop_assert_eq!(Policy::parse(&policy.encode()).unwrap(), policy);
            }
        }
    }
}
