//! Fixtures, and waiting on conditions.

pub(crate) mod alertmanager;
pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod files;
pub(crate) mod humdrum;
pub(crate) mod identity;
pub(crate) mod mmdb;
pub(crate) mod nats;
pub(crate) mod payroll;
pub(crate) mod post;
pub(crate) mod prometheus;
pub(crate) mod proxy;
pub(crate) mod running;
pub(crate) mod schema;
pub(crate) mod site;
pub(crate) mod webhook;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use ::prometheus::Registry;
use ::prometheus::proto::MetricFamily;

/// Waits until the condition holds; a test that waits longer than this has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until the condition holds, or fails the test with the name of what did not come.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl FnMut() -> F) {
    until_within(DEADLINE, what, condition).await;
}

/// The same with a deadline of its own, for what is a lot of work.
pub(crate) async fn until_within<F: Future<Output = bool>>(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> F,
) {
    let mut poll = tokio::time::interval(Duration::from_millis(10));
    let wait = async {
        while !condition().await {
            poll.tick().await;
        }
    };
    assert!(tokio::time::timeout(deadline, wait).await.is_ok(), "{what} did not come within {deadline:?}");
}

/// An address on loopback that nobody takes between this look and a server's start, nor while the server is down: its
/// port lies below those that the system gives out by itself, and each is for one server of this process only.
pub(crate) fn free_address() -> SocketAddr {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Processes that run at the same time begin at different places.
    let begin = std::process::id() as u16 % 120 * 100;
    let next = || {
        SocketAddr::from(([127, 0, 0, 1], FIRST + begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % COUNT))
    };
    let free = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    std::iter::repeat_with(next).take(usize::from(COUNT)).find(free).expect("a free port")
}

/// A program, started by others that stand before it.
pub(crate) fn under(before: &[String], program: &Path) -> Command {
    let Some((first, rest)) = before.split_first() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(rest).arg(program);
    command
}

/// Value of a counter or gauge with these labels; 0 where there is none.
pub(crate) fn figure(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> f64 {
    let families = registry.gather();
    let metrics = families.iter().filter(|family| family.name() == name).flat_map(MetricFamily::get_metric);
    metrics
        .filter(|metric| {
            let has = |(name, value): &(&str, &str)| {
                metric.get_label().iter().any(|label| label.name() == *name && label.value() == *value)
            };
            labels.iter().all(has)
        })
        .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
        .sum()
}
