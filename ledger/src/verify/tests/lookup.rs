//! Must-show 4 of the complete answers: whatever is hidden from an answer under an honest root is noticed by the client,
//! and whatever a false root hides or invents is noticed by whoever rebuilds the index.
//!
//! A few hundred generated attempts of each by default; all 10,000 with
//! `COLOPHON_ATTEMPTS=10000 cargo test -p colophon-ledger --lib verify::tests::lookup -- --nocapture`.

use std::collections::BTreeMap;

use super::*;
use crate::entry::{Entry, Header};
use crate::error::Result;
use crate::ids::{RecordId, TreeSize, TrieKey, TrieRoot};
use crate::merkle::{NodeHash, Nodes, Proof};
use crate::record::Record;
use crate::record::kinds::IndexRoot;
use crate::testing::Dice;
use crate::trie::{
    Draft, ListHead, Lookup, LookupPage, MemoryRows, Rebuild, Term, TrieProof, page_root, prove, prove_page,
};

fn attempts() -> u64 {
    std::env::var("COLOPHON_ATTEMPTS").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

impl Dice {
    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// An index over the first `size` entries of some headers, without one of them under one term.
fn index(headers: &[Header], size: usize, hidden: Option<(&Term, usize)>) -> (MemoryRows, TrieRoot) {
    let (mut rows, mut draft) = (MemoryRows::default(), Draft::default());
    for (at, header) in headers.iter().enumerate().take(size) {
        for term in Term::of(header) {
            if hidden != Some((&term, at)) {
                draft.append(term.key(), LeafIndex(at as u64));
            }
        }
    }
    let root = draft.seal(&rows).unwrap();
    rows.absorb(draft);
    (rows, root)
}

fn header_of(log: &MemoryLog, at: u64) -> Header {
    Entry::decode(log.entry(LeafIndex(at))).unwrap().header
}

fn index_root(log: &mut MemoryLog, size: u64, root: TrieRoot, previous: Option<RecordId>) -> (LeafIndex, RecordId) {
    let mut predicate =
        json!({ "issuer": { "id": "example-log" }, "issued": ISSUED, "size": size, "root": root.to_hex() });
    if let Some(previous) = previous {
        predicate["previous"] = json!(previous.to_reference());
    }
    let subjects = IndexRoot { size, root, previous: None }.subjects();
    let operator = PrivateKey::from_ed25519_seed([4; 32]);
    let body = sign(Kind::IndexRoot, subjects, predicate, &[&operator]);
    let id = crate::testing::record_id(&body);
    (log.append(body), id)
}

/// A log with two honest roots and entries after each, and everything that an honest server holds of it.
struct World {
    log: MemoryLog,
    headers: Vec<Header>,
    trust: Trust,
    older: Served,
    newer: Served,
}

/// A root with the rows under it.
struct Served {
    size: u64,
    rows: MemoryRows,
    record: VerifiedRecord,
}

impl World {
    fn new(dice: &mut Dice) -> Self {
        let mut log = MemoryLog::new();
        log.register(PARTY, &["partner"], &[&key(10), &key(11)]);
        log.register("example-two", &["partner"], &[&key(12)]);
        let grow = |log: &mut MemoryLog, dice: &mut Dice, more: usize| {
            for _ in 0..more {
                let (party, signer) = *dice.of(&[(PARTY, 10), (PARTY, 11), ("example-two", 12)]);
                let file = format!("model-{}.safetensors", log.size());
                log.append(model_card(party, &file, digest(dice.below(6) as u8), &[&key(signer)]));
            }
        };
        let more = 3 + dice.below(14);
        grow(&mut log, dice, more);
        let headers = |log: &MemoryLog| (0..log.size().0).map(|at| header_of(log, at)).collect::<Vec<_>>();
        let size = log.size().0;
        let (rows, root) = index(&headers(&log), size as usize, None);
        let (at, id) = index_root(&mut log, size, root, None);
        let first = (size, rows, at);
        let more = 1 + dice.below(8);
        grow(&mut log, dice, more);
        let size = log.size().0;
        let (rows, root) = index(&headers(&log), size as usize, None);
        let (next, _) = index_root(&mut log, size, root, Some(id));
        let second = (size, rows, next);
        let more = 1 + dice.below(8);
        grow(&mut log, dice, more);

        let trust = Trust::new(log.policy());
        let served = |log: &MemoryLog, (size, rows, at): (u64, MemoryRows, LeafIndex)| {
            let report = verify(&log.bundle(at, &[]), &trust, &[]);
            let record = report.verified.unwrap_or_else(|| panic!("{:?}", report.links));
            Served { size, rows, record }
        };
        let (older, newer) = (served(&log, first), served(&log, second));
        let headers = headers(&log);
        Self { log, headers, trust, older, newer }
    }

    fn truth(&self, term: &Term) -> Vec<LeafIndex> {
        let under = self.headers.iter().enumerate().filter(|(_, header)| term.matches(header));
        under.map(|(at, _)| LeafIndex(at as u64)).collect()
    }

    fn inclusion(&self, at: LeafIndex) -> Proof {
        self.log.link(at).proof.proof
    }

    /// The honest answer under one of the roots.
    fn answer(&self, term: &Term, served: &Served) -> Lookup {
        let listed: Vec<LeafIndex> = self.truth(term).into_iter().filter(|at| at.0 < served.size).collect();
        let (list, proof) = prove(&served.rows, &term.key()).unwrap();
        let head = list.map(|list| list.head());
        let page = head.map(|head| self.page(term, &served.rows, &head, listed));
        Lookup {
            term: term.clone(),
            checkpoint: self.log.note(),
            root: (served.record.index(), self.inclusion(served.record.index())),
            head,
            proof: proof.encode(),
            page,
            tail: (TreeSize(0), vec![]),
            consistency: None,
        }
    }

    fn page(&self, term: &Term, rows: &MemoryRows, head: &ListHead, indices: Vec<LeafIndex>) -> LookupPage {
        let read = |_| Ok(indices.clone());
        let proof = prove_page(rows, &term.key(), head, 0, &read).unwrap();
        let entries = indices.iter().map(|at| (self.log.entry(*at).to_vec(), self.inclusion(*at))).collect();
        LookupPage { number: 0, indices, proof, entries: Some(entries) }
    }

    fn tail(&self) -> Vec<Vec<u8>> {
        (0..self.log.size().0).map(|at| self.log.entry(LeafIndex(at)).to_vec()).collect()
    }

    fn ask(&self, lookup: &Lookup, term: &Term, root: &VerifiedRecord, tail: &[Vec<u8>]) -> Result<Vec<LeafIndex>> {
        // It travels as text, and what a server may write is what a client may read.
        let lookup = Lookup::parse(&lookup.encode().unwrap())?;
        Ok(look_up(&lookup, term, root, &self.trust)?.complete(tail)?.indices().to_vec())
    }
}

/// A page and a head that are sound in themselves, over these indices.
fn forged(world: &World, indices: Vec<LeafIndex>) -> (Option<ListHead>, Option<LookupPage>) {
    if indices.is_empty() {
        return (None, None);
    }
    let head = ListHead { count: TreeSize(indices.len() as u64), root: page_root(&indices) };
    let entries = indices.iter().map(|at| (world.log.entry(*at).to_vec(), world.inclusion(*at))).collect();
    (Some(head), Some(LookupPage { number: 0, indices, proof: Proof::default(), entries: Some(entries) }))
}

#[test]
fn a_record_hidden_from_an_answer_under_an_honest_root_is_noticed_by_the_client() {
    let (mut dice, mut tried) = (Dice(0x1234_5678_9abc_def1), BTreeMap::new());
    let mut world = World::new(&mut dice);
    let total = attempts();
    let mut attempt = 0;
    while tried.values().sum::<u64>() < total {
        attempt += 1;
        if attempt % 50 == 49 {
            world = World::new(&mut dice);
        }
        // An entry that somebody would rather not show, and a term that it belongs under.
        let at = dice.below(world.headers.len());
        let terms = Term::of(&world.headers[at]);
        let term = dice.of(&terms).clone();
        let served = &world.newer;
        let truth = world.truth(&term);
        let honest = world.answer(&term, served);
        let tail = world.tail();
        if attempt % 10 == 0 {
            assert_eq!(world.ask(&honest, &term, &served.record, &tail).unwrap(), truth, "{term}");
        }
        let hidden = LeafIndex(at as u64);
        let listed: Vec<LeafIndex> = truth.iter().copied().filter(|at| at.0 < served.size).collect();
        let shown: Vec<LeafIndex> = listed.iter().copied().filter(|at| *at != hidden).collect();
        let mut lie = honest.clone();
        let mut shown_tail = tail.clone();
        let mut root = &served.record;
        let way = if listed.contains(&hidden) { dice.below(9) } else { 9 + dice.below(5) };
        match way {
            // Left out of the page, of the page and the count, and of everything but the trie.
            0 | 1 => {
                let page = lie.page.as_mut().unwrap();
                let place = page.indices.iter().position(|at| *at == hidden).unwrap();
                page.indices.remove(place);
                page.entries.as_mut().unwrap().remove(place);
                if way == 1 {
                    lie.head.as_mut().unwrap().count.0 -= 1;
                }
            }
            2 => (lie.head, lie.page) = forged(&world, shown),
            // Said to be absent, with the proof of its presence or of another's absence.
            3 => (lie.head, lie.page) = (None, None),
            4 => {
                let absent = Term::Kind(format!("nobody-{}", dice.below(1000)));
                lie.proof = world.answer(&absent, served).proof;
                (lie.head, lie.page) = (None, None);
            }
            5 => {
                let list = honest.head.unwrap();
                let TrieProof::Present(path) = TrieProof::parse_present(&honest.proof).unwrap() else { panic!() };
                lie.proof = TrieProof::Absent { other: term.key(), value: list.to_value().to_vec(), path }.encode();
                (lie.head, lie.page) = (None, None);
            }
            // Proven under an index from which it was left out, and which nobody signed.
            6 => {
                let (rows, _) = index(&world.headers, served.size as usize, Some((&term, at)));
                let (list, proof) = prove(&rows, &term.key()).unwrap();
                lie.proof = proof.encode();
                lie.head = list.map(|list| list.head());
                lie.page = lie.head.map(|head| world.page(&term, &rows, &head, shown));
            }
            // Another entry in its place, or another number.
            7 => {
                let page = lie.page.as_mut().unwrap();
                let place = page.indices.iter().position(|at| *at == hidden).unwrap();
                let other = LeafIndex(dice.below(world.headers.len()) as u64);
                if other == hidden {
                    continue;
                }
                page.entries.as_mut().unwrap()[place] = (world.log.entry(other).to_vec(), world.inclusion(other));
                if dice.below(2) == 0 {
                    page.indices[place] = other;
                }
            }
            // The answer about something else.
            8 => {
                let other = Term::Ref(RecordId::from_bytes([dice.below(256) as u8; 32]));
                lie = Lookup { term: term.clone(), ..world.answer(&other, served) };
            }
            // It is newer than the root: left out of the tail, replaced in it, the tail cut off or begun too late.
            9 => drop(shown_tail.remove(at)),
            10 => {
                let other = dice.below(world.headers.len());
                if other == at {
                    continue;
                }
                shown_tail[at] = tail[other].clone();
            }
            11 => shown_tail.truncate(at),
            12 => {
                let from = at as u64 + 1;
                let nodes = |level: u8, index: u64| {
                    let leaves = (index << level..(index + 1) << level).map(|at| world.log.entry(LeafIndex(at)));
                    let mut range = crate::merkle::CompactRange::new();
                    leaves.for_each(|leaf| range.append(crate::merkle::LeafHash::of_entry(leaf), &mut |_, _, _| {}));
                    Ok::<_, ()>(NodeHash::from_bytes(*range.root().as_bytes()))
                };
                let (mut start, mut edge) = (0u64, Vec::new());
                for level in (0..10u8).rev().filter(|level| from & (1 << level) != 0) {
                    edge.push(nodes.node(level, start >> level).unwrap());
                    start += 1 << level;
                }
                lie.tail = (TreeSize(from), edge);
                shown_tail.drain(..=at);
            }
            // An older root's answer passed off as the newer one's.
            _ => {
                lie = Lookup { root: honest.root.clone(), ..world.answer(&term, &world.older) };
                shown_tail.remove(at);
                root = &served.record;
            }
        }
        match world.ask(&lie, &term, root, &shown_tail) {
            Err(_) => *tried.entry(way).or_insert(0u64) += 1,
            Ok(found) => panic!("attempt {attempt}, way {way}, {term}: {hidden} hidden, and accepted: {found:?}"),
        }
    }
    assert_eq!(tried.len(), 14, "every way was tried: {tried:?}");
    println!("{} attempts, all noticed, by way: {tried:?}", tried.values().sum::<u64>());
}

#[test]
fn a_false_root_is_noticed_by_whoever_rebuilds_the_index() {
    let mut dice = Dice(0xfeed_beef_0bad_cafe);
    let mut world = World::new(&mut dice);
    let mut ways = [0u64; 8];
    let total = attempts();
    let id = RecordId::from_bytes([1; 32]);
    let mut attempt = 0;
    while ways.iter().sum::<u64>() < total {
        attempt += 1;
        if attempt % 200 == 199 {
            world = World::new(&mut dice);
        }
        let size = 1 + dice.below(world.headers.len());
        let judge = |root: &IndexRoot, at: usize| {
            let mut rebuild = Rebuild::default();
            for (at, header) in world.headers.iter().enumerate().take(at) {
                rebuild.take(LeafIndex(at as u64), header);
            }
            rebuild.judge(LeafIndex(at as u64), id, root)
        };
        let (_, honest) = index(&world.headers, size, None);
        let root = IndexRoot { size: size as u64, root: honest, previous: None };
        judge(&root, size).unwrap();
        let at = dice.below(size);
        let terms = Term::of(&world.headers[at]);
        let term = dice.of(&terms);
        let way = dice.below(8);
        let mut headers = world.headers.clone();
        let lie = match way {
            // One entry under one term is left out.
            0 => IndexRoot { root: index(&headers, size, Some((term, at))).1, ..root },
            // An entry is under a term that it does not have.
            1 => {
                headers[at].refs.push(RecordId::from_bytes([0xee; 32]));
                IndexRoot { root: index(&headers, size, None).1, ..root }
            }
            // An entry is given to another party, or is said to be of another kind.
            2 => {
                headers[at].issuer = "somebody-else".to_owned();
                IndexRoot { root: index(&headers, size, None).1, ..root }
            }
            3 => {
                headers[at].kind = "comment".to_owned();
                IndexRoot { root: index(&headers, size, None).1, ..root }
            }
            // Two entries change places.
            4 => {
                let other = dice.below(size);
                headers.swap(at, other);
                if Term::of(&headers[at]) == Term::of(&headers[other]) {
                    continue;
                }
                IndexRoot { root: index(&headers, size, None).1, ..root }
            }
            // The root of fewer entries than it says, or of more.
            5 => IndexRoot { root: index(&headers, size - 1, None).1, ..root },
            6 => {
                let mut wrong = *honest.as_bytes();
                wrong[dice.below(32)] ^= 1 << dice.below(8);
                IndexRoot { root: TrieRoot::from_bytes(wrong), ..root }
            }
            // A list is there twice: under its own key and under another.
            _ => {
                let (mut rows, mut draft) = index_draft(&headers, size);
                draft.append(TrieKey::from_bytes([dice.below(256) as u8; 32]), LeafIndex(at as u64));
                let root_of_lie = draft.seal(&rows).unwrap();
                rows.absorb(draft);
                IndexRoot { root: root_of_lie, ..root }
            }
        };
        let refused = judge(&lie, size).expect_err(&format!("attempt {attempt}, way {way}"));
        assert_eq!(refused.code(), Code::IndexRootRefused);
        ways[way] += 1;
    }
    assert!(ways.iter().all(|tried| *tried > 0), "every way was tried: {ways:?}");
    println!("{} attempts, all noticed, by way: {ways:?}", ways.iter().sum::<u64>());
}

fn index_draft(headers: &[Header], size: usize) -> (MemoryRows, Draft) {
    (index(headers, size, None).0, Draft::default())
}

#[test]
fn roots_that_do_not_follow_one_another_are_noticed() {
    let world = World::new(&mut Dice(7));
    let mut rebuild = Rebuild::default();
    let mut judged = Vec::new();
    for (at, header) in world.headers.iter().enumerate() {
        let at = LeafIndex(at as u64);
        let record = Record::parse(world.log.body(at)).unwrap();
        if let crate::record::kinds::Predicate::IndexRoot(root) = &record.predicate {
            let mut skipped = Rebuild::default();
            assert_eq!(skipped.judge(at, record.id, root).unwrap_err().code(), Code::IndexRootRefused);
            rebuild.judge(at, record.id, root).unwrap();
            judged.push(root.size);
            assert_eq!(rebuild.judge(at, record.id, root).unwrap_err().code(), Code::IndexRootRefused, "twice");
        }
        rebuild.take(at, header);
    }
    assert_eq!(judged, [world.older.size, world.newer.size]);
    assert_eq!(rebuild.honest().map(|(_, _, size, _)| size.0), Some(world.newer.size));
}

/// The `keyLookup` of a bundle whose record these keys signed.
fn key_lookup(world: &World, signers: &[&PrivateKey]) -> Value {
    let lookup = |key: &&PrivateKey| Lookup {
        page: world
            .answer(&Term::Key(key.key_id()), &world.newer)
            .page
            .map(|page| LookupPage { entries: None, ..page }),
        ..world.answer(&Term::Key(key.key_id()), &world.newer)
    };
    let lookups = signers.iter().map(lookup).collect();
    let index_root = world.log.link(world.newer.record.index());
    crate::bundle::KeyLookup { index_root, history: vec![], lookups }.to_value().unwrap()
}

#[test]
fn a_bundle_with_the_look_up_of_its_keys_proves_that_no_revocation_is_left_out() {
    let world = World::new(&mut Dice(11));
    let card = world.truth(&Term::Signer(key(10).key_id()))[1];
    let mut bundle = world.log.bundle(card, &[LeafIndex(1)]);
    let said = |bundle: &crate::bundle::Bundle| {
        let bytes = bundle.encode().unwrap();
        let report = verify_bytes(&bytes, &world.trust, &[]);
        let line = report.line(LinkName::SignerKey).unwrap().clone();
        (line.detail, line.code, report.verified.map(|record| record.signers()[0].history_complete_to()))
    };
    let (detail, _, complete) = said(&bundle);
    assert!(detail.ends_with("not proven"), "{detail}");
    assert_eq!(complete, Some(None));
    bundle.key_lookup = Some(key_lookup(&world, &[&key(10)]));
    let (detail, _, complete) = said(&bundle);
    assert!(detail.contains(&format!("no revocation up to size {}: proven. Roles", world.newer.size)), "{detail}");
    assert_eq!(complete, Some(Some(TreeSize(world.newer.size))));
    // One that has no room for the whole list, or no look-up of the key, proves nothing, and breaks nothing.
    let mut cut = key_lookup(&world, &[&key(10)]);
    cut["lookups"][0]["page"] = Value::Null;
    bundle.key_lookup = Some(cut);
    assert_eq!(said(&bundle).2, Some(None));
    bundle.key_lookup = Some(key_lookup(&world, &[]));
    assert_eq!(said(&bundle).2, Some(None));
}

#[test]
fn every_look_up_of_a_bundle_is_about_a_signer_and_holds() {
    let world = World::new(&mut Dice(13));
    let card = world.truth(&Term::Signer(key(10).key_id()))[1];
    let mut bundle = world.log.bundle(card, &[LeafIndex(1)]);
    let mut code = |value: Value| {
        bundle.key_lookup = Some(value);
        let report = verify_bytes(&bundle.encode().unwrap(), &world.trust, &[]);
        assert!(report.failed().is_none_or(|line| line.link == LinkName::SignerKey), "{:?}", report.links);
        report.code()
    };
    let sound = key_lookup(&world, &[&key(10)]);
    let lookup = &sound["lookups"][0];
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value = sound.clone();
        change(&mut value);
        value
    };
    assert_eq!(code(sound.clone()), None);
    // Twice the same says nothing new, and both are checked.
    let mut beside = lookup.clone();
    assert_eq!(code(with(&|v| v["lookups"] = json!([lookup, lookup]))), None);
    beside["proof"] = json!("AAAA");
    assert_eq!(code(with(&|v| v["lookups"] = json!([lookup, beside]))), Some(Code::ProofInvalid));
    // Another key than a signer's, another term than a key's, and what is no term.
    assert_eq!(code(key_lookup(&world, &[&key(12)])), Some(Code::BindingMismatch));
    assert_eq!(code(key_lookup(&world, &[&key(10), &key(12)])), Some(Code::BindingMismatch));
    let id = key(10).key_id();
    for term in [format!("signer:{id}"), format!("key:{id}0"), "kind:party".to_owned(), "keys".to_owned()] {
        assert_eq!(code(with(&|v| v["lookups"][0]["term"] = json!(term))), Some(Code::BindingMismatch), "{term}");
    }
    // A look-up has one form: every member is there, and an object is no array.
    for member in lookup.as_object().unwrap().keys() {
        let left_out = with(&|v| _ = v["lookups"][0].as_object_mut().unwrap().remove(member));
        assert_eq!(code(left_out), Some(Code::ProofInvalid), "{member}");
    }
    let as_array = with(&|v| v["lookups"][0]["tail"] = json!(["0", []]));
    assert_eq!(code(as_array), Some(Code::ProofInvalid));
    // A record that states no root is none for look-ups, though there be none.
    let bytes = world.log.bundle(LeafIndex(1), &[]).encode().unwrap();
    let party: Value = serde_json::from_slice(&bytes).unwrap();
    let party = json!({ "envelope": party["envelope"], "entry": party["entry"], "proof": party["proof"] });
    let none = json!({ "indexRoot": party, "history": [], "lookups": [] });
    assert_eq!(code(none), Some(Code::BindingMismatch));
}

#[test]
fn a_revocation_left_out_of_the_key_history_is_noticed() {
    let mut world = World::new(&mut Dice(12));
    let card = world.truth(&Term::Signer(key(10).key_id()))[1];
    let revoked = world.log.revoke(PARTY, &key(10), None, &key(11));
    world.headers = (0..world.log.size().0).map(|at| header_of(&world.log, at)).collect();
    let size = world.log.size().0;
    let (rows, root) = index(&world.headers, size as usize, None);
    let previous = world.newer.record.record().id;
    let (at, _) = index_root(&mut world.log, size, root, Some(previous));
    let record = verify(&world.log.bundle(at, &[]), &world.trust, &[]).verified.unwrap();
    world.newer = Served { size, rows, record };

    let with = |history: &[LeafIndex]| {
        let mut bundle = world.log.bundle(card, history);
        bundle.key_lookup = Some(key_lookup(&world, &[&key(10)]));
        verify(&bundle, &world.trust, &[])
    };
    let told = with(&[LeafIndex(1), revoked]);
    assert!(told.line(LinkName::SignerKey).unwrap().detail.contains(&format!("revoked at entry {revoked}")));
    let hidden = with(&[LeafIndex(1)]);
    let line = hidden.failed().unwrap();
    assert_eq!((line.link, line.code), (LinkName::SignerKey, Some(Code::BindingMismatch)));
    // A look-up that was changed fails the link too: a proof that does not hold is no proof that is missing.
    let mut bundle = world.log.bundle(card, &[LeafIndex(1), revoked]);
    let mut value = key_lookup(&world, &[&key(10)]);
    value["lookups"][0]["page"]["indices"][0] = json!("0");
    bundle.key_lookup = Some(value);
    assert_eq!(verify(&bundle, &world.trust, &[]).code(), Some(Code::ProofInvalid));
}
