//! The worked examples of `docs/FORMAT.md` and `docs/FORMAT-manifest.md` are what the code makes.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use ledger::Code;
use ledger::entry::Entry;
use ledger::ids::{LeafIndex, to_hex};
use ledger::manifest::Kind;
use ledger::merkle::LeafHash;
use ledger::record::Record;
use ledger::testing::MemoryLog;

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

#[track_caller]
fn stands(page: &str, text: &str) {
    assert!(page.contains(text), "the page lacks:\n{text}");
}

#[test]
fn the_worked_example_is_what_the_code_makes() {
    let log = MemoryLog::new();
    let body = log.body(LeafIndex(0));
    let record = Record::parse(body).unwrap();
    let entry = log.entry(LeafIndex(0));
    let header = entry.len() - 37;
    let policy = String::from_utf8(log.policy().encode()).unwrap();
    let note = String::from_utf8(log.note()).unwrap();
    let page = page("FORMAT.md");
    let example = format!(
        "keyid        {}\nrecord id    {}\nbody         {}\nheader       {}\nsuffix       {}\nleaf         {}\n\n{policy}\n{note}",
        log.operator().key_id(),
        record.id,
        record.body,
        String::from_utf8_lossy(&entry[..header]),
        to_hex(&entry[header..]),
        to_hex(LeafHash::of_entry(entry).as_bytes()),
    );
    stands(&page, &example);
    assert_eq!(Entry::decode(entry).unwrap().body, record.body);
}

#[test]
fn every_kind_of_content_key_stands_in_the_table_with_its_number() {
    let page = page("FORMAT-manifest.md");
    for kind in Kind::ALL {
        stands(&page, &format!("| {} | `{}` |", kind.number(), kind.as_str()));
    }
}

#[test]
fn every_code_that_a_verification_can_end_with_is_named_with_its_exit_code() {
    let page = page("FORMAT.md");
    let codes = [
        Code::BundleInvalid,
        Code::ProofInvalid,
        Code::NoteInvalid,
        Code::OriginMismatch,
        Code::PolicyUnmet,
        Code::Fork,
        Code::SignatureInvalid,
        Code::SignatureCount,
        Code::Threshold,
        Code::SignerUnknown,
        Code::SignerRevoked,
        Code::IssuerMismatch,
        Code::RoleRefused,
        Code::KeyTaken,
        Code::EntryInvalid,
        Code::BindingMismatch,
        Code::WrongLog,
        Code::DisputedKey,
        Code::TimeDoubtful,
        Code::KeyRefused,
        Code::Schema,
    ];
    for code in codes {
        stands(&page, &format!("{code}` | {} |", code.exit_code()));
    }
}
