//! Forged answers, by the tens of thousands: none is accepted, of presence or of absence.
//!
//! A run of a few thousand belongs to every test run; the whole is
//!
//! ```text
//! COLOPHON_FORGERIES=100000 cargo test --release -p colophon-ledger --lib forgeries -- --nocapture
//! ```

use tempfile::TempDir;

use super::*;
use crate::manifest::reply::{INNER, MAGIC, OUTER};
use crate::testing::Dice;

/// How many forgeries a plain run makes; 4,000 take a few seconds without optimisation.
const FEW: u64 = 4_000;

impl Dice {
    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// The parts of an honest reply, to be changed and put together again as any prover could.
#[derive(Clone)]
struct Pieces {
    depth: u8,
    prefix: u64,
    mode: u8,
    count: u32,
    keys: Vec<Vec<u8>>,
    column: Vec<Vec<u8>>,
    path: Vec<Vec<u8>>,
    padded: usize,
}

impl Pieces {
    fn of(keyspace: &Keyspace, reply: &[u8]) -> Self {
        let len = keyspace.key_len().bytes();
        let number = |at: usize, n: usize| reply[at..at + n].iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        let (depth, mode, count) = (reply[OUTER], reply[OUTER + 9], number(OUTER + 10, 4) as usize);
        let content = OUTER + number(18, 8) as usize;
        let keys_end = OUTER + INNER + count * len;
        let path_at = content - 32 * usize::from(depth);
        let width = if mode == 1 { Meta::LEN } else { 32 };
        let cut = |bytes: &[u8], width: usize| bytes.chunks(width).map(<[u8]>::to_vec).collect();
        Self {
            depth,
            prefix: number(OUTER + 1, 8),
            mode,
            count: count as u32,
            keys: cut(&reply[OUTER + INNER..keys_end], len),
            column: cut(&reply[keys_end..path_at], width),
            path: cut(&reply[path_at..content], 32),
            padded: reply.len(),
        }
    }

    fn put(&self) -> Vec<u8> {
        let body = [self.keys.concat(), self.column.concat(), self.path.concat()].concat();
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&((INNER + body.len()) as u64).to_be_bytes());
        out.push(self.depth);
        out.extend_from_slice(&self.prefix.to_be_bytes());
        out.push(self.mode);
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&body);
        out.resize(self.padded.max(out.len()), 0);
        out
    }

    /// Whose count is of the keys that there are, as whoever drops or adds a key would write it.
    fn recounted(mut self) -> Self {
        self.count = self.keys.len() as u32;
        self
    }

    fn drop_key(mut self, place: usize) -> Self {
        self.keys.remove(place);
        if self.mode == 1 {
            self.column.remove(place);
        }
        self.recounted()
    }

    fn add_key(mut self, key: &[u8]) -> Self {
        let place = self.keys.partition_point(|other| other.as_slice() < key);
        self.keys.insert(place, key.to_vec());
        if self.mode == 1 {
            self.column.insert(place, vec![0; Meta::LEN]);
        }
        self.recounted()
    }
}

/// A keyspace, and another of one key more.
struct Stage {
    files: KeyspaceFiles,
    other: KeyspaceFiles,
    n: u64,
    _dirs: [TempDir; 2],
}

fn stage(n: u64, key_len: KeyLen, has_meta: bool) -> Stage {
    let (dir, files) = keyspace_of_numbers(n, key_len, has_meta);
    let (other_dir, other) = keyspace_of_numbers(n + 1, key_len, has_meta);
    Stage { files, other, n, _dirs: [dir, other_dir] }
}

/// What is forged: a name for the count, and the forged reply; `None` if the dice ask for what cannot be done here.
fn forge(
    stage: &Stage,
    dice: &mut Dice,
    key: &ContentKey,
    depth: u8,
    mode: MetaMode,
) -> Option<(&'static str, Vec<u8>)> {
    let keyspace = stage.files.keyspace();
    let t = keyspace.t();
    let len = keyspace.key_len().bytes();
    let prefix = prefix_of(key, depth);
    let honest = stage.files.reply(depth, prefix, mode).unwrap();
    let pieces = Pieces::of(keyspace, &honest);
    let wanted = &key.as_bytes()[..len];
    let place = pieces.keys.iter().position(|other| other == wanted);
    let any = |dice: &mut Dice, n: usize| (n > 0).then(|| dice.below(n));
    let foreign = |dice: &mut Dice| key_of(1_000_000 + dice.below(1 << 20) as u64).as_bytes()[..len].to_vec();
    Some(match dice.below(20) {
        0 => ("the key dropped", pieces.clone().drop_key(place?).put()),
        1 => ("another key dropped", pieces.clone().drop_key(any(dice, pieces.keys.len())?).put()),
        2 => {
            // The key itself if it is absent, else one that nobody asked for.
            let key = if place.is_none() { wanted.to_vec() } else { foreign(dice) };
            ("a key added", pieces.clone().add_key(&key).put())
        }
        3 => ("a key changed for another", {
            let at = any(dice, pieces.keys.len())?;
            let key = foreign(dice);
            pieces.clone().drop_key(at).add_key(&key).put()
        }),
        4 => ("reordered", {
            let (a, b) = (any(dice, pieces.keys.len())?, any(dice, pieces.keys.len())?);
            let mut pieces = pieces.clone();
            pieces.keys.swap(a, b);
            pieces.put()
        }),
        5 => ("a key doubled", {
            let at = any(dice, pieces.keys.len())?;
            let key = pieces.keys[at].clone();
            pieces.clone().add_key(&key).put()
        }),
        6 => ("the neighbour's bucket", {
            let beside = if depth == 0 { return None } else { prefix ^ 1 << dice.below(usize::from(depth)) };
            let mut other = stage.files.reply(depth, beside, mode).unwrap();
            if dice.coin() {
                other[OUTER + 1..OUTER + 9].copy_from_slice(&prefix.to_be_bytes());
            }
            other
        }),
        7 => ("two buckets' keys exchanged", {
            let beside = if depth == 0 { return None } else { prefix ^ 1 };
            let other = Pieces::of(keyspace, &stage.files.reply(depth, beside, mode).unwrap());
            let (keys, column) = (other.keys, other.column);
            Pieces { keys, column, ..pieces.clone() }.recounted().put()
        }),
        8 => ("another depth", {
            let wrong = (usize::from(depth) + 1 + dice.below(usize::from(t))) % (usize::from(t) + 1);
            let wrong = wrong as u8;
            if wrong == depth {
                return None;
            }
            let mut other = stage.files.reply(wrong, prefix_of(key, wrong), mode).unwrap();
            if dice.coin() {
                other[OUTER] = depth;
                other[OUTER + 1..OUTER + 9].copy_from_slice(&prefix.to_be_bytes());
            }
            other
        }),
        9 => ("another dataset", {
            // Where the one key more changes nothing but hashes above, keys and rows are the same and only the path differs.
            let wrong = depth.min(stage.other.keyspace().t());
            stage.other.reply(wrong, prefix_of(key, wrong), mode).unwrap()
        }),
        10 => ("another dataset's keys under this path", {
            let other = Pieces::of(keyspace, &stage.other.reply(depth, prefix, mode).ok()?);
            Pieces { path: pieces.path.clone(), ..other }.put()
        }),
        11 => ("truncated", {
            let content = OUTER + u64::from_be_bytes(honest[18..OUTER].try_into().unwrap()) as usize;
            honest[..dice.below(content)].to_vec()
        }),
        12 => ("truncated to whole keys", {
            let mut pieces = pieces.clone();
            pieces.keys.truncate(any(dice, pieces.keys.len())?);
            if pieces.mode == 1 {
                pieces.column.truncate(pieces.keys.len());
            }
            if dice.coin() { pieces.recounted().put() } else { pieces.put() }
        }),
        13 => ("garbage in the padding", {
            let mut reply = honest.clone();
            let content = OUTER + u64::from_be_bytes(honest[18..OUTER].try_into().unwrap()) as usize;
            reply.resize(reply.len() + 1 + dice.below(64), 0);
            let at = content + dice.below(reply.len() - content);
            reply[at] = 1 + dice.below(255) as u8;
            reply
        }),
        14 => ("keys in the padding", {
            let mut pieces = pieces.clone();
            let last = pieces.keys.pop()?;
            let count = pieces.count;
            let mut reply = if dice.coin() { Pieces { count, ..pieces }.put() } else { pieces.recounted().put() };
            let end = reply.len();
            reply.resize(end + len, 0);
            reply[end..].copy_from_slice(&last);
            reply
        }),
        15 => ("another way to the root", {
            let mut pieces = pieces.clone();
            match dice.below(4) {
                0 if pieces.path.len() > 1 => {
                    let at = dice.below(pieces.path.len() - 1);
                    pieces.path.swap(at, at + 1);
                }
                1 => drop(pieces.path.pop()?),
                2 => pieces.path.push(vec![dice.below(256) as u8; 32]),
                _ => {
                    let at = any(dice, pieces.path.len())?;
                    pieces.path[at] = foreign(dice).repeat(2)[..32].to_vec();
                }
            }
            pieces.put()
        }),
        16 => ("another count", {
            let off = 1 + dice.below(3) as u32;
            let count = if dice.coin() { pieces.count.wrapping_sub(off) } else { pieces.count.wrapping_add(off) };
            Pieces { count, ..pieces.clone() }.put()
        }),
        17 => ("other rows", {
            let mut pieces = pieces.clone();
            match dice.below(3) {
                0 => pieces.mode = (pieces.mode + 1 + dice.below(2) as u8) % 3,
                1 if pieces.column.len() > 1 => {
                    let (a, b) = (dice.below(pieces.column.len()), dice.below(pieces.column.len()));
                    pieces.column.swap(a, b);
                }
                _ => {
                    let at = any(dice, pieces.column.len())?;
                    let byte = dice.below(pieces.column[at].len());
                    pieces.column[at][byte] ^= 1 << dice.below(8);
                }
            }
            pieces.put()
        }),
        18 => ("bits flipped", {
            let mut reply = honest.clone();
            for _ in 0..1 + dice.below(8) {
                let at = dice.below(reply.len());
                reply[at] ^= 1 << dice.below(8);
            }
            reply
        }),
        _ => ("the end of another reply", {
            let beside = prefix_of(&key_of(dice.below(9_000) as u64), depth);
            let other = stage.files.reply(depth, beside, mode).unwrap();
            let at = dice.below(honest.len().min(other.len()));
            [&honest[..at], &other[at..]].concat()
        }),
    })
    .filter(|(_, forged)| !is_same(forged, &honest))
}

/// Whether nothing was forged: the dice may exchange a thing for itself, and zeros behind a reply are padding.
fn is_same(forged: &[u8], honest: &[u8]) -> bool {
    let (short, long) = if forged.len() < honest.len() { (forged, honest) } else { (honest, forged) };
    let content = OUTER + honest[18..OUTER].iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
    forged.len() >= content && long.starts_with(short) && long[short.len()..].iter().all(|byte| *byte == 0)
}

#[test]
fn no_forged_answer_is_accepted() {
    let rounds: u64 = std::env::var("COLOPHON_FORGERIES").map_or(FEW, |text| text.parse().unwrap());
    let stages = [
        stage(3_000, KeyLen::Full, true),
        stage(3_000, KeyLen::Full, false),
        stage(700, KeyLen::Compact, true),
        stage(40, KeyLen::Full, true),
    ];
    let mut by_name = std::collections::BTreeMap::<&str, u64>::new();
    let (mut forged, mut of_present, mut round) = (0, 0, 0u64);
    while forged < rounds {
        round += 1;
        let mut dice = Dice(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let stage = &stages[dice.below(stages.len())];
        let keyspace = stage.files.keyspace();
        let present = dice.coin();
        let key =
            key_of(if present { dice.below(stage.n as usize) as u64 } else { stage.n + 1 + dice.below(9_000) as u64 });
        // Mostly the exact mode and ranges near it: those hold most of what can be forged a byte.
        let depth = keyspace.t() - dice.below(usize::from(keyspace.t().min(4)) + 1) as u8;
        let mode = if dice.coin() { MetaMode::Rows } else { MetaMode::Digests };
        let Some((name, reply)) = forge(stage, &mut dice, &key, depth, mode) else { continue };
        let answer = keyspace.verify(&key, depth, &reply);
        assert!(answer.is_err(), "round {round}: {name} was accepted at depth {depth}: {answer:?}");
        assert_eq!(answer.unwrap_err().code(), Code::ProofInvalid, "round {round}: {name}");
        *by_name.entry(name).or_default() += 1;
        forged += 1;
        of_present += u64::from(present);
    }
    println!("{forged} forged answers, {of_present} about keys that are present, 0 accepted");
    by_name.iter().for_each(|(name, n)| println!("{n:>8}  {name}"));
    assert_eq!(by_name.len(), 20, "every way of forging was tried: {by_name:?}");
    assert!(of_present * 3 > forged && of_present * 3 < forged * 2, "{of_present} of {forged}");
}
