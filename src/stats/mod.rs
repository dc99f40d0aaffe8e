//! Streaming statistics that know nothing of bots: one estimator or test a file, each with its formula, its source,
//! its bound and the bytes it takes.
//!
//! They share one idea of forgetting: weights are multiplied by [`forget`] once for each day that passed.

pub mod calibrate;
pub mod combine;
pub mod daily_peak;
pub mod half;
pub mod hours;
pub mod levels;
pub mod log_histogram;
pub mod novelty;
pub mod presence;
pub mod rhythm;
pub mod sparse;
pub mod temper;
pub mod week;
pub mod weighted;

/// The factor by which weights shrink over `days`, for a window of `window_days`.
///
/// An exponential that leaves a quarter of the weight at the window's end. Values are dropped there whatever their weight.
#[must_use]
pub fn forget(days: f64, window_days: f64) -> f64 {
    (-4.0 / 3.0 * days.max(0.0) / window_days).exp()
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
        list.reserve_exact(1 + list.len() / 4);
    }
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
