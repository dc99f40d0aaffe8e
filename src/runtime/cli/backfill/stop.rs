//! A flag that SIGINT and SIGTERM raise, for work that stops at a place to go on from, which is milliseconds away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// The flag, watched over by a thread of its own for as long as the process lives.
pub(super) fn at_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.context("no thread can be started to wait for signals")?;
    let (mut terminate, mut interrupt) = {
        let _within = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        tracing::info!("stopping at the next place to go on from");
        raised.store(true, Ordering::Relaxed);
    };
    std::thread::Builder::new().name("humdrum-signals".to_owned()).spawn(wait)?;
    Ok(flag)
}
