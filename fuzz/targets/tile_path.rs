//! Paths of tiles and bundles, and what is inside them: one spelling, and hashes that lead to the root of the entries.

#![no_main]

use colophon_fuzz::seeds;
use ledger::Error;
use ledger::ids::TreeSize;
use ledger::merkle::tile::data::leaf_hashes;
use ledger::merkle::{
    CompactRange, EntryBundleId, LeafHash, TileId, Tiles, decode_bundle, decode_tile, encode_bundle, encode_tile,
    tree_root,
};
use libfuzzer_sys::fuzz_target;

const SEEDS: [&[u8]; 8] = [
    b"tile/0/x001/x234/067",
    b"tile/63/000.p/255",
    b"tile/entries/x018/x446/x744/x073/x709/x551/615",
    b"tile/entries/273.p/1",
    b"\x02\x00\x00\x03abc\x00\x01d",
    b"\x01\x000123456789abcdef0123456789abcdef",
    b"\x00\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
];

fuzz_target!(init: seeds(SEEDS), |data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        paths(text);
    }
    if let Some((numbers, _)) = data.split_first_chunk::<19>() {
        names(numbers);
    }
    if let Some((width, rest)) = data.split_first_chunk() {
        contents(u16::from_le_bytes(*width), rest);
    }
});

fn paths(text: &str) {
    let (tile, bundle) = (TileId::parse(text), EntryBundleId::parse(text));
    assert!(tile.is_err() || bundle.is_err());
    assert!(tile.is_err() || tile.is_ok_and(|tile| tile.path() == text));
    assert!(bundle.is_err() || bundle.is_ok_and(|bundle| bundle.path() == text));
}

/// Level, index, width and the size of a tree.
fn names(numbers: &[u8; 19]) {
    let number = |at: usize| u64::from_le_bytes(numbers[at..at + 8].try_into().expect("8 bytes"));
    let (level, index, size) = (numbers[0], number(1), TreeSize(number(11)));
    let width = u16::from_le_bytes([numbers[9], numbers[10]]);
    let tiles = [TileId::new(level, index, width), TileId::in_tree(level, index, size)];
    for tile in tiles.into_iter().flatten().chain(TileId::partials_of(size)) {
        assert_eq!(TileId::parse(&tile.path()), Ok(tile));
        assert_eq!(
            tile.to_full().is_full(),
            tile.to_full() == TileId::new(tile.level(), tile.index(), 256).expect("full")
        );
    }
    let bundles = [EntryBundleId::new(index, width), EntryBundleId::in_tree(index, size)];
    for bundle in bundles.into_iter().flatten() {
        assert_eq!(EntryBundleId::parse(&bundle.path()), Ok(bundle));
    }
    // What a tree publishes beside full tiles adds up to its size.
    let partials = TileId::partials_of(size).fold(0u64, |sum, tile| {
        assert_eq!(TileId::in_tree(tile.level(), tile.index(), size), Some(tile));
        sum + (u64::from(tile.width()) << (8 * tile.level()))
    });
    assert_eq!(partials, size.0);
}

fn contents(width: u16, bytes: &[u8]) {
    if let Ok(hashes) = decode_tile(bytes, width) {
        assert_eq!((hashes.len(), encode_tile(&hashes)), (usize::from(width), bytes.to_vec()));
    }
    let Ok(entries) = decode_bundle(bytes, width) else { return };
    assert_eq!(entries.len(), usize::from(width));
    assert_eq!(encode_bundle(&entries).expect("each was short enough"), bytes);

    let entries = &entries[..entries.len().min(256)];
    let size = TreeSize(entries.len() as u64);
    let tile = encode_tile(&leaf_hashes(entries));
    let tiles = Tiles::new(size, |_| Ok::<_, Error>(tile.clone()));
    let mut range = CompactRange::new();
    entries.iter().for_each(|entry| range.append(LeafHash::of_entry(entry), &mut |_, _, _| {}));
    assert_eq!(tree_root(&tiles, size).expect("all hashes are in the tile"), range.root());
}
