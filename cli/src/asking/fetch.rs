//! Replies by prefix and headers, from the cache or the log, verified before anything looks at them.

use ledger::Code;
use ledger::manifest::{Header, Keyspace, MAX_HEADER, MetaMode, VerifiedRange};
use sha2::{Digest as _, Sha256};

use super::{Asker, contents};
use crate::failure::{CliError, Result};
use crate::files;

/// 2^16 buckets of 32 keys with their rows are 96 MiB; anything larger is no reply.
const MAX_REPLY: u64 = 256 * 1024 * 1024;

/// Why a keyspace cannot answer; only `proof_invalid` is somebody's fault.
#[derive(Debug, Clone)]
pub(super) struct Cannot {
    pub(super) code: Code,
    pub(super) reason: String,
}

impl Cannot {
    pub(super) fn proof(reason: impl Into<String>) -> Self {
        Self { code: Code::ProofInvalid, reason: reason.into() }
    }

    /// Why a file could not be had, if that is no failure of the command: nobody here holds it, or it is not shown.
    pub(super) fn of(error: CliError) -> Result<Self> {
        match error.code() {
            Code::NotFound | Code::ManifestUnknown => {
                Ok(Self { code: error.code(), reason: "files not held by this log".to_owned() })
            }
            Code::ManifestClosed => {
                let reason = "the manifest is closed: the log shows no more of it than replies by short prefixes";
                Ok(Self { code: error.code(), reason: reason.to_owned() })
            }
            _ => Err(error),
        }
    }
}

/// A reply that was fetched: verified, or the reason why this keyspace cannot answer.
pub(super) type Fetched = std::result::Result<VerifiedRange, Cannot>;

impl Asker<'_> {
    /// All keys under a prefix, verified; the error is a reason to show.
    pub(super) fn range(&mut self, keyspace: &Keyspace, depth: u8, prefix: u64) -> Result<&Fetched> {
        let place = (contents(keyspace), depth, prefix);
        if !self.ranges.contains_key(&place) {
            let range = self.fetch_range(keyspace, depth, prefix)?;
            self.ranges.insert(place, range);
        }
        self.ranges.get(&place).ok_or_else(|| CliError::new(Code::Internal, "a reply was lost"))
    }

    fn fetch_range(&self, keyspace: &Keyspace, depth: u8, prefix: u64) -> Result<Fetched> {
        let path = self.folder.join(keyspace.id().to_hex()).join(format!("{depth}-{prefix}"));
        if let Ok(bytes) = files::read(&path, usize::try_from(MAX_REPLY).unwrap_or(usize::MAX))
            && let Ok(range) = VerifiedRange::verify(keyspace, depth, prefix, &bytes)
        {
            return Ok(Ok(range));
        }
        let address = self.client.reply_address(keyspace.id(), depth, prefix, MetaMode::Rows);
        let bytes = match self.client.get_up_to(&address, MAX_REPLY) {
            Ok(reply) => reply.bytes,
            Err(error) => return Cannot::of(error).map(Err),
        };
        match VerifiedRange::verify(keyspace, depth, prefix, &bytes) {
            Ok(range) => {
                if let Some(folder) = path.parent() {
                    // A cache that cannot be written costs time, not the answer.
                    let _ = files::make_dir(folder).and_then(|()| files::write(&path, &bytes));
                }
                Ok(Ok(range))
            }
            Err(error) => Ok(Err(Cannot::proof(error.detail()))),
        }
    }

    /// The header of a keyspace, whose digest the signed record holds: it names the licences and the wiki.
    pub(super) fn header(&mut self, keyspace: &Keyspace) -> Result<Option<&Header>> {
        Ok(self.stated(keyspace)?.as_ref().map(|(header, _)| header))
    }

    /// Whether the header says something else of the keyspace than the signed row that names it.
    pub(super) fn is_not_its_headers(&mut self, keyspace: &Keyspace) -> Result<bool> {
        Ok(self.stated(keyspace)?.as_ref().is_some_and(|(_, stated)| stated != keyspace))
    }

    fn stated(&mut self, keyspace: &Keyspace) -> Result<&Option<(Header, Keyspace)>> {
        let id = keyspace.id();
        if !self.headers.contains_key(&id) {
            let path = self.folder.join(id.to_hex()).join("header.json");
            let genuine = |bytes: &Vec<u8>| {
                bytes.len() <= MAX_HEADER && Sha256::digest(bytes).as_slice() == id.as_bytes().as_slice()
            };
            let bytes = match files::read(&path, MAX_HEADER).ok().filter(genuine) {
                Some(bytes) => Some(bytes),
                None => {
                    let found = self.client.find(&format!("/manifests/{id}/header.json"))?.map(|reply| reply.bytes);
                    let found = found.filter(genuine);
                    if let (Some(bytes), Some(folder)) = (&found, path.parent()) {
                        let _ = files::make_dir(folder).and_then(|()| files::write(&path, bytes));
                    }
                    found
                }
            };
            let header = bytes.and_then(|bytes| Header::parse(&bytes).ok());
            self.headers.insert(id, header);
        }
        self.headers.get(&id).ok_or_else(|| CliError::new(Code::Internal, "a header was lost"))
    }
}
