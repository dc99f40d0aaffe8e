//! Humdrum watches bots: RPA bots, service accounts and other identities that are nobody. They are boring by nature
//! (same systems, same order, same times, similar volumes), so that one which stops being boring is an incident until
//! proven otherwise. This page is the architecture: where things are, what holds everywhere, and why.
//!
//! # From above
//!
//! Events come in over NATS, are decoded, tied to a bot and put into the bot's session; each bot's own baseline of 14
//! to 30 days scores the session by nine detectors; the surprises become probabilities by the bot's own history of
//! daily surprises, are fused, and a verdict falls; the baseline learns, as much as the verdict allows; an alert opens, grows
//! or resolves, and goes into the alert log, to NATS, by its routes to receivers, and into the figures and the console. A pure, deterministic core does
//! all of that on event time; a thin shell around it does the input and output. Live operation, replay, the demo, the
//! measure and the tests run the same core.
//!
//! # The way of an event
//!
//! ```text
//! bytes ─ event::decode ─ frontier ─ bot ─ rules ─ session ─ score ─ calibrate ─ fuse ─ decide ─ explain ─ learn ─ alert book
//!         limits, meaning  is the    dedupe policy  feature   nine     rank and    mean    how      one      trust   one page
//!         or a refusal     time      late                     scorers  tail                often?   sentence by      a story
//!                          credible                                                                          verdict
//! ```
//!
//! What the operator decided about rules is asked where a broken rule becomes a finding; what somebody suppressed, or said
//! in feedback, where a finding goes into the book. Neither changes a verdict. Feedback is input: it is applied between two
//! events, at a place that the journal keeps, so that a replay with it comes out the same.
//!
//! # Code map
//!
//! | module | what is in it |
//! |---|---|
//! | [`time`] | instants, spans, zones; there is no `now` |
//! | [`event`] | what happened: decoding with limits and reasons, names as the models compare them, subjects |
//! | [`stats`] | streaming statistics that know nothing of bots, one a file |
//! | [`shape`] | how values lie in a snapshot, so that a later version reads an earlier one's |
//! | [`registry`] | what the organization says of its bots |
//! | [`alert`] | the alert on the wire, its life: one page a story, and who is told of it: routes, silences, escalation, bodies |
//! | [`detect`] | the engine: frontier, sessions, baselines, scorers, rules, verdicts, words, state |
//! | [`report`] | reports from the engine's facts and the registry: inventory, least privilege, risk, review; what a history taught; what another configuration would change |
//! | [`simulate`] | a fleet that never was, with labels; written against the contract, not against the detector |
//! | [`evaluate`] | the measure: recall, right reason, false alerts, time to detect |
//! | [`config`] | raw settings to valid ones, every fault at once |
//! | `runtime` | everything that touches sockets, files, clocks and threads; behind the feature `runtime` |
//!
//! Beside `src`: `models/` holds the detection profile, the table of standard tags, that of the rules and the model card;
//! `fixtures/` the scenarios and settings files that tests hold the program against; `grafana/` dashboards, alert rules and the runbook. `tests/it` are
//! the tests against real servers; `tests/faults` runs source, pipeline and fence over a simulated broker, through the seams
//! `runtime::source::upstream`, `runtime::notify::gate` and `runtime::pipeline::order`; `tests/fuzz` gives readers whatever comes.
//!
//! # Invariants
//!
//! 1. **Time comes from events.** What depends on time happens when the watermark moves ([`Engine::observe`],
//!    [`Engine::idle`]). Only the shell, on an idle source, moves it on, by the time that has passed since the last event
//!    and never to the wall clock. One event with a clock of its own moves nothing.
//! 2. **Same input, same output**, byte for byte: no hash order reaches an output, seeds come from settings, floats are
//!    added in a fixed order, timers fire in the order of their deadlines.
//! 3. **The core cannot fail** after decoding, restoring a snapshot excepted. It mentions no input or output: without
//!    the feature `runtime` it compiles alone, and lints keep clocks, files and threads out.
//! 4. **Score before learn**; what looks wrong is learned late and lightly, so that nobody teaches the baseline.
//! 5. **Everything is bounded**, each bound has a name, and reaching one is counted.
//! 6. **Settle last.** A batch is acknowledged after its alerts are logged and published; a snapshot carries the stream's
//!    sequence that it stands at, the alert log's place, who has been told of which alert and what is still owed to whom, so that a crash repeats work and loses none. Alert ids are the
//!    finding's own, so that what is repeated is recognized.
//! 7. **A restart changes nothing**: an engine restored from a snapshot at any place gives the alerts and the state of
//!    one that ran through. A property test cuts at random.
//! 8. **Layers point downward.** The table is data in `tests/it/tidy/table.rs`, and a test holds the sources to it.
//!
//! One engine serves all bots of a process, or of a partition where several members share the stream, on one thread:
//! state has no locks, and the watermark is the fleet's. Bots touch each other only through what they share: the watermark, whose host and whose secret is whose, which of them behave alike, how odd
//! silences are in general, the page budget where one is set, the logs that they write to, the accounts that their
//! tenant pays, who grants roles in it, who administers them, what kinds of hosts, networks and operations it has, and which of its systems are production's.
//!
//! [`Engine::observe`]: detect::Engine::observe
//! [`Engine::idle`]: detect::Engine::idle

pub mod alert;
pub mod config;
pub mod detect;
pub mod evaluate;
pub mod event;
pub mod registry;
pub mod report;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod shape;
pub mod simulate;
pub mod stats;
pub mod time;
