//! Content keys: one digest for one way of asking for an item.
//!
//! ```text
//! key = SHA-256(0x00 ‖ "colophon/key/v1" ‖ u16 kind ‖ u32 length ‖ canonical bytes)      big-endian
//!
//! kind                     canonical bytes
//! raw-sha256               SHA-256 of the item's bytes
//! text-n1, para-n1         SHA-256 of the text or paragraph in normal form n1, as UTF-8
//! span-n1                  SHA-256 of a span, as UTF-8
//! url-c1, host             the canonical URL or its host, ASCII
//! mw-page, mw-rev          u8 length ‖ wiki ‖ u64 number
//! mw-title                 u8 length ‖ wiki ‖ i32 namespace ‖ title, UTF-8
//! mw-sha1, media-sha1      the 20 bytes of the SHA-1
//! wikidata-qid             Q and the number, ASCII
//! swhid, iscc              the canonical identifier, ASCII
//! ```
//!
//! The kinds that hold content take its digest, so that published lists of digests and streams are enough to make a
//! key. No function here takes an account: there is no such kind. DESIGN §7.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use crate::ids::ContentKey;
use crate::manifest::iscc::Iscc;
use crate::manifest::kind::Kind;
use crate::manifest::mediawiki::{Title, Wiki};
use crate::manifest::normal::N1;
use crate::manifest::sha1::Sha1Name;
use crate::manifest::swhid::Swhid;
use crate::manifest::url::{CanonicalUrl, Host};
use crate::manifest::wikidata::Qid;

/// The key of an item's bytes as they stand in the data file.
pub fn raw_sha256(item: &[u8]) -> ContentKey {
    hash(Kind::RawSha256, &Sha256::digest(item))
}

/// The key of a whole text.
pub fn text_n1(text: &N1) -> ContentKey {
    hash(Kind::TextN1, &Sha256::digest(text.as_str()))
}

/// The key of one paragraph; [`super::paragraph()`] says which are long enough to have one.
pub fn para_n1(paragraph: &N1) -> ContentKey {
    hash(Kind::ParaN1, &Sha256::digest(paragraph.as_str()))
}

/// The key of one span, as [`super::spans`] picks it.
pub fn span_n1(span: &str) -> ContentKey {
    hash(Kind::SpanN1, &Sha256::digest(span))
}

/// The key of content of which only the digest is known: of an item's bytes, or of a text in normal form. `None` for a
/// kind whose canonical bytes are not a digest.
pub fn of_digest(kind: Kind, digest: &[u8; 32]) -> Option<ContentKey> {
    (kind.is_text() || kind == Kind::RawSha256).then(|| hash(kind, digest))
}

/// The key of a URL.
pub fn url_c1(url: &CanonicalUrl) -> ContentKey {
    hash(Kind::UrlC1, url.as_str().as_bytes())
}

/// The key of a host.
pub fn host(host: &Host) -> ContentKey {
    hash(Kind::Host, host.as_str().as_bytes())
}

/// The key of a wiki's page, by its number.
pub fn mw_page(wiki: &Wiki, page: u64) -> ContentKey {
    hash(Kind::MwPage, &wiki_bytes(wiki, &page.to_be_bytes(), b""))
}

/// The key of a revision of a wiki's page, by its number.
pub fn mw_rev(wiki: &Wiki, revision: u64) -> ContentKey {
    hash(Kind::MwRev, &wiki_bytes(wiki, &revision.to_be_bytes(), b""))
}

/// The key of a wiki's page, by its title. A [`Title`] is never an account's.
pub fn mw_title(wiki: &Wiki, title: &Title) -> ContentKey {
    hash(Kind::MwTitle, &wiki_bytes(wiki, &title.namespace().to_be_bytes(), title.text().as_bytes()))
}

/// The key of a revision's text, by the SHA-1 that MediaWiki gives it.
pub fn mw_sha1(name: &Sha1Name) -> ContentKey {
    hash(Kind::MwSha1, name.as_bytes())
}

/// The key of a Wikidata item.
pub fn wikidata_qid(item: Qid) -> ContentKey {
    hash(Kind::WikidataQid, item.to_string().as_bytes())
}

/// The key of a file content, by its Software Heritage identifier.
pub fn swhid(id: &Swhid) -> ContentKey {
    hash(Kind::Swhid, id.to_string().as_bytes())
}

/// The key of a media file, by its SHA-1.
pub fn media_sha1(name: &Sha1Name) -> ContentKey {
    hash(Kind::MediaSha1, name.as_bytes())
}

/// The key of an International Standard Content Code.
pub fn iscc(code: &Iscc) -> ContentKey {
    hash(Kind::Iscc, code.as_str().as_bytes())
}

fn wiki_bytes(wiki: &Wiki, number: &[u8], text: &[u8]) -> Vec<u8> {
    // A wiki's name is at most 63 bytes, so one byte holds its length.
    let mut out = vec![wiki.as_str().len() as u8];
    out.extend_from_slice(wiki.as_str().as_bytes());
    out.extend_from_slice(number);
    out.extend_from_slice(text);
    out
}

/// What stands before the canonical bytes: a tag of 16 bytes, the kind, the length.
const HEAD: usize = 16 + 2 + 4;

/// Every canonical form is short (the longest, a URL, has 8 KiB), so its length fits four bytes.
fn hash(kind: Kind, canonical: &[u8]) -> ContentKey {
    let mut head = *b"\x00colophon/key/v1\0\0\0\0\0\0";
    head[16..18].copy_from_slice(&kind.number().to_be_bytes());
    head[18..].copy_from_slice(&(canonical.len() as u32).to_be_bytes());
    let key = in_one_block(&head, canonical)
        .unwrap_or_else(|| Sha256::new().chain_update(head).chain_update(canonical).finalize().into());
    ContentKey::from_bytes(key)
}

/// SHA-256 of what fits one block with its padding: 33 canonical bytes, a digest or the number of a page. That is nearly
/// every key of a large build, and the general way around the one compression costs as much as that itself.
fn in_one_block(head: &[u8; HEAD], canonical: &[u8]) -> Option<[u8; 32]> {
    // FIPS 180-4, section 5.3.3.
    const FIRST: [u32; 8] =
        [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
    let len = HEAD + canonical.len();
    let mut block = [0; 64];
    block[..HEAD].copy_from_slice(head);
    block[..56].get_mut(HEAD..len)?.copy_from_slice(canonical);
    // One bit, zeros, and the length in bits, which fits the last two bytes.
    *block[..56].get_mut(len)? = 0x80;
    block[62..].copy_from_slice(&(len as u16 * 8).to_be_bytes());
    let mut state = FIRST;
    compress256(&mut state, &[block]);
    let mut digest = [0; 32];
    for (place, word) in digest.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_hashed_bytes_are_as_written() {
        let wiki: Wiki = "enwiki".parse().unwrap();
        let mut bytes = b"\x00colophon/key/v1\x00\x07\x00\x00\x00\x0f\x06enwiki".to_vec();
        bytes.extend_from_slice(&42u64.to_be_bytes());
        assert_eq!(mw_page(&wiki, 42).as_bytes(), &<[u8; 32]>::from(Sha256::digest(&bytes)));
    }

    #[test]
    fn what_fits_one_block_is_hashed_as_what_does_not() {
        for len in 0..200usize {
            let canonical: Vec<u8> = (0..len).map(|i| (i * 7 + len) as u8).collect();
            let mut bytes = b"\x00colophon/key/v1\x00\x01".to_vec();
            bytes.extend_from_slice(&(len as u32).to_be_bytes());
            bytes.extend_from_slice(&canonical);
            assert_eq!(Kind::RawSha256.number(), 1);
            assert_eq!(
                hash(Kind::RawSha256, &canonical).as_bytes(),
                &<[u8; 32]>::from(Sha256::digest(&bytes)),
                "{len}"
            );
        }
    }

    #[test]
    fn kinds_never_share_a_key() {
        let wiki: Wiki = "enwiki".parse().unwrap();
        let n1 = N1::of("same words");
        let keys = [
            raw_sha256(b"same words"),
            text_n1(&n1),
            para_n1(&n1),
            mw_page(&wiki, 7),
            mw_rev(&wiki, 7),
            mw_title(&wiki, &Title::new(0, "same words").unwrap()),
            url_c1(&"http://same.words".parse().unwrap()),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(keys[..i].iter().all(|other| other != key));
        }
    }

    #[test]
    fn a_digest_is_enough_for_content_and_for_nothing_else() {
        let n1 = N1::of("Some  Words");
        let digest = Sha256::digest("some words").into();
        assert_eq!(of_digest(Kind::TextN1, &digest), Some(text_n1(&n1)));
        assert_eq!(of_digest(Kind::ParaN1, &digest), Some(para_n1(&n1)));
        assert_eq!(of_digest(Kind::RawSha256, &Sha256::digest("x").into()), Some(raw_sha256(b"x")));
        for kind in [Kind::UrlC1, Kind::Host, Kind::MwPage, Kind::MwRev, Kind::MwTitle, Kind::Swhid] {
            assert_eq!(of_digest(kind, &digest), None);
        }
    }
}
