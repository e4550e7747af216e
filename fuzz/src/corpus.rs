//! What a test does with a target's corpus on the stable compiler: every file of it, and some thousand mutations.

use std::panic::RefUnwindSafe;
use std::path::{Path, PathBuf};

/// Gives `target` every file of its corpus as text, and so many mutations of each.
pub fn run(name: &str, target: fn(&str), mutations: u64) {
    run_bytes(name, move |bytes| target(&String::from_utf8_lossy(bytes)), mutations);
}

/// The same for what is no text.
pub fn run_bytes(name: &str, target: impl Fn(&[u8]) + RefUnwindSafe, mutations: u64) {
    let files = files(name);
    let texts: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(!texts.is_empty(), "{name} has no corpus");
    let fails = |text: &[u8]| std::panic::catch_unwind(|| target(text)).is_err();
    let failing: Vec<_> = files.iter().zip(&texts).filter(|(_, text)| fails(text)).map(|(file, _)| file).collect();
    assert!(failing.is_empty(), "{name} fails for {failing:?}");
    for (number, text) in (0..).zip(&texts) {
        let mut rng = SplitMix(number);
        for _ in 0..mutations {
            let other = &texts[rng.below(texts.len())];
            let mutated = mutate(text, other, &mut rng);
            let shown = || String::from_utf8_lossy(&mutated).into_owned();
            assert!(!fails(&mutated), "{name} fails for {:?}, made of {}", shown(), files[number as usize].display());
        }
    }
    println!("{name}: {} files, {} mutations", texts.len(), mutations * texts.len() as u64);
}

/// The folder of all corpora, for a package beside the fuzzer's.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

fn files(target: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder().join(target)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// One to four changes of the kinds that a fuzzer begins with.
fn mutate(text: &[u8], other: &[u8], rng: &mut SplitMix) -> Vec<u8> {
    const WORTH_TRYING: [&[u8]; 8] =
        [b"", b"\0", b"\n", b"-1", b"18446744073709551615", b"99999999999999999999", b"1e999", "\u{fffd}".as_bytes()];
    let mut text = text.to_vec();
    for _ in 0..=rng.below(4) {
        let (at, length) = (rng.below(text.len() + 1), rng.below(16));
        let end = (at + length).min(text.len());
        match rng.below(6) {
            0 if at < text.len() => text[at] ^= 1 << rng.below(8),
            1 => text.truncate(at),
            2 => drop(text.drain(at..end)),
            3 => {
                let piece = text[at..end].to_vec();
                text.splice(at..at, piece);
            }
            4 => {
                let from = rng.below(other.len() + 1);
                text.splice(at.., other[from..].iter().copied());
            }
            _ => drop(text.splice(at..end, WORTH_TRYING[rng.below(WORTH_TRYING.len())].iter().copied())),
        }
    }
    text
}

/// The generator of Steele, Lea and Flood: a known sequence, so that a failure can be had again.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}
