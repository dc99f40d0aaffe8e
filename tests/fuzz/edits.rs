//! Inputs from a corpus: what is nearly right reaches further than what is all wrong.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Longest input. More only takes time.
const LENGTH_MAX: usize = 64 * 1024;
/// Edits of one input, at most.
const EDITS_MAX: u32 = 8;

/// What breaks parsers.
const PIECES: &[&str] = &[
    "",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    "[[",
    "]]",
    "{\"a\":",
    ",",
    ":",
    "=",
    "#",
    "null",
    "true",
    "-0",
    "-1",
    "1e999",
    "-1e999",
    "NaN",
    "inf",
    "0.0000000000000000000000001",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "9999-12-31T23:59:59.999999999Z",
    "-9999-01-01T00:00:00Z",
    "0000-00-00",
    "2026-02-30T25:61:61Z",
    "2026-05-04T06:00:00+99:99",
    "10000d",
    "\n",
    "\r\n",
    "\t",
    "'''",
    "\"\"\"",
    "ä",
    "💥",
    "%",
    "%zz",
    "*",
    ">",
    ".",
    "::ffff:127.0.0.1",
    "999.999.999.999",
    "id",
    "ts",
    "bot",
    "type",
];

/// The input of a number.
pub(crate) fn edited(corpus: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(number ^ 0xF0_2200);
    let mut input = corpus[rng.gen_range(0..corpus.len())].clone();
    for _ in 0..rng.gen_range(1..=EDITS_MAX) {
        edit(&mut input, corpus, &mut rng);
    }
    input.truncate(LENGTH_MAX);
    input
}

fn edit(input: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Xoshiro256PlusPlus) {
    let length = input.len();
    let at = rng.gen_range(0..=length);
    let until = (at + rng.gen_range(0..=length.min(40))).min(length);
    match rng.gen_range(0..8) {
        0 if at < length => input[at] ^= 1 << rng.gen_range(0..8),
        1 if at < length => input[at] = rng.r#gen(),
        2 => drop(input.drain(at..until)),
        3 => {
            let piece = input[at..until].to_vec();
            // Deep and long, now and then.
            let times = if rng.gen_ratio(1, 20) { 2000 } else { rng.gen_range(1..4) };
            let repeated = piece.repeat(times);
            input.splice(at..at, repeated);
        }
        4 => {
            let piece = PIECES[rng.gen_range(0..PIECES.len())].as_bytes();
            let times = if rng.gen_ratio(1, 30) { 5000 } else { 1 };
            input.splice(at..until, piece.repeat(times));
        }
        5 => {
            let other = &corpus[rng.gen_range(0..corpus.len())];
            let from = rng.gen_range(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        6 => {
            // A length, where there is one.
            let number: [u8; 5] = [0xff, 0xff, 0xff, 0xff, rng.gen_range(0..16)];
            input.splice(at..(at + number.len()).min(length), number);
        }
        _ => input.truncate(at),
    }
    input.truncate(LENGTH_MAX);
}
