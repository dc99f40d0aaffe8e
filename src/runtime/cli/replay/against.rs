//! `humdrum replay --against`: two configurations over the same events, each with an engine on a thread of its own.
//!
//! Lines are read once and handed to both. Each decodes them by its own limits: that is a tenth of the work, and what one
//! of the two would refuse the other may not.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use indicatif::ProgressBar;

use super::{ReplayArgs, open, progress};
use crate::config::Config;
use crate::detect::{Engine, Output};
use crate::event::decode::{Envelope, Limits, decode};
use crate::registry::Registry;
use crate::report::backtest::{Backtest, Said};
use crate::runtime::cli::failure::Failure;
use crate::runtime::cli::output;
use crate::runtime::cli::settings::{self, Secrets, SettingsArgs};
use crate::runtime::geo::GeoDatabase;
use crate::runtime::lines::Lines;
use crate::runtime::{clock, present};

/// Bytes of lines that are handed over at a time. More is memory, fewer wakes threads for little.
const CHUNK_BYTES: usize = 512 * 1024;
/// Chunks on their way to each engine: the slower one holds the other up by no more than these.
const CHUNKS_QUEUED: usize = 8;

/// Lines, joined, with where each ends and how long it really is.
#[derive(Default)]
struct Chunk {
    text: Vec<u8>,
    lines: Vec<(usize, u64)>,
}

/// What came of one configuration.
struct Side {
    said: Said,
    geo: Option<GeoDatabase>,
    lines: u64,
    refused: u64,
}

/// Compares what the settings of the command line say with what those of `against` do.
pub(super) fn run(args: &ReplayArgs, against: &Path) -> Result<(), Failure> {
    let flags = || settings::flag("--registry", "registry", args.registry.as_ref()).into_iter().collect();
    let after = args.settings.load(flags(), Secrets::NotNeeded)?;
    let before = SettingsArgs::of_file(against).load(flags(), Secrets::NotNeeded)?;
    let bar = progress(&args.events)?;
    let bytes_max = before.limits.payload_bytes_max.max(after.limits.payload_bytes_max);
    let began = clock::monotonic();
    let sides = [start("humdrum-before", before)?, start("humdrum-after", after)?];
    let (senders, threads): (Vec<_>, Vec<_>) = sides.into_iter().unzip();
    read(args, bytes_max, &senders, &bar)?;
    drop(senders);
    let mut said = Vec::new();
    for thread in threads {
        said.push(thread.join().map_err(|_| anyhow!("an engine's thread died"))?);
    }
    bar.finish_and_clear();
    let (Some(after), Some(before)) = (said.pop(), said.pop()) else {
        return Err(Failure::Failed(anyhow!("an engine's thread is missing")));
    };
    let seconds = began.elapsed().as_secs_f64();
    let rate = if seconds > 0.0 { after.lines as f64 / seconds } else { 0.0 };
    let refused = format!("{} and {} refused", before.refused, after.refused);
    let told = format!("{} events through both in {seconds:.1} s, {rate:.0} a second; {refused}\n", after.lines);
    say(args, against, &Backtest::new(before.said, after.said))?;
    // The work is done; whether anybody listens to this changes nothing.
    io::stderr().lock().write_all(told.as_bytes()).ok();
    Ok(())
}

fn say(args: &ReplayArgs, against: &Path, test: &Backtest) -> Result<(), Failure> {
    if let Some(path) = &args.html {
        let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let after = args.settings.name().map_or_else(|| "the command line".to_owned(), name);
        let mut out = output::file(path)?;
        let page = present::backtest_html(test, &name(against), &after);
        out.write_all(page.as_bytes()).and_then(|()| out.flush()).context("the page cannot be written")?;
    }
    let mut out = output::stdout();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(test).context("it cannot be written as JSON")?)
    } else {
        write!(out, "{}", present::backtest(test))
    }
    .and_then(|()| out.flush())
    .context("the comparison cannot be written")?;
    Ok(())
}

type Started = (SyncSender<Arc<Chunk>>, JoinHandle<Side>);

fn start(name: &str, config: Config) -> Result<Started, Failure> {
    let (registry, geo) = (settings::registry_alone(&config)?, settings::geo(&config)?);
    let (send, chunks) = sync_channel(CHUNKS_QUEUED);
    let thread = std::thread::Builder::new().name(name.to_owned());
    let thread = thread.spawn(move || judge(config, registry, geo, &chunks)).context("no thread can be started")?;
    Ok((send, thread))
}

/// Hands the lines of all files to both. An engine whose thread has died is told of by whoever waits for it.
fn read(
    args: &ReplayArgs,
    bytes_max: usize,
    engines: &[SyncSender<Arc<Chunk>>],
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let mut chunk = Chunk::default();
    let hand_over = |chunk: &mut Chunk| {
        let full = Arc::new(std::mem::take(chunk));
        for engine in engines {
            engine.send(Arc::clone(&full)).ok();
        }
    };
    for path in &args.events {
        let name = path.to_string_lossy();
        let mut lines = Lines::new(open(path)?, bytes_max);
        let mut seen = 0;
        while let Some(line) = lines.next().with_context(|| format!("{name} cannot be read"))? {
            chunk.text.extend_from_slice(line.text);
            chunk.lines.push((chunk.text.len(), line.bytes));
            if chunk.text.len() >= CHUNK_BYTES {
                hand_over(&mut chunk);
                bar.inc(lines.bytes() - seen);
                seen = lines.bytes();
            }
        }
        bar.inc(lines.bytes() - seen);
    }
    hand_over(&mut chunk);
    Ok(())
}

fn judge(config: Config, registry: Registry, geo: Option<GeoDatabase>, chunks: &Receiver<Arc<Chunk>>) -> Side {
    let limits = config.limits;
    let mut engine = Engine::new(config.detection, registry);
    let mut output = Output::default();
    let mut side = Side { said: Said::default(), geo, lines: 0, refused: 0 };
    while let Ok(chunk) = chunks.recv() {
        let mut start = 0;
        for &(end, bytes) in &chunk.lines {
            side.line(&chunk.text[start..end], bytes, &limits, &mut engine, &mut output);
            start = end;
        }
    }
    engine.finish(&mut output);
    side.drain(&mut output);
    side
}

impl Side {
    fn line(&mut self, text: &[u8], bytes: u64, limits: &Limits, engine: &mut Engine, output: &mut Output) {
        self.lines += 1;
        let whole = bytes <= limits.payload_bytes_max as u64;
        match decode(text, &Envelope::default(), limits) {
            Ok(mut event) if whole => {
                if let Some(geo) = &mut self.geo {
                    geo.locate(&mut event);
                }
                engine.observe(event, output);
            }
            _ => self.refused += 1,
        }
        self.drain(output);
    }

    fn drain(&mut self, output: &mut Output) {
        self.refused += output.rejected.drain(..).count() as u64;
        for alert in output.alerts.drain(..) {
            self.said.take(&alert);
        }
    }
}
