//! Signed notes and what a log says with them: checkpoints, cosignatures, policies and proofs of logging.
//!
//! Pure, and strict in what it reads: one spelling for every number, name and base64. It holds no opinion on which keys
//! to trust; the caller brings [`VerifierKey`]s or a [`Policy`]. ML-DSA-44 cosignatures (type 0x06) are carried as
//! unknown signatures and not yet verified.
//!
//! Start reading at [`SignedNote`]. Sources: C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy,
//! tlog-proof.

pub mod checkpoint;
pub mod key;
pub mod name;
pub mod policy;
pub mod signed;
pub mod signer;
pub mod time;
pub mod tlog_proof;

pub use checkpoint::{Checkpoint, sign_checkpoint};
pub use key::{Algorithm, KeyError, KeyHash, VerifierKey};
pub use name::{KeyName, NameError, Origin};
pub use policy::{AcceptedCheckpoint, Policy};
pub use signed::{NoteSignature, SignedNote, VerifiedNote};
pub use signer::{Cosigner, NoteSigner};
pub use time::UnixSeconds;
pub use tlog_proof::TlogProof;
