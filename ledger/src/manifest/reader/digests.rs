//! A list of digests, for whoever publishes digests and not content.
//!
//! ```text
//! # a comment
//! ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
//! ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a name, which is not read
//! ```

use crate::error::{Code, Error, Result};
use crate::ids::from_hex;
use crate::manifest::key;
use crate::manifest::reader::input::Input;
use crate::manifest::reader::{Read, ReadItem, ReadOptions, Sink};

pub(super) fn read(input: &mut Input, options: &ReadOptions, sink: &mut Sink<'_>) -> Result<()> {
    let kind = options.digest_kind;
    if key::of_digest(kind, &[0; 32]).is_none() {
        return Err(Error::new(Code::Usage, format!("a key of {kind} is not made from a digest")));
    }
    let mut line = Vec::new();
    loop {
        let start = input.reader.position();
        if !input.line(&mut line)? {
            return Ok(());
        }
        let text = line.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        let word = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        // sha256sum marks a name with special characters by a backslash before the digest.
        let word = word.strip_prefix(b"\\").unwrap_or(word);
        let digest = core::str::from_utf8(word).ok().and_then(|word| from_hex(&word.to_ascii_lowercase()).ok());
        let Some(digest) = digest else {
            return Err(input.place.wrong("the line does not begin with 64 hexadecimal digits", start));
        };
        sink(Read::Item(Box::new(ReadItem { digest: Some((kind, digest)), ..ReadItem::default() })))?;
    }
}
