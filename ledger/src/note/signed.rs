//! The signed note: a text, and the signatures under it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{KeyHash, VerifierKey};
use super::name::KeyName;
use super::time::UnixSeconds;
use crate::error::{Code, Error, Result};

/// The most signatures that a note may carry. C2SP signed-note asks for at least 16; a public log with dozens of
/// witnesses stays below 64.
pub const MAX_SIGNATURES: usize = 64;

/// The longest note: 64 signatures of nearly 5 kB each, which is what post-quantum ones take, and 64 KiB of text.
pub const MAX_NOTE_LEN: usize = (64 * 5 + 64) * 1024;

/// What a signature line begins with: U+2014 and a space.
const DASH: &str = "— ";

/// A text with signatures, read and not verified.
///
/// ```text
/// <text, ending in a newline>
/// <an empty line>
/// — <key name> <base64(4-byte key hash ‖ signature)>
/// ```
///
/// Nothing in the text may be believed before [`verify`](Self::verify).
///
/// ```
/// # use ledger::note::{SignedNote, VerifierKey};
/// let key: VerifierKey = "example.com/log+702f3c70+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs".parse()?;
/// let note = "What the log says.\n\n\
///     — example.com/log cC88cL0TNkENVdHKVpp2wEESQZy+7UEdRJGFGwaTdYCpxqAAuLMAYgoSBbLDfn4stz7tFFgnJ7wbIZVRqGj88cKfKQ4=\n";
/// let verified = SignedNote::parse(note.as_bytes())?.verify(&[key])?;
/// assert_eq!(verified.text(), "What the log says.\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    key_hash: KeyHash,
    signature: Vec<u8>,
}

/// The text of a note that at least one known key signed, with those keys. Made by [`SignedNote::verify`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedNote {
    text: String,
    signers: Vec<VerifiedSigner>,
}

/// A key whose signature under a note verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSigner {
    key: VerifierKey,
    time: Option<UnixSeconds>,
}

impl SignedNote {
    /// A note of this text and these signatures.
    ///
    /// # Errors
    /// `note_invalid` for a text that no note can have, and for no or too many signatures.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self> {
        check_text(&text)?;
        check_count(signatures.len())?;
        Ok(Self { text, signatures })
    }

    /// Reads a note. Refuses what is longer than [`MAX_NOTE_LEN`], carries more than [`MAX_SIGNATURES`], is not UTF-8,
    /// has a control character other than the newline, or is not of the form to the last byte.
    ///
    /// # Errors
    /// `note_invalid`; `name_too_long` for the name in a signature line.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_NOTE_LEN {
            return Err(invalid(format!("{} bytes, more than {MAX_NOTE_LEN}", bytes.len())));
        }
        let note = core::str::from_utf8(bytes).map_err(|_| invalid("not UTF-8"))?;
        check_characters(note)?;
        // The text may have empty lines, so the last one divides.
        let divide = note.rfind("\n\n").ok_or_else(|| invalid("no empty line in front of the signatures"))?;
        let (text, signatures) = (&note[..=divide], &note[divide + 2..]);
        let lines = signatures.strip_suffix('\n').ok_or_else(|| invalid("the last line does not end"))?;
        check_count(lines.split('\n').count())?;
        // An error names the line by its number, never by what somebody wrote into it.
        let signatures = lines.split('\n').zip(1..);
        let signatures = signatures
            .map(|(line, n)| NoteSignature::parse(line).map_err(|error| error.at(format!("signature {n}"))))
            .collect::<Result<_>>()?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The bytes; what [`parse`](Self::parse) read is written the same.
    pub fn encode(&self) -> Vec<u8> {
        let mut note = format!("{}\n", self.text);
        for signature in &self.signatures {
            note.push_str(&signature.to_line());
        }
        note.into_bytes()
    }

    /// The text, which nobody has vouched for yet.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The signatures in their order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The same note with one more signature line; a line that is there already is not repeated.
    ///
    /// # Errors
    /// `note_invalid` above [`MAX_SIGNATURES`].
    pub fn with_signature(mut self, signature: NoteSignature) -> Result<Self> {
        if !self.signatures.contains(&signature) {
            check_count(self.signatures.len() + 1)?;
            self.signatures.push(signature);
        }
        Ok(self)
    }

    /// Whether a line claims to be by this key.
    pub fn names(&self, key: &VerifierKey) -> bool {
        self.signatures.iter().any(|signature| signature.is_by(key))
    }

    /// Verifies the signatures of the known keys and ignores the others. If the signature of a known key does not verify,
    /// the whole note is refused; so is a note that no known key signed.
    ///
    /// # Errors
    /// `note_invalid`, with the key's name.
    pub fn verify(&self, known: &[VerifierKey]) -> Result<VerifiedNote> {
        let mut signers: Vec<VerifiedSigner> = Vec::new();
        for signature in &self.signatures {
            let mut by = known.iter().filter(|key| signature.is_by(key));
            let Some(key) = by.next() else { continue };
            if by.any(|other| other != key) {
                return Err(invalid("two known keys have the same name and hash").at(key.name().as_str()));
            }
            let Some(time) = key.check(&self.text, &signature.signature) else {
                return Err(invalid("the signature of a known key does not verify").at(key.name().as_str()));
            };
            match signers.iter_mut().find(|signer| signer.key == *key) {
                // A cosigner that signed twice counts once, with its newer time.
                Some(signer) => signer.time = signer.time.max(time),
                None => signers.push(VerifiedSigner { key: key.clone(), time }),
            }
        }
        if signers.is_empty() {
            return Err(invalid("no known key signed the note"));
        }
        Ok(VerifiedNote { text: self.text.clone(), signers })
    }
}

impl NoteSignature {
    pub(super) fn new(name: KeyName, key_hash: KeyHash, signature: Vec<u8>) -> Self {
        Self { name, key_hash, signature }
    }

    /// Reads a signature line without its newline.
    ///
    /// # Errors
    /// `note_invalid`; `name_too_long` for its name.
    pub fn parse(line: &str) -> Result<Self> {
        let (name, bytes) = line
            .strip_prefix(DASH)
            .and_then(|rest| rest.split_once(' '))
            .ok_or_else(|| invalid("a signature line is `— <name> <base64>`"))?;
        let name = KeyName::parse(name)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| invalid("the signature is not canonical base64"))?;
        match bytes.split_first_chunk::<4>() {
            Some((hash, signature)) if !signature.is_empty() => {
                Ok(Self { name, key_hash: KeyHash::from_bytes(*hash), signature: signature.to_vec() })
            }
            _ => Err(invalid("the signature is too short")),
        }
    }

    /// The line, with its newline.
    pub fn to_line(&self) -> String {
        let bytes = [&self.key_hash.as_bytes()[..], &self.signature].concat();
        format!("{DASH}{} {}\n", self.name, STANDARD.encode(bytes))
    }

    /// The name of the key that the line claims to be by.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The hash of the key that the line claims to be by.
    pub const fn key_hash(&self) -> KeyHash {
        self.key_hash
    }

    fn is_by(&self, key: &VerifierKey) -> bool {
        self.key_hash == key.key_hash() && self.name == *key.name()
    }
}

impl VerifiedNote {
    /// The text that the signers signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The known keys that signed, each once, in the order of the lines.
    pub fn signers(&self) -> &[VerifiedSigner] {
        &self.signers
    }
}

impl VerifiedSigner {
    /// The key.
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The time that the signature carries: a cosignature does, a log's signature does not.
    pub const fn time(&self) -> Option<UnixSeconds> {
        self.time
    }
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Code::NoteInvalid, detail)
}

fn check_count(signatures: usize) -> Result<()> {
    if signatures == 0 || signatures > MAX_SIGNATURES {
        return Err(invalid(format!("{signatures} signatures, not 1 to {MAX_SIGNATURES}")));
    }
    Ok(())
}

fn check_characters(text: &str) -> Result<()> {
    match text.bytes().find(|&b| b < 0x20 && b != b'\n') {
        Some(control) => Err(invalid(format!("a control character, 0x{control:02x}"))),
        None => Ok(()),
    }
}

fn check_text(text: &str) -> Result<()> {
    if !text.ends_with('\n') {
        return Err(invalid("the text does not end in a newline"));
    }
    check_characters(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;
    use crate::note::{Cosigner, NoteSigner};

    fn signer(name: &str, seed: u8) -> NoteSigner {
        NoteSigner::from_seed(KeyName::parse(name).unwrap(), [seed; 32]).unwrap()
    }

    fn note(text: &str, signers: &[&NoteSigner]) -> SignedNote {
        SignedNote::new(text.to_owned(), signers.iter().map(|s| s.sign(text)).collect()).unwrap()
    }

    fn refused(bytes: &[u8]) -> String {
        let error = SignedNote::parse(bytes).unwrap_err();
        assert_eq!(error.code(), Code::NoteInvalid, "{error}");
        error.detail().to_owned()
    }

    #[test]
    fn the_last_empty_line_divides() {
        let log = signer("example.com/log", 1);
        for text in ["\n", "\n\n", "a\n\nb\n", "a\n\n", "— example.com/log AAAAAAAA\n\n— x\n"] {
            let note = note(text, &[&log]);
            let read = SignedNote::parse(&note.encode()).unwrap();
            assert_eq!(read.verify(&[log.verifier_key().clone()]).unwrap().text(), text);
        }
    }

    #[test]
    fn b14_sixteen_and_sixty_four_signatures_are_read_and_sixty_five_refused() {
        let signers: Vec<_> = (0..65u8).map(|n| signer(&format!("example.com/{n}"), n + 1)).collect();
        for count in [1, 16, 64] {
            let note = note("text\n", &signers[..count].iter().collect::<Vec<_>>());
            let known: Vec<_> = signers.iter().map(|s| s.verifier_key().clone()).collect();
            let verified = SignedNote::parse(&note.encode()).unwrap().verify(&known).unwrap();
            assert_eq!(verified.signers().len(), count);
        }
        let full = note("text\n", &signers[..64].iter().collect::<Vec<_>>());
        let one_more = [full.encode(), signers[64].sign("text\n").to_line().into_bytes()].concat();
        assert!(refused(&one_more).contains("65 signatures"));
        assert!(full.clone().with_signature(signers[64].sign("text\n")).is_err());
        assert_eq!(full.clone().with_signature(signers[3].sign("text\n")), Ok(full));
    }

    #[test]
    fn b14_what_is_not_of_the_form_is_refused() {
        let good = String::from_utf8(note("text\n", &[&signer("example.com/log", 1)]).encode()).unwrap();
        assert!(SignedNote::parse(good.as_bytes()).is_ok());
        for (from, to) in [
            ("— ", "- "),
            ("— ", "—"),
            ("— ", "—  "),
            ("— ", " — "),
            ("\n", "\r\n"),
            ("text\n\n", "text\n"),
            ("text", "te\u{0}xt"),
            ("text", "te\txt"),
            ("log ", "l+g "),
            ("log ", "l g "),
            ("log ", "l\u{2003}g "),
            ("example.com/log ", ""),
            ("example.com/log ", " "),
            ("==", "="),
            ("=\n", "=\n\n"),
            ("=\n", "= \n"),
            ("=\n", "="),
        ] {
            let wrong = good.replace(from, to);
            if wrong != good {
                refused(wrong.as_bytes());
            }
        }
        refused(b"");
        refused(b"\n\n");
        refused(b"text\n\n\n");
        refused(b"text\n\n\xe2\x80\x94 a \xff\n");
        refused(&vec![b'a'; MAX_NOTE_LEN + 1]);
    }

    #[test]
    fn b14_base64_has_one_spelling() {
        let line = "— example.com/log AAAAAAAA";
        assert!(NoteSignature::parse(line).is_ok());
        // Four bytes of hash and none of signature; bits that should be zero; another alphabet; no padding; too much.
        for bytes in ["AAAAAA==", "AAAAAAB=", "AAAA-AAA", "AAAAAAA", "AAAAAAAA=", "AAAA AAAA", ""] {
            assert!(NoteSignature::parse(&format!("— example.com/log {bytes}")).is_err(), "{bytes}");
        }
    }

    #[test]
    fn b14_a_known_key_whose_signature_fails_refuses_the_whole_note() {
        let (a, b) = (signer("example.com/a", 1), signer("example.com/b", 2));
        let text = "text\n".to_owned();
        let note = SignedNote::new(text, vec![a.sign("text\n"), b.sign("other\n")]).unwrap();
        assert!(note.verify(&[a.verifier_key().clone()]).is_ok());
        let both = [a.verifier_key().clone(), b.verifier_key().clone()];
        let error = note.verify(&both).unwrap_err();
        assert_eq!((error.code(), error.place()), (Code::NoteInvalid, Some("example.com/b")));
    }

    #[test]
    fn a_note_that_no_known_key_signed_is_refused() {
        let (a, b) = (signer("example.com/a", 1), signer("example.com/b", 2));
        let note = note("text\n", &[&a]);
        assert!(note.verify(&[b.verifier_key().clone()]).is_err());
        assert!(note.verify(&[]).is_err());
        // The same key under another name, and another key under the same name, are other keys.
        assert!(note.verify(&[signer("example.com/b", 1).verifier_key().clone()]).is_err());
        assert!(note.verify(&[signer("example.com/a", 2).verifier_key().clone()]).is_err());
    }

    #[test]
    fn a_cosignature_is_bound_to_its_time() {
        let witness = Cosigner::from_seed(KeyName::parse("witness.example").unwrap(), [3; 32]).unwrap();
        let (early, late) = (UnixSeconds::new(1_679_315_147).unwrap(), UnixSeconds::new(1_679_315_148).unwrap());
        let known = [witness.verifier_key().clone()];
        let signed = |lines| SignedNote::new("text\n".to_owned(), lines).unwrap();

        let note = signed(vec![witness.cosign("text\n", early)]);
        assert_eq!(note.verify(&known).unwrap().signers()[0].time(), Some(early));

        let mut moved = witness.cosign("text\n", early);
        moved.signature[7] += 1;
        assert!(signed(vec![moved]).verify(&known).is_err());

        // Twice by one witness counts once, with the newer time.
        let twice = signed(vec![witness.cosign("text\n", late), witness.cosign("text\n", early)]);
        let verified = twice.verify(&known).unwrap();
        assert_eq!((verified.signers().len(), verified.signers()[0].time()), (1, Some(late)));
    }

    #[test]
    fn a_time_beyond_the_limit_is_refused() {
        assert_eq!(UnixSeconds::new(1 << 63), None);
        let witness = Cosigner::from_seed(KeyName::parse("witness.example").unwrap(), [3; 32]).unwrap();
        let mut beyond = witness.cosign("text\n", UnixSeconds::new(0).unwrap());
        beyond.signature[0] = 0x80;
        let note = SignedNote::new("text\n".to_owned(), vec![beyond]).unwrap();
        assert!(note.verify(&[witness.verifier_key().clone()]).is_err());
    }

    proptest! {
        #[test]
        fn a_note_is_read_back(text in "[^\\x00-\\x1f]{0,40}(\n[^\\x00-\\x1f]{0,10}){0,4}", count in 1usize..5) {
            let text = format!("{text}\n");
            let signers: Vec<_> = (0..count).map(|n| signer(&format!("example.com/{n}"), n as u8 + 1)).collect();
            let note = note(&text, &signers.iter().collect::<Vec<_>>());
            let bytes = note.encode();
            let read = SignedNote::parse(&bytes).unwrap();
            prop_assert_eq!(&read, &note);
            prop_assert_eq!(read.encode(), bytes);
        }

        #[test]
        fn b14_no_flipped_bit_verifies(at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let log = signer("example.com/log", 1);
            let mut bytes = note("example.com/log\n7\nroot\n", &[&log]).encode();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let verified = SignedNote::parse(&bytes).and_then(|n| n.verify(&[log.verifier_key().clone()]));
            prop_assert!(verified.is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_what_is_read_is_written_the_same(
            bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(a|\n|— | |b AAAAAAAA\n){0,12}",
        ) {
            let _ = SignedNote::parse(&bytes);
            if let Ok(note) = SignedNote::parse(text.as_bytes()) {
                prop_assert_eq!(note.encode(), text.into_bytes());
            }
        }
    }
}
