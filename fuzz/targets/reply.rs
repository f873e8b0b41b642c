//! Replies about keyspaces: whatever a server sends, a key is present if it is in the keyspace, absent if it is not, or
//! there is no answer. So it is with whole keyspaces, and with universes and bitmaps.
//!
//! Bytes that begin as a reply does are read as they are. Any others are changes to what a server would send.

#![no_main]

use std::sync::LazyLock;

use colophon_fuzz::{edit, seeds};
use ledger::ids::ContentKey;
use ledger::manifest::mediawiki::Wiki;
use ledger::manifest::{
    About, Answer, Bitmap, Builder, Header, Item, KeyLen, Keyspace, Kind, Meta, MetaMode, Source, Spec, Universe,
    VerifiedRange, key, open,
};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

/// How many keys the keyspaces hold; as many more are asked for.
const KEYS: u64 = 300;

/// The keys that are asked for; the first [`KEYS`] are there.
static ASKED: LazyLock<Vec<ContentKey>> =
    LazyLock::new(|| (0..2 * KEYS).map(|n| key::raw_sha256(&n.to_be_bytes())).collect());

struct Space {
    keyspace: Keyspace,
    header: Vec<u8>,
    /// Every reply: its depth and prefix, and its bytes.
    replies: Vec<(u8, u64, Vec<u8>)>,
    keys: Vec<u8>,
    rows: Vec<u8>,
}

/// Whole keys with rows, whole keys without, and short keys with rows.
static SPACES: LazyLock<[Space; 3]> = LazyLock::new(|| {
    let builder = || Builder::new(Spec::of_kind(Kind::RawSha256).expect("a kind without a form"));
    [builder(), builder().without_meta(), builder().key_len(KeyLen::Compact)].map(space)
});

static UNIVERSE: LazyLock<(Universe, Vec<u8>)> = LazyLock::new(|| {
    let wiki: Wiki = "enwiki".parse().expect("a wiki");
    Universe::new(Kind::MwPage, &wiki, vec![1, 2, 5, 300, 1 << 40]).expect("few numbers")
});

fuzz_target!(init: seeds(genuine()), |data: &[u8]| {
    if data.starts_with(b"colophon/reply") {
        // The prefix that it says it is for: any client may have asked for that one.
        let Some((&[depth, ref prefix @ ..], _)) = data.get(26..).and_then(|rest| rest.split_first_chunk::<9>()) else {
            return;
        };
        SPACES.iter().for_each(|space| space.judge(depth, u64::from_be_bytes(*prefix), data));
    } else if data.starts_with(b"colophon/") {
        numbers(data);
    } else if data.starts_with(b"{") {
        header(data);
    } else {
        let _ = changed(&mut Unstructured::new(data));
    }
});

fn space(mut builder: Builder) -> Space {
    let folder = std::env::temp_dir().join(format!("colophon-fuzz-{}", std::process::id()));
    for (n, key) in (0..KEYS).zip(&*ASKED) {
        builder.push(*key, Item { license: (n % 2) as u16, ordinal: n }).expect("held in memory");
    }
    let source = Source { sha256: "00".repeat(32), bytes: 1, items: KEYS, reader: "digests".into(), wiki: None };
    let licenses = vec!["CC0-1.0".into(), "MIT".into()];
    let about = About { source, coverage: "Every item.".into(), licenses };
    let (header, keyspace) = builder.finish(&folder, about).expect("the folder for temporary files can be written");
    let own = folder.join(keyspace.id().to_hex());
    let files = open(&own).expect("it was just made");
    let mut replies = Vec::new();
    for depth in 0..=keyspace.t() {
        for prefix in 0..1 << depth {
            for mode in [MetaMode::Rows, MetaMode::Digests] {
                replies.push((depth, prefix, files.reply(depth, prefix, mode).expect("a prefix of the tree")));
            }
        }
    }
    let read = |name| std::fs::read(own.join(name)).unwrap_or_default();
    let (keys, rows) = (read("keys.bin"), read("meta.bin"));
    std::fs::remove_dir_all(&folder).expect("it is ours");
    Space { header: header.to_bytes().expect("a header"), keyspace, replies, keys, rows }
}

fn genuine() -> Vec<Vec<u8>> {
    let replies = SPACES.iter().flat_map(|space| space.replies.iter().step_by(7).map(|(_, _, reply)| reply.clone()));
    let headers = SPACES.iter().map(|space| space.header.clone());
    let (universe, file) = &*UNIVERSE;
    let bitmap = Bitmap::new(universe, [1, 300]).expect("numbers of the universe");
    let changes = (0..6).map(|n| vec![n % 3, n / 3, n, 0]);
    replies.chain(headers).chain(changes).chain([file.clone(), bitmap.file().to_vec()]).collect()
}

impl Space {
    fn judge(&self, depth: u8, prefix: u64, reply: &[u8]) {
        let Ok(range) = VerifiedRange::verify(&self.keyspace, depth, prefix, reply) else { return };
        let mut present = 0;
        for (n, asked) in (0..).zip(&*ASKED) {
            let answer = range.answer(asked);
            assert_eq!(answer.is_some(), self.keyspace.prefix(asked, depth) == prefix);
            let Some(answer) = answer else { continue };
            assert_eq!(answer.is_present(), n < KEYS);
            if let Answer::Present { meta, proof } = answer {
                let genuine = Meta { license: (n % 2) as u16, multiplicity: 1, ordinal: n };
                assert!(meta.is_none_or(|meta| meta == genuine));
                assert_eq!((proof.depth(), proof.keys()), (depth, range.len()));
                present += 1;
            }
        }
        assert_eq!(present, range.len());
    }
}

fn changed(input: &mut Unstructured<'_>) -> Result<()> {
    let space = input.choose(&*SPACES)?;
    if input.arbitrary()? {
        let (mut keys, mut rows) = (space.keys.clone(), space.rows.clone());
        while !input.is_empty() {
            edit(if input.arbitrary()? { &mut keys } else { &mut rows }, input)?;
        }
        let holds = space.keyspace.verify_whole(&mut &keys[..], &mut &rows[..]).is_ok();
        assert_eq!(holds, keys == space.keys && rows == space.rows);
        return Ok(());
    }
    let (mut depth, mut prefix, mut reply) = space.replies[input.choose_index(space.replies.len())?].clone();
    if input.arbitrary()? {
        (depth, prefix) = (input.arbitrary()?, input.arbitrary::<u8>()?.into());
    }
    while !input.is_empty() {
        edit(&mut reply, input)?;
    }
    space.judge(depth, prefix, &reply);
    Ok(())
}

fn numbers(data: &[u8]) {
    if let Ok(universe) = Universe::parse(data) {
        let (same, file) = Universe::new(universe.kind(), universe.wiki(), universe.ids().to_vec()).expect("as many");
        assert_eq!((same, file), (universe, data.to_vec()));
    }
    if let Ok(bitmap) = Bitmap::parse(data.to_vec()) {
        let (universe, _) = &*UNIVERSE;
        assert_eq!(bitmap.file(), data);
        for id in universe.ids() {
            let Some(held) = bitmap.holds(universe, *id) else { return };
            assert_eq!(held, bitmap.held(universe).any(|other| other == *id));
        }
        assert_eq!(bitmap.held(universe).count() as u64, bitmap.ones());
    }
}

fn header(data: &[u8]) {
    if let Ok((header, keyspace)) = Header::parse(data) {
        assert_eq!(header.to_bytes().expect("it was read"), data);
        assert_eq!(Keyspace::declared(&header.to_declaration(&keyspace)), Ok(keyspace));
    }
}
