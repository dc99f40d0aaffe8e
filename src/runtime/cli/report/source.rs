//! The facts of a report: from the newest snapshot, or from files of events that the engine goes through first.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, anyhow};

use super::{CommonArgs, Facts};
use crate::config::Config;
use crate::detect::{Engine, Output};
use crate::event::Event;
use crate::event::decode::{Envelope, decode};
use crate::registry::Registry;
use crate::report::uses::Uses;
use crate::runtime::cli::failure::Failure;
use crate::runtime::cli::settings::{self, Secrets};
use crate::runtime::lines::Lines;
use crate::runtime::store;

/// The facts that the command line asks for.
pub(super) fn facts(args: &CommonArgs, uses: Option<&mut Uses>) -> Result<Facts, Failure> {
    let flags = [
        settings::flag("--state-dir", "state.dir", args.state_dir.as_ref()),
        settings::flag("--registry", "registry", args.registry.as_ref()),
    ];
    let config = args.settings.load(flags.into_iter().flatten().collect(), Secrets::NotNeeded)?;
    let registry = settings::registry_alone(&config)?;
    let engine =
        if args.events.is_empty() { restored(&config, registry)? } else { replayed(args, &config, registry, uses)? };
    let now = engine.watermark().ok_or_else(|| anyhow!("there is no event yet to report on"))?;
    Ok(Facts { bots: engine.facts(), logs: engine.logs(), registry: engine.registry().clone(), now })
}

fn restored(config: &Config, registry: Registry) -> Result<Engine, Failure> {
    let Some(state) = &config.state else {
        let advice = "name a state directory with `--state-dir DIR`, or files of events with `--events FILE`";
        return Err(Failure::Usage(anyhow!("no state directory is set to report on; {advice}")));
    };
    let dir = state.dir.display();
    let newest = store::newest(&state.dir).with_context(|| format!("the state directory {dir} cannot be read"))?;
    let checkpoint = newest.ok_or_else(|| anyhow!("{dir} has no snapshot yet"))?;
    let engine = Engine::restore(&checkpoint.engine, config.detection.clone(), registry);
    Ok(engine.with_context(|| format!("the snapshot in {dir} cannot be used"))?)
}

fn replayed(
    args: &CommonArgs,
    config: &Config,
    registry: Registry,
    mut uses: Option<&mut Uses>,
) -> Result<Engine, Failure> {
    let (mut engine, mut output) = (Engine::new(config.detection.clone(), registry), Output::default());
    let (mut refused, mut geo) = (0_u64, settings::geo(config)?);
    for path in &args.events {
        refused += read(
            path,
            config,
            |event| {
                if let Some(geo) = &mut geo {
                    geo.locate(event);
                }
                if let Some(uses) = &mut uses {
                    uses.note(event);
                }
            },
            &mut engine,
            &mut output,
        )?;
    }
    engine.finish(&mut output);
    if refused > 0 {
        tracing::warn!(events = refused, "lines are no events that count; `humdrum replay --rejected F` says why");
    }
    Ok(engine)
}

/// Takes the events of a file in; how many lines are none.
fn read(
    path: &Path,
    config: &Config,
    mut see: impl FnMut(&mut Event),
    engine: &mut Engine,
    output: &mut Output,
) -> anyhow::Result<u64> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("{name} cannot be read"))?;
    let (mut lines, mut refused) = (Lines::new(file, config.limits.payload_bytes_max), 0);
    while let Some(line) = lines.next().with_context(|| format!("{name} cannot be read"))? {
        match decode(line.text, &Envelope::default(), &config.limits) {
            Ok(mut event) => {
                see(&mut event);
                engine.observe(event, output);
            }
            Err(_) => refused += 1,
        }
        refused += output.rejected.len() as u64;
        output.rejected.clear();
        output.alerts.clear();
    }
    Ok(refused)
}
