//! Which events of a running session are worth a look at once.

use super::baseline::Baseline;
use super::bot::BotState;
use super::feature::Session;
use super::profile::Profile;
use super::score;
use crate::event::{Event, Kind, normalize};
use crate::stats::fingerprint;
use crate::stats::log_histogram::Bin;
use crate::time::Span;

/// P-value of a single call under which the running session is judged at once.
const CALL_P_ALARM: f64 = 1e-4;
/// P-value of a single call under which its volume is learned lightly.
const CALL_P_ODD: f64 = 0.01;

/// Counts what an event moved; whether that alone is odd enough to judge the session now.
pub(super) fn count_volume(
    bot: &mut BotState,
    slot: usize,
    event: &Event,
    called: Called<'_>,
    profile: &Profile,
) -> bool {
    let (name, number) = called;
    let (read, written) = (event.records_read.unwrap_or(0) as f64, event.records_written.unwrap_or(0) as f64);
    let bytes = event.bytes.unwrap_or(0) as f64;
    let hour = event.ts.as_micros().div_euclid(Span::HOUR.as_micros());
    bot.baseline.volumes.count([read, written, bytes, 1.0], hour as i32);
    // An endpoint's records are not compared with its bytes.
    let counted = event.records_read.is_some() || event.records_written.is_some();
    let moved = if counted { read + written } else { bytes };
    let Some(number) = number else { return false };
    let bin = Bin::of(moved);
    let p = score::p_call(&bot.baseline, number, bin, profile.volume.spread_floor);
    let trust = if p.is_some_and(|p| p < CALL_P_ODD) { profile.learn.trust_page } else { 1.0 };
    bot.baseline.graph.learn_moved(number, bin, trust);
    let session = &mut bot.sessions[slot];
    let Some(p) = p.filter(|p| session.extreme_call.is_none_or(|(least, ..)| *p < least)) else { return false };
    let Some(endpoint) = session.endpoints.iter().position(|known| known == name) else { return false };
    session.extreme_call = Some((p, endpoint as u16, moved));
    p < CALL_P_ALARM
}

/// Whether the number of calls has just reached a power of two, where the running volume is looked at again.
pub(super) fn session_doubled(session: &Session) -> bool {
    session.calls >= 8 && session.calls.is_power_of_two()
}

/// An endpoint that is called, by name, and by number where the bot knows it.
pub(super) type Called<'a> = (&'a str, Option<u16>);

/// Whether an event that a session has taken in shows a value that the baseline does not know.
pub(super) fn is_news(baseline: &Baseline, session: &Session, event: &Event, called: Option<Called<'_>>) -> bool {
    // What a transaction is about, the rules on money know better; its novelty can wait for the session's end.
    if matches!(event.kind, Kind::Transaction(_)) {
        return false;
    }
    let unknown_host = event.host.as_ref().is_some_and(|host| !baseline.hosts.knows(host));
    let unknown_network = event.ip.is_some_and(|ip| match session.only_network() {
        Some(network) => !baseline.networks.knows(network),
        None => !baseline.networks.knows(&normalize::network(ip)),
    });
    let unknown_device = event.device.as_ref().is_some_and(|device| !baseline.knows_device(device));
    let unknown_role = event.role.as_ref().is_some_and(|role| !baseline.roles.knows(role));
    let new_pair = match (&event.role, called) {
        (Some(role), Some((_, Some(number)))) => !baseline.graph.knows_role(number, fingerprint(&[role])),
        _ => false,
    };
    let unknown_endpoint = called.is_some_and(|(_, number)| number.is_none());
    unknown_host || unknown_network || unknown_device || unknown_role || unknown_endpoint || new_pair
}
