//! The proof that something was logged, as one file: C2SP tlog-proof.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::signed::MAX_NOTE_LEN;
use crate::error::{Code, Error, Result};
use crate::ids::LeafIndex;
use crate::merkle::{MAX_PROOF_HASHES, NodeHash, Proof};

/// The first line.
pub const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The most bytes of extra data. Nothing that we write has any; 64 KiB is as much as a log entry may hold.
pub const MAX_EXTRA_LEN: usize = 64 * 1024;

/// The longest proof: its note, its extra data in base64 (4 bytes for 3), its hashes of 44 characters and a newline, and
/// 1 KiB for the three lines around them.
pub const MAX_TLOG_PROOF_LEN: usize = MAX_NOTE_LEN + MAX_EXTRA_LEN / 3 * 4 + MAX_PROOF_HASHES * 45 + 1024;

/// An inclusion proof with the checkpoint that it leads to. Read and not verified.
///
/// ```text
/// c2sp.org/tlog-proof@v1
/// [extra <base64>]
/// index <decimal>
/// <hash, base64>
/// …
///
/// <checkpoint note, verbatim>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Data that nothing vouches for. Ours has none.
    pub extra: Option<Vec<u8>>,
    /// Where the entry stands.
    pub index: LeafIndex,
    /// The way from the entry to the root.
    pub proof: Proof,
    /// The bytes of the signed checkpoint, verbatim.
    pub checkpoint: Vec<u8>,
}

impl TlogProof {
    /// Reads a proof. The checkpoint is taken as it stands.
    ///
    /// # Errors
    /// `proof_invalid`, with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_TLOG_PROOF_LEN {
            return Err(invalid(1, &format!("{} bytes, more than {MAX_TLOG_PROOF_LEN}", bytes.len())));
        }
        let mut lines = Lines { rest: bytes, number: 0 };
        if lines.next()? != HEADER {
            return Err(invalid(1, &format!("the first line is not {HEADER}")));
        }
        let mut line = lines.next()?;
        let extra = match line.strip_prefix("extra ") {
            None => None,
            Some(extra) => {
                let extra = STANDARD.decode(extra).map_err(|_| lines.invalid("the extra data is not base64"))?;
                if extra.len() > MAX_EXTRA_LEN {
                    return Err(lines.invalid("too much extra data"));
                }
                line = lines.next()?;
                Some(extra)
            }
        };
        let index = line.strip_prefix("index ").ok_or_else(|| lines.invalid("no index"))?;
        let index = index.parse().map_err(|_| lines.invalid("the index is not a plain decimal"))?;
        let mut hashes: Vec<NodeHash> = Vec::new();
        loop {
            let line = lines.next()?;
            if line.is_empty() {
                break;
            }
            hashes.push(line.parse().map_err(|_| lines.invalid("not a hash in base64"))?);
            if hashes.len() > MAX_PROOF_HASHES {
                return Err(lines.invalid("more hashes than any proof needs"));
            }
        }
        Ok(Self { extra, index, proof: Proof::new(hashes)?, checkpoint: lines.rest.to_vec() })
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let lines = HEADER.len() + 45 * self.proof.hashes().len() + 40;
        let mut text = String::with_capacity(lines + self.checkpoint.len());
        text.push_str(HEADER);
        if let Some(extra) = &self.extra {
            text.push_str("\nextra ");
            STANDARD.encode_string(extra, &mut text);
        }
        text.push_str(&format!("\nindex {}\n", self.index));
        for hash in self.proof.hashes() {
            STANDARD.encode_string(hash.as_bytes(), &mut text);
            text.push('\n');
        }
        text.push('\n');
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.checkpoint);
        bytes
    }
}

/// The lines in front of the checkpoint, each with its number for whoever has to mend it.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str> {
        self.number += 1;
        let end = self.rest.iter().position(|&b| b == b'\n').ok_or_else(|| self.invalid("the text ends too early"))?;
        let line = core::str::from_utf8(&self.rest[..end]).map_err(|_| self.invalid("not UTF-8"))?;
        self.rest = &self.rest[end + 1..];
        Ok(line)
    }

    fn invalid(&self, detail: &str) -> Error {
        invalid(self.number, detail)
    }
}

fn invalid(line: usize, detail: &str) -> Error {
    Error::new(Code::ProofInvalid, format!("not a tlog-proof: {detail}")).at(format!("line {line}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=";

    #[test]
    fn a_proof_of_a_single_entry_has_no_hashes() {
        let text = "c2sp.org/tlog-proof@v1\nindex 0\n\nexample.com/log\n1\n";
        let proof = TlogProof::parse(text.as_bytes()).unwrap();
        assert_eq!((proof.index, proof.proof.hashes().len()), (LeafIndex(0), 0));
        assert_eq!(proof.checkpoint, b"example.com/log\n1\n");
        assert_eq!(proof.encode(), text.as_bytes());
    }

    #[test]
    fn b12_what_is_no_proof_is_refused_with_its_line() {
        let long = format!("{HEADER}\nindex 1\n{}\nnote", format!("{HASH}\n").repeat(64));
        for (text, line) in [
            (String::new(), 1),
            ("c2sp.org/tlog-proof@v2\nindex 0\n\n".to_owned(), 1),
            (format!("{HEADER}\r\nindex 0\n\n"), 1),
            (format!("{HEADER}\nindex 00\n\n"), 2),
            (format!("{HEADER}\nindex\n\n"), 2),
            (format!("{HEADER}\nextra AAAA\n\n"), 3),
            (format!("{HEADER}\nextra AAA\nindex 0\n\n"), 2),
            (format!("{HEADER}\nindex 0\nextra AAAA\n\n"), 3),
            (format!("{HEADER}\nindex 0\n{HASH}"), 3),
            (format!("{HEADER}\nindex 0\n{HASH}\n{HASH}=\n\n"), 4),
            (format!("{HEADER}\nindex 0\n {HASH}\n\n"), 3),
            (long, 66),
        ] {
            let error = TlogProof::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), Code::ProofInvalid);
            assert_eq!(error.place(), Some(format!("line {line}").as_str()), "{text:?}: {error}");
        }
        assert!(TlogProof::parse(&vec![b'a'; MAX_TLOG_PROOF_LEN + 1]).is_err());
    }

    proptest! {
        #[test]
        fn a_proof_is_read_back(
            extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
            index in any::<u64>(),
            hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=63),
            checkpoint in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let hashes = hashes.into_iter().map(NodeHash::from_bytes).collect();
            let proof = TlogProof { extra, index: LeafIndex(index), proof: Proof::new(hashes).unwrap(), checkpoint };
            prop_assert_eq!(TlogProof::parse(&proof.encode()), Ok(proof));
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes in "(index |extra |0|1|AAAA|\n|a){0,12}") {
            let bytes = format!("{HEADER}\n{bytes}");
            if let Ok(proof) = TlogProof::parse(bytes.as_bytes()) {
                prop_assert_eq!(proof.encode(), bytes.into_bytes());
            }
        }
    }
}
