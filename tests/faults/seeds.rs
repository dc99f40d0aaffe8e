//! One run for each seed, over the classes in turn, on all cores.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::Notify;

use crate::broker::World;
use crate::check::wrong;
use crate::hold::{Hold, pass};
use crate::plan::{Class, Mutant, Plan};
use crate::process::{Ended, Figures, live};
use crate::story::{ALARMS, STORIES, Story};

/// Virtual time within which everything is read, whatever happens. Longer and it hangs.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Runs that are told of at length.
const TOLD_MAX: usize = 5;

/// What came of many runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Runs, and those of them in which the main trouble came, by class.
    pub(crate) runs: BTreeMap<Class, (u64, u64)>,
    pub(crate) wrong: Vec<String>,
}

/// What came of one run: whether the main trouble came, and everything that is wrong.
pub(crate) fn run(seed: u64, class: Class, mutant: Option<Mutant>, figures: &Figures) -> (bool, Vec<String>) {
    let plan = Plan::new(seed, class, mutant, STORIES.len());
    let story: &Story = if plan.alarms { &ALARMS } else { &STORIES[plan.story] };
    let world = Arc::new(Mutex::new(World::new(plan, story)));
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let ended = runtime.block_on(async {
        let lives = async {
            if class == Class::Stale {
                Box::pin(two_owners(&world, story, figures)).await
            } else {
                Box::pin(one(&world, story, figures)).await
            }
        };
        tokio::select! {
            biased;
            ended = tokio::time::timeout(PATIENCE, lives) => ended.ok().flatten(),
            () = produce(&world, story) => None,
        }
    });
    let world = world.lock().unwrap_or_else(PoisonError::into_inner);
    let wrong = match ended {
        Some((state, read)) => wrong(&world, story, &state, &read),
        None => vec!["it was not read to the end".to_owned()],
    };
    (world.troubled || world.stalled || world.crashes < world.plan.crashes, wrong)
}

/// One process after the other.
async fn one(world: &Arc<Mutex<World>>, story: &Story, figures: &Figures) -> Option<(Vec<u8>, Vec<usize>)> {
    loop {
        let hold = Hold::new(world, 0);
        match Box::pin(live(hold.clone(), story, figures)).await {
            Ended::Finished(state, read) => return Some((state, read)),
            Ended::Crashed => down(&mut hold.world(), story),
            Ended::Failed => pass(1000).await,
            Ended::Fenced => return None,
        }
    }
}

/// Nobody reads for a while.
fn down(world: &mut World, story: &Story) {
    if world.plan.class != Class::ExpiredDown || world.troubled {
        return;
    }
    world.write(story, 30);
    let extent = world.plan.extent;
    let first = world.last().saturating_sub(30) + 1 + extent;
    world.expire(first);
    world.troubled = true;
}

/// A process that stands still, and one that takes its partition over meanwhile.
async fn two_owners(world: &Arc<Mutex<World>>, story: &Story, figures: &Figures) -> Option<(Vec<u8>, Vec<usize>)> {
    let begun = Arc::clone(&world.lock().unwrap_or_else(PoisonError::into_inner).begun);
    let alone = Notify::new();
    let first = async {
        loop {
            let hold = Hold::new(world, 0);
            let ended = Box::pin(live(hold.clone(), story, figures)).await;
            match ended {
                // Whoever has stood still does not begin again.
                Ended::Failed if !hold.world().stalled => pass(1000).await,
                ended => {
                    alone.notify_one();
                    return ended;
                }
            }
        }
    };
    let second = async {
        tokio::select! {
            biased;
            () = begun.notified() => {}
            () = alone.notified() => return None,
        }
        let ended = second_owner(world, story, figures).await;
        world.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        Some(ended)
    };
    let (first, second) = tokio::join!(first, second);
    // Whoever stood still before it claimed is the newer owner when it wakes. Where it cannot begin then, the partition
    // has no owner, until somebody takes it again.
    match second.and_then(finished).or_else(|| finished(first)) {
        Some(done) => Some(done),
        None => finished(second_owner(world, story, figures).await),
    }
}

/// A process that stands by, and the next one where it could not begin.
async fn second_owner(world: &Arc<Mutex<World>>, story: &Story, figures: &Figures) -> Ended {
    loop {
        match Box::pin(live(Hold::new(world, 1), story, figures)).await {
            Ended::Failed => pass(1000).await,
            ended => return ended,
        }
    }
}

fn finished(ended: Ended) -> Option<(Vec<u8>, Vec<usize>)> {
    match ended {
        Ended::Finished(state, read) => Some((state, read)),
        _ => None,
    }
}

/// Writes the story, bit by bit, with the trouble of its class in it.
async fn produce(world: &Arc<Mutex<World>>, story: &Story) {
    let lock = || world.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let (pause, due) = {
            let mut world = lock();
            let written = world.length - world.script.len();
            (world.below(120), !world.troubled && written >= world.length * world.plan.moment / 1000)
        };
        pass(pause).await;
        if due {
            trouble(world, story).await;
        }
        let mut world = lock();
        let most = world.plan.written_at_once as u64;
        let count = 1 + world.below(most);
        world.write(story, count as usize);
        if world.script.is_empty() {
            break;
        }
    }
    std::future::pending::<()>().await;
}

async fn trouble(world: &Arc<Mutex<World>>, story: &Story) {
    let lock = || world.lock().unwrap_or_else(PoisonError::into_inner);
    let class = lock().plan.class;
    match class {
        Class::Regressed | Class::Recreated => {
            // Only what was read is known to be gone.
            while {
                let world = lock();
                world.place < world.last()
            } {
                pass(20).await;
            }
            let mut world = lock();
            tracing::debug!(?class, last = world.last(), place = world.place, "the stream's trouble");
            if class == Class::Recreated {
                world.recreate();
            } else {
                let count = world.plan.extent.min(world.last() - 1);
                world.regress(count);
            }
            world.place = 0;
            world.troubled = true;
        }
        Class::ExpiredRunning => {
            // What was given up before anything was read is nobody's loss.
            while lock().place == 0 {
                pass(20).await;
            }
            let mut world = lock();
            let before = world.last();
            let extent = world.plan.extent;
            world.write(story, extent as usize + 3);
            let first = (before + 1 + extent).min(world.last());
            tracing::debug!(?class, before, first, place = world.place, "the stream's trouble");
            world.expire(first);
            world.troubled = true;
        }
        _ => {}
    }
}

fn is_found(tally: &Mutex<Tally>) -> bool {
    !tally.lock().unwrap_or_else(PoisonError::into_inner).wrong.is_empty()
}

/// Runs seeds over these classes in turn, with a fault of the program, until it shows, or without.
pub(crate) fn run_all(from: u64, count: u64, classes: &[Class], mutant: Option<Mutant>) -> Tally {
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let figures = Figures::new();
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    let found = mutant.is_some() && is_found(&tally);
                    if nth >= count || found {
                        return;
                    }
                    let class = classes[((from + nth) % classes.len() as u64) as usize];
                    let (came, wrong) = run(from + nth, class, mutant, &figures);
                    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                    let runs = tally.runs.entry(class).or_default();
                    (runs.0, runs.1) = (runs.0 + 1, runs.1 + u64::from(came));
                    if let Some(first) = wrong.first() {
                        let more = wrong.len() - 1;
                        let told = tally.wrong.len() < TOLD_MAX;
                        let detail = if told { wrong.join("; ") } else { first.clone() };
                        tally.wrong.push(format!("seed {} ({class:?}): {detail} and {more} more", from + nth));
                    }
                }
            });
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}
