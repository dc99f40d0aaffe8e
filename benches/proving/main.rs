//! The proving ground: how well the detector detects, over many simulated fleets or one that lies in a folder.
//!
//! `cargo bench --bench proving --no-default-features -- COMMAND [--seeds 1,2,3] [--bots 200] [--days 28,14]`, where
//! `--days` are those of the baseline and of the test:
//!
//! - `fleets [--folder DIR] [--show N]`: recall, right reason, false pages and time to detect, by seed and by scenario;
//!   and up to N attacks that were missed or told for another reason, and N false pages, with what was said;
//! - `clean`: fleets on which nothing is wrong: what pages all the same;
//! - `standing`: what the rules on identities find, and what they page for on clean fleets;
//! - `privileges`: the report on least privilege against what the simulator granted and did;
//! - `calibration`: what p-values mean, on clean fleets, by detector, kind of bot and experience;
//! - `poison`: how far one gets who teaches the baseline slowly, a run a seed;
//! - `rivals`: other methods on the very same events.
//!
//! Without a command it prints this list, so that running all benches does not take hours.

#![expect(clippy::expect_used, reason = "a bench that cannot set up ends")]

mod calibration;
mod clean;
mod fleet;
mod fleets;
mod poison;
mod privileges;
mod rivals;
mod standing;
mod wish;

use std::io::{Error, Result, Write, stdout};

use mimalloc::MiMalloc;
use wish::Wish;

/// As in the program.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

const USAGE: &str = "proving fleets|clean|standing|privileges|calibration|poison|rivals [--seeds 1,2,3] [--bots 200] [--days 28,14] [--folder DIR] [--show 0]";

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench").peekable();
    let mut out = stdout().lock();
    let Some(command) = args.next_if(|arg| !arg.starts_with('-')) else {
        return writeln!(out, "{USAGE}");
    };
    let wish = |bots, days| {
        let wish = Wish::read(args, bots, days).map_err(Error::other)?;
        let readable = wish.folders.is_empty() || command == "fleets";
        if readable { Ok(wish) } else { Err(Error::other("only `fleets` reads folders")) }
    };
    match command.as_str() {
        "fleets" => fleets::prove(&wish(200, (28, 14))?, &mut out),
        "clean" => clean::prove(&wish(50, (28, 337))?, &mut out),
        "standing" => standing::prove(&wish(120, (90, 42))?, &mut out),
        "privileges" => privileges::prove(&wish(120, (90, 42))?, &mut out),
        "calibration" => calibration::prove(&wish(100, (28, 28))?, &mut out),
        "poison" => poison::prove(&wish(1, (28, 240))?, &mut out),
        "rivals" => rivals::prove(&wish(200, (28, 14))?, &mut out),
        _ => Err(Error::other(USAGE)),
    }
}
