//! A process's hold on the world: what it asks for, and what becomes of that.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::broker::{When, World};

/// A process's hold on the world. Requests of one that is dead get no answer.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    world: Arc<Mutex<World>>,
    /// Which of two owners it is.
    owner: usize,
    life: Arc<Life>,
}

#[derive(Debug, Default)]
struct Life {
    died: Notify,
    dead: AtomicBool,
}

/// Lets virtual time pass.
pub(crate) async fn pass(millis: u64) {
    tokio::time::timeout(Duration::from_millis(millis), pending::<()>()).await.ok();
}

impl Hold {
    pub(crate) fn new(world: &Arc<Mutex<World>>, owner: usize) -> Self {
        Self { world: Arc::clone(world), owner, life: Arc::default() }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is dead.
    pub(crate) fn is_dead(&self) -> bool {
        self.life.dead.load(Ordering::Relaxed)
    }

    /// Dies, now.
    pub(crate) fn strike(&self) {
        self.life.dead.store(true, Ordering::Relaxed);
        self.life.died.notify_one();
    }

    /// Waits for its death.
    pub(crate) async fn died(&self) {
        self.life.died.notified().await;
    }

    async fn die<T>(&self) -> T {
        self.strike();
        pending().await
    }

    /// Asks for something. The request or its answer may get lost; whoever asks may die on the way, or stand still.
    pub(crate) async fn ask<T>(&self, effect: impl FnOnce(&mut World) -> T) -> Result<T, String> {
        if self.is_dead() {
            return pending().await;
        }
        let fate = self.world().fate(self.owner);
        if fate.slow > 0 {
            pass(fate.slow).await;
        }
        if fate.stalls == Some(When::Before) {
            self.stand_still().await;
        }
        match fate.dies {
            Some(When::Before) => return self.die().await,
            None if fate.refused => return Err("refused".to_owned()),
            _ => {}
        }
        let done = effect(&mut self.world());
        if fate.stalls == Some(When::After) {
            self.stand_still().await;
        }
        if fate.dies.is_some() {
            return self.die().await;
        }
        if fate.unanswered { Err("no answer".to_owned()) } else { Ok(done) }
    }

    async fn stand_still(&self) {
        let begun = {
            let mut world = self.world();
            world.stalled = true;
            Arc::clone(&world.begun)
        };
        begun.notify_one();
        while !self.world().goes_on() {
            pass(5).await;
        }
    }
}
