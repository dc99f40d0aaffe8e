//! The demo on an embedded stream: the engine on a thread of its own, paced by the viewer.
//!
//! The channel between them is short, so that an alert that is being read holds the engine up: event time stands still
//! for the viewer, and nothing waits in memory. Meanwhile, and after the end, it answers the console and takes feedback.

use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::receiver::Receiver;
use super::show::Show;
use super::{DRAIN, DemoArgs, Outcome, linger, registry, tally, verify, webhook};
use crate::alert::{Alert, Whose};
use crate::detect::{Engine, Output, Settings, Stats};
use crate::runtime::archive::Archive;
use crate::runtime::clock;
use crate::runtime::console::{Console, ConsoleParts};
use crate::runtime::evidence::{Evidence, Recent};
use crate::runtime::feedback::desk::FeedbackDesk;
use crate::runtime::http::{HttpParams, HttpServer};
use crate::runtime::inquiry::{Inbox, inquiry};
use crate::runtime::metrics::{EngineMetrics, FeedbackMetrics, NotifyMetrics, ReceiverMetrics};
use crate::runtime::notify::dispatch::{Dispatch, DispatchParams, Owed};
use crate::simulate::{EventStream, FleetSpec, Summary};

/// Events that the console can read back, of all bots together; each is about half a kilobyte.
const EVENTS_KEPT: usize = 150_000;
/// Beats between engine and viewer.
const BEATS_QUEUED: usize = 4;

/// What the engine's thread tells.
enum Beat {
    Day(u64, Box<Stats>),
    Alert(Box<Alert>),
    End(Box<Summary>),
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
    let (inquiry, inbox) = inquiry(|| {});
    let stream = EventStream::new(&spec);
    let engine = Engine::new(Settings::default(), registry(&stream.registry())?);
    let (feedbacks, desk) = FeedbackDesk::new(&engine, None, FeedbackMetrics::new(&metrics)?);
    let (archive, recent) = (Archive::default(), Recent::new((EVENTS_KEPT / spec.bots.max(1)).max(1)));
    let evidence = Evidence::Recent(recent.clone());
    let parts = ConsoleParts { inquiry, feedbacks, archive: archive.clone(), evidence, health: None };
    let console = Console::start(&super::console(args), parts).await?;
    show.line(&format!(
        "{} simulated bots: {} days of peace to learn from, then {} days with attacks.\nConsole: http://{}/\nMetrics: \
         http://{}/metrics\n",
        spec.bots,
        spec.days_baseline,
        spec.days_test,
        console.address(),
        http.address()
    ))?;
    show.begin(u64::from(spec.days_baseline));
    let (beats, mut told) = mpsc::channel(BEATS_QUEUED);
    let (kept, output) = (archive.clone(), Output::default());
    let stage = Stage { engine, output, beats, inbox, desk, recent, archive: kept };
    let engine = tokio::task::spawn_blocking(move || stage.pass(stream, spec.start.day_utc()));
    let (mut alerts, mut before, mut summary) = (Vec::new(), Stats::default(), None);
    while let Some(beat) = told.recv().await {
        match beat {
            Beat::Day(day, stats) => {
                engine_metrics.update(&before, &stats);
                before = *stats;
                show.day(day);
            }
            Beat::Alert(alert) => {
                notify_metrics.alert(&alert);
                let alert = Arc::new(*alert);
                archive.record([&alert]);
                dispatch.offer(&alert, &Whose::default());
                show.alert(&alert).await?;
                alerts.push((*alert).clone());
            }
            Beat::End(end) => {
                summary = Some(*end);
                break;
            }
        }
    }
    let Some(summary) = summary else {
        engine.await.context("the engine's thread died")??;
        bail!("the engine's thread ended early");
    };
    dispatch.drain(clock::monotonic() + DRAIN).await;
    let outcome = Outcome { alerts, summary };
    tally(&outcome, &mut show)?;
    verify(&outcome, &receiver, http.address(), &mut show).await?;
    linger(args, http.address(), console.address(), &mut show).await?;
    console.stop().await;
    http.stop().await;
    // The engine's thread ends with the last who could ask it.
    Ok(())
}

/// The engine's thread: what it tells, what it is asked and told, and the events that it remembers for the console.
struct Stage {
    engine: Engine,
    output: Output,
    beats: mpsc::Sender<Beat>,
    inbox: Inbox,
    desk: FeedbackDesk,
    recent: Recent,
    archive: Archive,
}

impl Stage {
    /// Lets the fleet live, then answers until nobody asks any more.
    fn pass(mut self, mut stream: EventStream, first: i64) -> anyhow::Result<()> {
        let mut today = 0;
        for event in stream.by_ref() {
            let day = event.ts.day_utc() - first;
            self.recent.keep(&event);
            self.engine.observe(event, &mut self.output);
            self.inbox.answer(&self.engine, || true);
            self.desk.answer(&mut self.engine, &mut self.output);
            self.alerts()?;
            if day > today {
                today = day;
                self.day(day)?;
            }
        }
        self.engine.finish(&mut self.output);
        self.alerts()?;
        self.day(today + 1)?;
        self.tell(Beat::End(Box::new(stream.finish())))?;
        self.serve();
        Ok(())
    }

    fn day(&mut self, day: i64) -> anyhow::Result<()> {
        let stats = Box::new(self.engine.stats());
        self.tell(Beat::Day(day as u64, stats))
    }

    /// Tells all alerts; while one waits, feedback may end others.
    fn alerts(&mut self) -> anyhow::Result<()> {
        while !self.output.alerts.is_empty() {
            for alert in std::mem::take(&mut self.output.alerts) {
                self.tell(Beat::Alert(Box::new(alert)))?;
            }
        }
        Ok(())
    }

    /// Waits for the viewer, and answers meanwhile.
    fn tell(&mut self, beat: Beat) -> anyhow::Result<()> {
        match self.beats.try_send(beat) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => bail!("nobody watches any more"),
            Err(TrySendError::Full(beat)) => {
                let beats = self.beats.clone();
                Handle::current().block_on(async {
                    let mut room = std::pin::pin!(beats.reserve());
                    loop {
                        tokio::select! {
                            room = room.as_mut() => {
                                room?.send(beat);
                                return Ok(());
                            }
                            Some(asked) = self.inbox.next() => asked.answer(&self.engine),
                            () = self.desk.heard() => self.desk.answer(&mut self.engine, &mut self.output),
                        }
                    }
                })
            }
        }
    }

    /// Answers until nobody can ask any more. What feedback ends shows in the console.
    fn serve(&mut self) {
        Handle::current().block_on(async {
            loop {
                tokio::select! {
                    asked = self.inbox.next() => match asked {
                        Some(asked) => asked.answer(&self.engine),
                        None => return,
                    },
                    () = self.desk.heard() => {
                        self.desk.answer(&mut self.engine, &mut self.output);
                        let ended: Vec<Arc<Alert>> = self.output.alerts.drain(..).map(Arc::new).collect();
                        self.archive.record(&ended);
                    }
                }
            }
        });
    }
}
