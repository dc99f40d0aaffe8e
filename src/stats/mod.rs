//! Streaming statistics that know nothing of bots: one estimator or test a file, each with its formula, its source,
//! its bound and the bytes it takes.
//!
//! They share one idea of forgetting: weights are multiplied by [`forget`] once for each day that passed.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

pub mod calibrate;
pub mod combine;
pub mod daily_peak;
pub mod half;
pub mod hours;
pub mod late;
pub mod levels;
pub mod log_histogram;
pub mod novelty;
pub mod presence;
pub mod recent;
pub mod rhythm;
pub mod sorted;
pub mod sparse;
pub mod temper;
pub mod week;
pub mod weighted;

/// Nats by which a weight has shrunk at a window's end. Larger: the baseline is of the last days more than of the others.
const WINDOW_NATS: f64 = 4.0 / 3.0;

/// Weight below which what was counted is dropped. Larger: what is rare is forgotten before the window is over.
pub const GONE: f32 = 0.01;

/// The factor by which weights shrink over `days`, for a window of `window_days`.
///
/// An exponential that leaves a quarter of the weight at the window's end. Values are dropped there whatever their weight.
#[must_use]
pub fn forget(days: f64, window_days: f64) -> f64 {
    (-WINDOW_NATS * days.max(0.0) / window_days).exp()
}

/// Gives back room that a list does not use, if that is worth a new place: growth doubles, and a bot that has settled
/// keeps what it uses. Small differences stay, since each move leaves a hole behind.
pub fn give_back<T>(list: &mut Vec<T>) {
    if list.capacity() > list.len() + list.len() / 4 + 2 {
        list.shrink_to_fit();
    }
}

/// Makes room for one more, growing by a quarter: growth by doubling, a minimum of four included, leaves more room empty
/// than is ever used, in each of the many short lists of a bot.
pub fn make_room<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(room::<T>(list.len() + 1 + list.len() / 4) - list.len());
    }
}

/// Bytes in steps of which small pieces of memory come: the sizes of the program's allocator, as the next two.
const PIECE: usize = 16;
/// Bytes up to which they do.
const SMALL: usize = 128;
/// Steps to the next power of two in which larger ones come.
const STEPS: usize = 8;

/// Room for at least so many, as much as the piece of memory has that they take anyway.
#[must_use]
pub fn room<T>(least: usize) -> usize {
    let bytes = (least * size_of::<T>()).max(1);
    let step = if bytes <= SMALL { PIECE } else { bytes.next_power_of_two() / STEPS };
    bytes.next_multiple_of(step) / size_of::<T>().max(1)
}

/// A hash of texts for what is found again within one process; no two runs need to agree on it. A fingerprint takes five
/// times as long.
#[must_use]
pub fn place(parts: &[&str]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

/// FNV-1a, 64 bits: a fingerprint that is the same on every machine and in every release, since snapshots keep it.
///
/// It stands for texts within one bot only, where a collision can hide nothing but the bot's own events.
#[must_use]
pub fn fingerprint(parts: &[&str]) -> u64 {
    parts.iter().fold(BEGINNING, |hash, part| with_byte(part.bytes().fold(hash, with_byte), BEHIND))
}

/// The fingerprints of several texts. Each byte of one waits for the one before; those of another do not.
#[must_use]
pub fn fingerprints<const N: usize>(texts: [&str; N]) -> [u64; N] {
    let least = texts.iter().map(|text| text.len()).min().unwrap_or(0);
    let halves = texts.map(|text| text.as_bytes().split_at(least));
    let mut hashes = [BEGINNING; N];
    for at in 0..least {
        for (hash, (head, _)) in hashes.iter_mut().zip(&halves) {
            *hash = with_byte(*hash, head[at]);
        }
    }
    for (hash, (_, rest)) in hashes.iter_mut().zip(&halves) {
        *hash = with_byte(rest.iter().copied().fold(*hash, with_byte), BEHIND);
    }
    hashes
}

/// Where a fingerprint begins, before any byte.
const BEGINNING: u64 = 0xcbf2_9ce4_8422_2325;
/// What stands behind each text, and in none.
const BEHIND: u8 = 0xff;

fn with_byte(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_stay_what_they_are() {
        // By the definition of FNV-1a, byte by byte; snapshots hold them.
        assert_eq!(fingerprint(&[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(&["a"]), 0x089b_c907_b544_c769);
        assert_eq!(fingerprint(&["crm", "GET /a"]), 0x84b2_57d0_69e8_aa95);
        let texts = ["", "a", "bot-17", "6f4c9c222cf1d677"];
        for four in [texts, ["b", "c", "", "d"], ["long", "long", "long", "longer"], [""; 4]] {
            assert_eq!(fingerprints(four), four.map(|text| fingerprint(&[text])));
        }
    }

    #[test]
    fn room_fills_the_pieces_that_memory_comes_in() {
        let of_four = [1, 4, 5, 8, 9, 32, 33, 40, 41, 64, 65].map(room::<u32>);
        assert_eq!(of_four, [4, 4, 8, 8, 12, 32, 40, 40, 48, 64, 80]);
        assert_eq!([1, 2, 3].map(room::<[u8; 40]>), [1, 2, 3]);
        assert_eq!(room::<()>(3), 16);
        let mut list = vec![0_u64; 3];
        make_room(&mut list);
        assert_eq!(list.capacity(), 4);
    }
}
