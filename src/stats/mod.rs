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
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain(std::iter::once(0xff)) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

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
