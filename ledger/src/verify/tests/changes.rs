//! Any change of a whole bundle: it does not verify, or it reads the same.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::bundle::Link;
use crate::merkle::{NodeHash, Proof};

/// The whole bundle that is then changed; made once, for it takes a dozen signatures.
static WHOLE: LazyLock<(Story, Bundle)> = LazyLock::new(|| {
    let story = Story::new();
    let bundle = story.bundle();
    (story, bundle)
});

/// Which bytes of a link to change.
fn bytes_of(link: &mut Link, field: usize) -> &mut Vec<u8> {
    match field {
        0 => &mut link.envelope,
        1 => &mut link.entry,
        _ => &mut link.proof.checkpoint,
    }
}

fn part(bundle: &mut Bundle, part: usize) -> &mut Link {
    match part {
        0 => &mut bundle.record,
        1 => &mut bundle.key_history[0],
        _ => &mut bundle.policy,
    }
}

proptest! {
    #[test]
    fn no_flipped_bit_of_any_part_verifies(
        which in 0usize..3, field in 0usize..3, at in any::<Index>(), bit in 0u8..8,
    ) {
        let (story, mut bundle) = (&WHOLE.0, WHOLE.1.clone());
        let bytes = bytes_of(part(&mut bundle, which), field);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(story.report(&bundle).verdict, Verdict::Failed);
    }

    #[test]
    fn no_cut_or_added_byte_of_any_part_verifies(
        which in 0usize..3, field in 0usize..3, at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let (story, mut bundle) = (&WHOLE.0, WHOLE.1.clone());
        let bytes = bytes_of(part(&mut bundle, which), field);
        let before = bytes.clone();
        let at = at.index(bytes.len());
        if cut {
            bytes.remove(at);
        } else {
            bytes.insert(at, byte);
        }
        prop_assume!(*bytes != before);
        prop_assert_eq!(story.report(&bundle).verdict, Verdict::Failed);
    }

    #[test]
    fn no_other_index_or_hash_of_any_part_verifies(
        which in 0usize..3, index in 0u64..8, at in any::<Index>(), bit in 0usize..256,
    ) {
        let (story, mut bundle) = (&WHOLE.0, WHOLE.1.clone());
        let link = part(&mut bundle, which);
        if link.proof.index == LeafIndex(index) {
            let mut hashes = link.proof.proof.hashes().to_vec();
            let at = at.index(hashes.len());
            let mut hash = *hashes[at].as_bytes();
            hash[bit / 8] ^= 1 << (bit % 8);
            hashes[at] = NodeHash::from_bytes(hash);
            link.proof.proof = Proof::new(hashes).unwrap();
        } else {
            link.proof.index = LeafIndex(index);
        }
        prop_assert_eq!(story.report(&bundle).verdict, Verdict::Failed);
    }

    #[test]
    fn a_changed_file_verifies_only_if_it_reads_the_same(
        edits in prop::collection::vec((any::<Index>(), prop::option::of("[\\x00-\\x7f]|[\"{}\\[\\],: \n]"), any::<bool>()), 1..4),
    ) {
        let (story, original) = &*WHOLE;
        let mut file = original.encode().unwrap();
        for (at, insert, replace) in edits {
            let at = at.index(file.len());
            let end = if replace || insert.is_none() { at + 1 } else { at };
            file.splice(at..end, insert.unwrap_or_default().into_bytes());
        }
        let report = verify_bytes(&file, &story.trust(), &[artifact(FILE, 7)]);
        if report.verdict == Verdict::Verified {
            let read = Bundle::parse(&file);
            prop_assert_eq!(read.as_ref(), Ok(original));
        } else {
            prop_assert!(report.exit_code(false) != 0);
            prop_assert!(report.failed().is_some());
        }
    }
}
