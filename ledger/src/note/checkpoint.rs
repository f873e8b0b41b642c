//! The checkpoint: what a log says of itself, in three lines that it signs.

use super::name::Origin;
use super::signed::SignedNote;
use super::signer::{Cosigner, NoteSigner};
use super::time::UnixSeconds;
use crate::error::{Code, Error, Result};
use crate::ids::TreeSize;
use crate::merkle::RootHash;

/// A log's statement of its size and root (C2SP tlog-checkpoint).
///
/// ```text
/// <origin>
/// <size, decimal>
/// <root, base64>
/// [<extension lines>]
/// ```
///
/// ```
/// # use ledger::ids::TreeSize;
/// # use ledger::merkle::RootHash;
/// # use ledger::note::{Checkpoint, Origin};
/// let text = "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
/// let checkpoint = Checkpoint::parse(text)?;
/// assert_eq!((checkpoint.size(), checkpoint.root()), (TreeSize(0), RootHash::EMPTY));
/// assert_eq!(checkpoint, Checkpoint::new(Origin::parse("example.com/log")?, TreeSize(0), RootHash::EMPTY));
/// assert_eq!(checkpoint.encode(), text);
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: Origin,
    size: TreeSize,
    root: RootHash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines: nobody audits what these say, so this log has none.
    pub const fn new(origin: Origin, size: TreeSize, root: RootHash) -> Self {
        Self { origin, size, root, extensions: Vec::new() }
    }

    /// Reads the text of a note. Refuses another number of lines than three or more, an empty line, a size with a leading
    /// zero or a sign, base64 that is not canonical, and an empty tree whose root is not the empty one.
    ///
    /// # Errors
    /// `note_invalid`, with the line; `name_too_long` for the origin.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.strip_suffix('\n').ok_or_else(|| invalid(1, "the last line does not end"))?;
        let mut lines = lines.split('\n');
        let mut next = |number, what| lines.next().ok_or_else(|| invalid(number, what));
        let origin = Origin::parse(next(1, "no origin")?).map_err(|e| Error::from(e).at("line 1"))?;
        let size: TreeSize = next(2, "no size")?.parse().map_err(|_| invalid(2, "the size is not a plain decimal"))?;
        let root: RootHash = next(3, "no root")?.parse().map_err(|_| invalid(3, "the root is not a hash in base64"))?;
        if size == TreeSize(0) && root != RootHash::EMPTY {
            return Err(invalid(3, "the root of an empty tree is SHA-256 of nothing"));
        }
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if let Some(at) = extensions.iter().position(|line| line.is_empty() || line.bytes().any(|b| b < 0x20)) {
            return Err(invalid(4 + at, "an extension line is empty or has a control character"));
        }
        Ok(Self { origin, size, root, extensions })
    }

    /// The text.
    pub fn encode(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Of which log it is.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How many entries the tree has.
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// The tree's root.
    pub const fn root(&self) -> RootHash {
        self.root
    }

    /// Further lines, which mean nothing here.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

/// The bytes of a note with this checkpoint, the log's signature, and these cosignatures in their order.
///
/// The log's key must be named like the origin: a [`Policy`](super::Policy) finds the key by that name.
///
/// # Errors
/// `origin_mismatch` for a key of another name; `note_invalid` for more signatures than a note carries.
pub fn sign_checkpoint(
    checkpoint: &Checkpoint,
    log: &NoteSigner,
    cosigners: &[(&Cosigner, UnixSeconds)],
) -> Result<Vec<u8>> {
    let name = log.verifier_key().name();
    if *checkpoint.origin() != *name {
        let detail = format!("a key named {name} cannot sign for {}", checkpoint.origin());
        return Err(Error::new(Code::OriginMismatch, detail));
    }
    let text = checkpoint.encode();
    let mut signatures = vec![log.sign(&text)];
    signatures.extend(cosigners.iter().map(|(cosigner, at)| cosigner.cosign(&text, *at)));
    Ok(SignedNote::new(text, signatures)?.encode())
}

fn invalid(line: usize, detail: &str) -> Error {
    Error::new(Code::NoteInvalid, format!("not a checkpoint: {detail}")).at(format!("line {line}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;
    use crate::note::KeyName;

    const ROOT: &str = "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=";

    #[test]
    fn b14_what_is_no_checkpoint_is_refused() {
        let good = format!("example.com/log\n15\n{ROOT}\n");
        assert_eq!(Checkpoint::parse(&good).unwrap().encode(), good);
        for (text, line) in [
            (String::new(), 1),
            ("\n".to_owned(), 1),
            (format!("\n15\n{ROOT}\n"), 1),
            ("example.com/log\n".to_owned(), 2),
            (format!("example.com/log\n\n{ROOT}\n"), 2),
            (format!("example.com/log\n015\n{ROOT}\n"), 2),
            (format!("example.com/log\n+15\n{ROOT}\n"), 2),
            (format!("example.com/log\n-1\n{ROOT}\n"), 2),
            (format!("example.com/log\n 15\n{ROOT}\n"), 2),
            (format!("example.com/log\n18446744073709551616\n{ROOT}\n"), 2),
            ("example.com/log\n15\n".to_owned(), 3),
            ("example.com/log\n15\n\n".to_owned(), 3),
            (format!("example.com/log\n15\n{}\n", ROOT.replace("cs=", "ct=")), 3),
            (format!("example.com/log\n15\n{}\n", ROOT.replace('=', "")), 3),
            (format!("example.com/log\n15\n{}\n", ROOT.replace('/', "_")), 3),
            (format!("example.com/log\n15\n {ROOT}\n"), 3),
            (format!("example.com/log\n0\n{ROOT}\n"), 3),
            (format!("{good}\n"), 4),
            (format!("{good}more\n\n"), 5),
            (format!("{good}mo\tre\n"), 4),
            (good.trim_end().to_owned(), 1),
            (format!("{}\n15\n{ROOT}\n", "a".repeat(256)), 1),
            (format!("example.com/\u{7}\n15\n{ROOT}\n"), 1),
        ] {
            let error = Checkpoint::parse(&text).unwrap_err();
            assert_eq!(error.place(), Some(format!("line {line}").as_str()), "{text:?}: {error}");
        }
    }

    #[test]
    fn extension_lines_are_kept() {
        let text = format!("example.com/log\n15\n{ROOT}\none\n— two\n");
        let checkpoint = Checkpoint::parse(&text).unwrap();
        assert_eq!(checkpoint.extensions(), ["one", "— two"]);
        assert_eq!(checkpoint.encode(), text);
    }

    #[test]
    fn a_log_signs_for_its_own_origin_only() {
        let log = NoteSigner::from_seed(KeyName::parse("example.com/log").unwrap(), [1; 32]).unwrap();
        let of = |origin| Checkpoint::new(Origin::parse(origin).unwrap(), TreeSize(0), RootHash::EMPTY);
        assert!(sign_checkpoint(&of("example.com/log"), &log, &[]).is_ok());
        let error = sign_checkpoint(&of("example.com/other"), &log, &[]).unwrap_err();
        assert_eq!(error.code(), Code::OriginMismatch);
    }

    proptest! {
        #[test]
        fn a_checkpoint_is_read_back(origin in "[a-z./]{1,40}", size in 1u64.., root in any::<[u8; 32]>()) {
            let origin = Origin::parse(&origin).unwrap();
            let checkpoint = Checkpoint::new(origin, TreeSize(size), RootHash::from_bytes(root));
            prop_assert_eq!(Checkpoint::parse(&checkpoint.encode()), Ok(checkpoint));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "(a|\n|0|1|47DEQpj8HBSa\\+/TImW\\+5JCeuQeRkm5NMpJWZG3hSuFU=\n){0,8}") {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.encode(), text);
            }
        }
    }
}
