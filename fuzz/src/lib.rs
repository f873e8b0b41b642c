//! What the targets have in common: seeds, and changes to genuine bytes.
//!
//! A target whose input is signed or hashed would never get past the first check with bytes of its own. So it takes what
//! is genuine and does to it what its input says.

use std::path::Path;

use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// Writes the seeds of a target into the folder that `COLOPHON_FUZZ_SEEDS` names; the fuzzer reads it afterwards.
pub fn seeds(seeds: impl IntoIterator<Item = impl AsRef<[u8]>>) {
    let Some(folder) = std::env::var_os("COLOPHON_FUZZ_SEEDS") else { return };
    for (n, seed) in seeds.into_iter().enumerate() {
        std::fs::write(Path::new(&folder).join(n.to_string()), seed).expect("the folder of seeds can be written");
    }
}

/// Changes some bytes: flips bits of one, puts one in, takes some out, or repeats some elsewhere.
pub fn edit(bytes: &mut Vec<u8>, input: &mut Unstructured<'_>) -> Result<()> {
    let start = place(bytes.len(), input)?;
    let end = bytes.len().min(start + usize::from(input.arbitrary::<u8>()?));
    match input.int_in_range(0..=3)? {
        0 => {
            let flipped: u8 = input.arbitrary()?;
            bytes.get_mut(start).into_iter().for_each(|byte| *byte ^= flipped);
        }
        1 => bytes.insert(start, input.arbitrary()?),
        2 => drop(bytes.drain(start..end)),
        _ => {
            let (part, to) = (bytes[start..end].to_vec(), place(bytes.len(), input)?);
            bytes.splice(to..to, part);
        }
    }
    Ok(())
}

/// Changes a list: takes an element out, or puts one in or in the place of another.
pub fn rearrange<T>(list: &mut Vec<T>, other: T, input: &mut Unstructured<'_>) -> Result<()> {
    let at = place(list.len(), input)?;
    match input.int_in_range(0..=2)? {
        0 if at < list.len() => drop(list.remove(at)),
        1 if at < list.len() => list[at] = other,
        _ => list.insert(at, other),
    }
    Ok(())
}

fn place(len: usize, input: &mut Unstructured<'_>) -> Result<usize> {
    Ok(usize::from(input.arbitrary::<u16>()?) % (len + 1))
}
