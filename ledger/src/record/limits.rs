//! What a record may be at most. Every input is held against these before anything else looks at it.
//!
//! The numbers are DESIGN §12. Where one follows from another, the arithmetic stands beside it and is checked
//! when the crate is compiled.

/// Bytes of one envelope, the body of a record: 1 MiB.
pub const MAX_ENVELOPE: usize = 1024 * 1024;

/// Bytes of one statement: 720 KiB.
///
/// Base64 makes of them 720 · 1,024 · 4/3 = 983,040 bytes; 65,536 are left in the envelope for its type, its
/// punctuation and 16 signatures, each below 512 bytes even when a pretty printer indents them.
pub const MAX_STATEMENT: usize = 720 * 1024;

/// How deep JSON may be nested; the outermost object is at depth 1.
///
/// Of the real and official documents at hand the deepest, a CycloneDX 1.7 model card, has 12 levels; 32 leaves room for it
/// inside a predicate. The reader recurses once a level, so this also bounds its stack.
pub const MAX_DEPTH: usize = 32;

/// Members of objects and elements of arrays, all together, in one text.
///
/// Of the real documents at hand the fullest, a Croissant file, has 241. A parsed value takes about 100 bytes a member
/// beside its text, so this bounds what a text can cost beyond its own length to about 1 MB.
pub const MAX_MEMBERS: usize = 10_000;

/// The largest integer that every JSON reader agrees on: 2^53 − 1 (RFC 8259 §6, RFC 7493 §2.2).
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// The deepest tree of a keyspace (DESIGN §7): 2^40 buckets of 32 keys are 2^45 keys, more than any corpus has texts.
pub const MAX_T: u8 = 40;

/// Signatures of one envelope.
pub const MAX_SIGNATURES: usize = 16;

/// Bytes of one signature before base64. The longest known, P-256 in DER, has 72.
pub const MAX_SIGNATURE_BYTES: usize = 128;

/// Subjects of one statement. A model of more files has one subject, the root over them.
pub const MAX_SUBJECTS: usize = 256;

/// Different records that one predicate may name.
pub const MAX_REFS: usize = 256;

/// Keys that one record may register, rotate or revoke.
pub const MAX_KEYS: usize = 256;

/// Keys that one `party` may register: every one of them signs, and so does at least one registrar.
pub const MAX_PARTY_KEYS: usize = MAX_SIGNATURES - 1;

/// Bytes of the id of a party. It stands in the entry, which is never erased.
pub const MAX_PARTY_ID: usize = 255;

/// Bytes of the name of a kind.
pub const MAX_KIND: usize = 64;

/// Bytes of the header of an entry: 60 KiB, so that an entry fits the 16-bit length of an entry bundle (C2SP tlog-tiles).
pub const MAX_HEADER: usize = 60 * 1024;

// The envelope has room for the largest statement and the most signatures.
const _: () = assert!(MAX_STATEMENT.is_multiple_of(3));
const _: () = assert!(MAX_STATEMENT / 3 * 4 + MAX_SIGNATURES * 512 + 1024 <= MAX_ENVELOPE);

// The fullest header fits: each digest is 64 digits, two quotes and a comma, the id of a party may consist of
// characters that JSON escapes with a second byte, and the member names and numbers take less than 256 bytes.
const _: () = assert!(
    (MAX_SIGNATURES + MAX_KEYS + MAX_SUBJECTS + MAX_REFS) * 67 + 2 * MAX_PARTY_ID + MAX_KIND + 256 <= MAX_HEADER
);

// The fullest entry (header, digest, offset, count) fits an entry bundle.
const _: () = assert!(MAX_HEADER + (32 + 4 + 1) <= u16::MAX as usize);
