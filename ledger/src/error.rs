//! What can go wrong, by stable code.
//!
//! One table gives every code its kind (who is at fault), HTTP status, exit code, title and hint, so that the
//! server, the command line and the documents cannot disagree. The library itself never prints: it returns an
//! [`Error`] with the code, the place and the detail, and those who talk to people add the rest from the table.

use core::fmt;

/// Who is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Their bytes are not of the form.
    Malformed,
    /// Well-formed, and refused by a rule or a policy.
    Rejected,
    /// A signature, a proof or a binding does not hold.
    Unverified,
    /// There is nothing under that name.
    NotFound,
    /// Our own store is damaged.
    Corrupt,
    /// Try again later: overload, a full disk, the network.
    Unavailable,
    /// Somebody else moved the head of the log.
    Superseded,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $kind:ident, $http:literal, $exit:literal, $title:literal, $hint:literal;)*) => {
        /// A stable code. Its text never changes its meaning and is never used again for another.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The text on the wire and on the screen.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// Who is at fault.
            pub const fn kind(self) -> Kind {
                match self { $(Code::$name => Kind::$kind,)* }
            }

            /// The HTTP status of an answer that carries this code.
            pub const fn http_status(self) -> u16 {
                match self { $(Code::$name => $http,)* }
            }

            /// The exit code of a command that fails with this code.
            pub const fn exit_code(self) -> u8 {
                match self { $(Code::$name => $exit,)* }
            }

            /// One sentence that says what is wrong.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// One sentence that says what to do.
            pub const fn hint(self) -> &'static str {
                match self { $(Code::$name => $hint,)* }
            }
        }
    };
}

codes! {
    // Limits and encodings.
    TooLarge = "too_large", Malformed, 413, 2, "The input is larger than the limit.", "Split it, or move large parts out and refer to them by digest.";
    EncodingRefused = "encoding_refused", Malformed, 415, 2, "The request body is compressed or encoded.", "Send the plain bytes without Content-Encoding.";
    MediaTypeRefused = "media_type_refused", Malformed, 415, 2, "The request body is not of a type that this address takes.", "Send JSON with `Content-Type: application/json`.";
    RequestTimeout = "request_timeout", Unavailable, 408, 20, "The request body arrived too slowly.", "Send it again over a better connection, or in smaller parts.";
    LengthRequired = "length_required", Malformed, 411, 2, "The request has no Content-Length.", "Send the whole body with its length, not in chunks.";
    TooMany = "too_many", Malformed, 422, 2, "A list is longer than the limit.", "Split the record, or name one digest over all parts.";
    NameTooLong = "name_too_long", Malformed, 422, 2, "A name is longer than 255 bytes.", "Use a shorter name.";

    // JSON.
    JsonSyntax = "json_syntax", Malformed, 400, 2, "The text is not JSON.", "Mend the text at the line and column named.";
    JsonDuplicateKey = "json_duplicate_key", Malformed, 400, 2, "An object has the same member twice.", "Remove one of the two; readers would disagree about which one counts.";
    JsonNumber = "json_number", Malformed, 400, 2, "A number is not an integer within ±(2^53−1).", "Write decimals and large numbers as strings.";
    JsonDepth = "json_depth", Malformed, 400, 2, "The JSON is nested more than 32 deep.", "Flatten the document.";
    JsonMembers = "json_members", Malformed, 400, 2, "The JSON has more than 10,000 members.", "Split the record.";
    TextRefused = "text_refused", Malformed, 400, 2, "A text is not acceptable: bad UTF-8, a byte order mark, U+0000, a lone surrogate, or a bidirectional control in a name.", "Save the file as UTF-8 without a byte order mark and remove the character named.";

    // Records.
    Schema = "schema", Malformed, 422, 2, "A member is missing, of the wrong type, or not of this kind.", "See the schema of the kind under /schemas/<kind>.json.";
    CardInvalid = "card_invalid", Malformed, 422, 2, "A card or a metadata file cannot be read.", "Run `colophon card lint FILE`: it points to line and column, and prints mended metadata where it can.";
    Base64 = "base64_refused", Malformed, 400, 2, "A member is not base64 with padding.", "Encode the bytes with the standard alphabet and padding.";
    SignatureCount = "signature_count", Malformed, 422, 10, "An envelope carries 1 to 16 signatures.", "Sign at least once, and with at most 16 keys.";
    SignatureInvalid = "signature_invalid", Unverified, 422, 10, "A signature does not verify.", "The file was changed after signing, or signed with another key: fetch it again, or sign it again.";
    Threshold = "threshold", Rejected, 422, 10, "Too few different keys signed.", "Collect signatures of more of the required keys; the same key twice counts once.";
    KeyRefused = "key_refused", Rejected, 422, 10, "The public key is weak, not canonical, or of an unknown algorithm.", "Make a new key with `colophon key new`.";
    KeyUnreadable = "key_unreadable", Malformed, 422, 2, "The private key cannot be opened.", "Check the file and the password; `openssl pkey -in FILE -noout` opens the same keys.";
    KeyTaken = "key_taken", Rejected, 422, 14, "The key belongs to another party.", "Make a new key; a key belongs to one party for ever.";
    SignerUnknown = "signer_unknown", Rejected, 403, 14, "The signer is not a registered key of the issuer.", "Ask an operator of the log to register the party, or sign with a registered key.";
    SignerRevoked = "signer_revoked", Rejected, 403, 15, "The signer's key was revoked before this entry.", "Sign with a key that is in force.";
    IssuerMismatch = "issuer_mismatch", Rejected, 403, 14, "No signature is by a key of the party that the record names as issuer.", "Sign with a key of the issuer, or name the party that signs.";
    RoleRefused = "role_refused", Rejected, 403, 14, "The log's policy does not let this party register this kind of record.", "See entry 0 for the roles that may register this kind.";
    Redacted = "redacted", Rejected, 410, 2, "The record's body was redacted.", "The retraction named says by whom and why.";
    PhaseRefused = "phase_refused", Rejected, 422, 14, "This step cannot follow where the agreement stands.", "See the agreement's steps with `colophon agreement status`.";
    CommentPeriod = "comment_period", Rejected, 422, 14, "The public has not had the time for comments that the policy gives it.", "Wait until comments were open for the days named; the log's own times count.";
    AgreementIncomplete = "agreement_incomplete", Rejected, 422, 14, "The agreement lacks what ratification needs.", "Propose it again with a summary, an impact assessment and a rollback plan.";
    VetoLate = "veto_late", Rejected, 422, 14, "The time for a veto is over.", "What is ratified can be suspended or ended by the council.";
    NotRedactable = "not_redactable", Rejected, 422, 2, "Records of this kind are never redacted.", "Structural records hold no free text. Retract it without `redaction`.";
    TargetUnknown = "target_unknown", Rejected, 422, 3, "The record that this one is about is not in the log.", "Send that record first, and check its id.";
    SubjectCap = "subject_cap", Rejected, 422, 14, "There are as many statements of unvouched keys about this as the policy allows.", "Ask a steward to vouch for those that deserve it, to have the others erased, or to speak for you.";
    SignerSetCap = "signer_set_cap", Rejected, 422, 14, "The record stands in the log under as many sets of signers as it may.", "Collect the signatures in one envelope before you send it: it carries 16.";
    Unvouched = "unvouched", Rejected, 422, 14, "Nobody vouches for the key that signed this.", "Ask a steward of the log to vouch for the record.";
    IssuedDoubtful = "issued_doubtful", Unverified, 422, 15, "The record says that it was issued at another time than the log received it.", "Rely on the order of the entries; only they say what came first.";
    WrongLog = "wrong_log", Rejected, 422, 2, "The record is meant for another log.", "Send it to the log that it names.";

    // Notes, proofs, bindings.
    BundleInvalid = "bundle_invalid", Malformed, 400, 2, "The file is not a Colophon bundle.", "Fetch the bundle of the record again from its log.";
    EntryInvalid = "entry_invalid", Malformed, 422, 12, "The entry is not of the one form that an entry has.", "Fetch it again from its log; if it fails again, report the log with the file.";
    NoteInvalid = "note_invalid", Malformed, 400, 10, "The note is not a signed note, or a known key's signature fails.", "Fetch the checkpoint again from its log.";
    PolicyInvalid = "policy_invalid", Malformed, 400, 2, "The policy file is not a tlog-policy.", "Mend the line named; see c2sp.org/tlog-policy.";
    ProofInvalid = "proof_invalid", Unverified, 400, 11, "The proof does not lead from the entry to the root.", "Fetch the proof again; if it fails again, report the log with both files.";
    BindingMismatch = "binding_mismatch", Unverified, 422, 12, "Two things that must be the same are not.", "The file named does not belong to this record: check that nothing was swapped.";
    OriginMismatch = "origin_mismatch", Unverified, 422, 12, "The checkpoint is of another log.", "Check that the bundle and the pinned policy speak of the same log.";
    Withheld = "withheld", Unverified, 422, 11, "The log keeps back a body that no retraction erased.", "Ask again; if it fails again, keep the checkpoint and report the log.";
    Rollback = "rollback", Unverified, 409, 13, "The log showed a smaller tree than it showed before.", "Keep the evidence file and send it to the log's witnesses.";
    Fork = "fork", Unverified, 409, 13, "The log showed two trees that do not extend one another.", "Keep the evidence file and send it to the log's witnesses.";
    PolicyUnmet = "policy_unmet", Unverified, 422, 14, "Too few witnesses cosigned, or the log's key is not the pinned one.", "Wait for the witnesses, or check the pinned policy.";
    NoPolicy = "no_policy", Rejected, 422, 14, "No log is pinned, so nothing can be trusted.", "Pin one with `colophon log trust --policy FILE`, or pass --policy.";
    DisputedKey = "disputed_key", Rejected, 422, 15, "The signer's key may have been stolen before it signed.", "See the key-event that revokes the key; ask the issuer to sign again with a new one.";
    TimeDoubtful = "time_doubtful", Unverified, 422, 15, "The log says that it received the record later than a witness saw it.", "Rely on the order of the entries, not on the times that this log claims.";
    IndexRootRefused = "index_root_refused", Rejected, 422, 11, "The root is not the one that follows from the entries of this log.", "Rebuild the index with `colophon log audit`; sign what `colophon log index-root` offers.";
    IndexUnavailable = "index_unavailable", NotFound, 404, 20, "The log has no root of its index to prove an answer with.", "Follow the log instead: an answer from all of its entries needs no index.";
    Withdrawn = "withdrawn", Rejected, 422, 15, "The record was withdrawn, or its signer's key revoked.", "See the record that withdraws it.";

    // Manifests.
    ManifestInvalid = "manifest_invalid", Malformed, 422, 2, "The manifest's files do not agree with its header.", "Build it again with `colophon manifest build`.";
    SourceInvalid = "source_invalid", Malformed, 422, 2, "A dataset file cannot be read.", "Mend or fetch again the file named; nothing was written.";
    WikiUnknown = "wiki_unknown", Malformed, 422, 2, "The dump does not say which wiki it is of.", "Name it with `--wiki NAME`, for example `--wiki enwiki`.";
    AccountRefused = "account_refused", Rejected, 422, 2, "The question names an account, and accounts are never keyed.", "Ask for pages, revisions or text; expand an account into them on your own side.";
    BulkRefused = "bulk_refused", Rejected, 422, 2, "So many questions to one keyspace, asked so finely, would tell who asks.", "Ask for three keys at most, with prefixes of at most 12 bits (`--bits 12`), or with `--local`, which tells nobody anything.";
    ManifestClosed = "manifest_closed", Rejected, 403, 2, "The manifest is closed: its keys are shown only among a thousand others.", "Ask by a shorter prefix, as `colophon ask` does by itself.";
    OutputExists = "output_exists", Rejected, 409, 2, "The output folder exists and is not empty.", "Choose a folder that does not exist yet.";
    WorkDiffers = "work_differs", Rejected, 409, 2, "A build of something else was begun here.", "Run it to its end with the source and the options that it was begun with, or remove the folder named to begin anew.";
    WorkLocked = "work_locked", Unavailable, 503, 2, "Another process builds here.", "Wait for it, or stop it: what it has finished is kept.";
    FileAccess = "file_access", Unavailable, 500, 1, "A file cannot be read or written.", "Check the path, its permissions and the free space.";
    PathRefused = "path_refused", Malformed, 422, 2, "A path leaves its folder or names a file twice.", "Use relative paths without `..`.";
    ManifestUnknown = "manifest_unknown", NotFound, 404, 3, "No manifest record of the ledger names this keyspace.", "Publish the manifest record first.";
    UploadTaken = "upload_taken", Rejected, 409, 2, "Another party uploads this keyspace.", "Wait until it ends, or ask the operator, who can place the folder with `colophon log manifest add`.";
    QuotaExceeded = "quota_exceeded", Rejected, 413, 2, "The upload is larger than the party's quota.", "Ask the operator, who can place the folder with `colophon log manifest add`.";

    // Asking.
    NotFound = "not_found", NotFound, 404, 3, "There is nothing here under that name.", "Check the address or the id.";
    MethodNotAllowed = "method_not_allowed", Malformed, 405, 2, "This address does not take that method.", "See /openapi.json.";
    RangeRefused = "range_refused", Malformed, 416, 2, "The range is not in the file.", "Ask for bytes within the length given.";
    BadRequest = "bad_request", Malformed, 400, 2, "The request is not of the form this address takes.", "See /openapi.json.";

    // Ours.
    StoreCorrupt = "store_corrupt", Corrupt, 503, 1, "The stored data is damaged.", "Run `colophon log fsck --dir LOG`.";
    StoreMissing = "store_missing", NotFound, 503, 2, "There is no log in this folder.", "Create one with `colophon log init --dir LOG`.";
    StoreExists = "store_exists", Rejected, 409, 2, "There is a log in this folder already.", "Serve it with `colophon log serve --dir LOG`, or choose another folder.";
    StoreLocked = "store_locked", Unavailable, 503, 2, "Another process has this log open.", "Stop the other process first.";
    IndexHangs = "index_hangs", Corrupt, 503, 1, "The index does not open.", "Fill it again from the journal with `colophon log reindex --dir LOG`.";
    LogKeyMismatch = "log_key_mismatch", Rejected, 503, 14, "The key is not the one that signed this log's checkpoints.", "Bring back the log's own key; a log never changes it.";
    GuardMissing = "guard_missing", Corrupt, 503, 1, "The commit guard is missing.", "Restore the guard folder from where it was moved; never make a new one.";
    GuardRolledBack = "guard_rolled_back", Corrupt, 503, 13, "The commit guard is older than what this log has shown.", "Restore the newest guard; signing on would fork the log.";
    StoreBehindGuard = "store_behind_guard", Corrupt, 503, 13, "The data is older than the commit guard.", "Restore the newest data; signing on would fork the log.";
    Overloaded = "overloaded", Unavailable, 503, 20, "The log is at its limit.", "Try again after the time given in Retry-After.";
    RateLimited = "rate_limited", Unavailable, 429, 20, "Too many requests from this key or address.", "Try again after the time given in Retry-After.";
    DiskFull = "disk_full", Unavailable, 507, 1, "The disk is full.", "Free space. A log is read-only meanwhile and resumes by itself; a build goes on when the same command is run again.";
    AwaitingWitnesses = "awaiting_witnesses", Unavailable, 202, 20, "The record is durable and not yet cosigned.", "Ask again at the status URL.";
    CheckpointStale = "checkpoint_stale", Unavailable, 503, 20, "The newest published checkpoint is old.", "Look at the log's witnesses and at its clock; new records are kept and wait.";
    Stopping = "stopping", Unavailable, 503, 20, "The log is stopping.", "Send it again in a moment; a repeated record gets the same index.";
    ClockRefused = "clock_refused", Unavailable, 503, 1, "The clock is behind the last entry or ran ahead.", "Set the clock right; the log resumes by itself, or after an hour where a machine was suspended, and at a start.";
    Superseded = "superseded", Superseded, 503, 1, "Another writer moved the head of this log.", "Stop one of the two; only one may write.";
    Unreachable = "unreachable", Unavailable, 503, 20, "The log could not be reached.", "Check the network and the address, then try again.";
    Internal = "internal", Corrupt, 500, 1, "This should not have happened.", "Report it with the command and its output.";
    Usage = "usage", Malformed, 400, 2, "The command cannot be carried out as given.", "See --help.";
}

impl Code {
    /// The code with this text, if there is one.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

/// Whether a disk has no room, or this user may not have it.
pub fn is_full(source: &std::io::Error) -> bool {
    matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure: its code, the place it was found at, and what was found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: Code,
    place: Option<String>,
    detail: String,
}

/// The result of this library's fallible functions.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl Error {
    /// An error with its code and a sentence that says what was found.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, place: None, detail: detail.into() }
    }

    /// Names the place: a JSON pointer, `line 3 column 7`, a file with its offset, a link of the verification.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Who is at fault.
    pub const fn kind(&self) -> Kind {
        self.code.kind()
    }

    /// The place, where there is one.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// What was found.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}: {place}: {}", self.code, self.detail),
            None => write!(f, "{}: {}", self.code, self.detail),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_text_and_can_be_found_by_it() {
        for code in Code::ALL {
            assert_eq!(Code::from_text(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn no_code_exits_with_success() {
        for code in Code::ALL {
            assert_ne!(code.exit_code(), 0, "{code}");
        }
    }
}
