//! The demo on an embedded stream: the engine on a thread of its own, paced by the viewer.
//!
//! The channel between them is short, so that an alert that is being read holds the engine up: event time stands still
//! for the viewer, and nothing waits in memory.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;

use super::receiver::Receiver;
use super::show::Show;
use super::{DRAIN, DemoArgs, Outcome, linger, registry, tally, verify, webhook};
use crate::alert::{Alert, Whose};
use crate::detect::{Engine, Output, Settings, Stats};
use crate::runtime::clock;
use crate::runtime::http::{HttpParams, HttpServer};
use crate::runtime::metrics::{EngineMetrics, NotifyMetrics, ReceiverMetrics};
use crate::runtime::notify::dispatch::{Dispatch, DispatchParams, Owed};
use crate::simulate::{EventStream, FleetSpec, Summary};

/// Beats between engine and viewer.
const BEATS_QUEUED: usize = 4;

/// What the engine's thread tells.
enum Beat {
    Day(u64, Box<Stats>),
    Alert(Box<Alert>),
}

/// Runs the demo.
pub(super) async fn run(args: &DemoArgs, spec: FleetSpec, mut show: Show) -> anyhow::Result<()> {
    let metrics = prometheus::Registry::new();
    let (engine_metrics, notify_metrics) = (EngineMetrics::new(&metrics)?, NotifyMetrics::new(&metrics)?);
    let receiver = Receiver::start().await?;
    let webhooks = [webhook(&receiver)];
    let params = DispatchParams { webhooks: &webhooks, ..DispatchParams::default() };
    let mut dispatch = Dispatch::start(params, Owed::default(), &ReceiverMetrics::new(&metrics)?)?;
    let http =
        HttpServer::start(args.metrics_listen, HttpParams::default(), metrics.clone(), Arc::new(|| Ok(()))).await?;
    show.line(&format!(
        "{} simulated bots: {} days of peace to learn from, then {} days with attacks.\nMetrics: http://{}/metrics\n",
        spec.bots,
        spec.days_baseline,
        spec.days_test,
        http.address()
    ))?;
    show.begin(u64::from(spec.days_baseline));
    let (beats, mut told) = mpsc::channel(BEATS_QUEUED);
    let engine = tokio::task::spawn_blocking(move || pass(&spec, &beats));
    let (mut alerts, mut before) = (Vec::new(), Box::<Stats>::default());
    while let Some(beat) = told.recv().await {
        match beat {
            Beat::Day(day, stats) => {
                engine_metrics.update(&before, &stats);
                before = stats;
                show.day(day);
            }
            Beat::Alert(alert) => {
                notify_metrics.alert(&alert);
                let alert = Arc::new(*alert);
                dispatch.offer(&alert, &Whose::default());
                show.alert(&alert).await?;
                alerts.push((*alert).clone());
            }
        }
    }
    let summary = engine.await.context("the engine's thread died")??;
    dispatch.drain(clock::monotonic() + DRAIN).await;
    let outcome = Outcome { alerts, summary };
    tally(&outcome, &mut show)?;
    verify(&outcome, &receiver, http.address(), &mut show).await?;
    linger(args, http.address(), &mut show).await?;
    http.stop().await;
    Ok(())
}

/// Lets the fleet live, on a thread of its own.
fn pass(spec: &FleetSpec, beats: &mpsc::Sender<Beat>) -> anyhow::Result<Summary> {
    let mut stream = EventStream::new(spec);
    let mut engine = Engine::new(Settings::default(), registry(&stream.registry())?);
    let (mut output, first) = (Output::default(), spec.start.day_utc());
    let mut today = 0;
    for event in stream.by_ref() {
        let day = event.ts.day_utc() - first;
        engine.observe(event, &mut output);
        tell(&mut output, beats)?;
        if day > today {
            today = day;
            beats.blocking_send(Beat::Day(day as u64, Box::new(engine.stats())))?;
        }
    }
    engine.finish(&mut output);
    tell(&mut output, beats)?;
    beats.blocking_send(Beat::Day(today as u64 + 1, Box::new(engine.stats())))?;
    Ok(stream.finish())
}

fn tell(output: &mut Output, beats: &mpsc::Sender<Beat>) -> anyhow::Result<()> {
    for alert in output.alerts.drain(..) {
        beats.blocking_send(Beat::Alert(Box::new(alert)))?;
    }
    Ok(())
}
