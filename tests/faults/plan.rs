//! What goes wrong in one run: drawn from its seed, and the same for the same seed.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The main trouble of a run. Small trouble, as lost deliveries and answers, is in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// None but the small ones, and crashes at any point.
    Rough,
    /// Producers send events up to three times.
    Repeated,
    /// The stream gives up what was not read, while nobody reads.
    ExpiredDown,
    /// The same under a reader.
    ExpiredRunning,
    /// The stream loses its tail, and gives the numbers again.
    Regressed,
    /// The stream is made anew.
    Recreated,
    /// Two owners of a partition at once: one was stopped and wakes.
    Stale,
    /// Snapshots that are not written, or damaged.
    Damaged,
    /// No state is kept, the server remembers what was acknowledged.
    Acknowledged,
    /// The same, and the process dies.
    Forgotten,
}

impl Class {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Rough,
        Self::Repeated,
        Self::ExpiredDown,
        Self::ExpiredRunning,
        Self::Regressed,
        Self::Recreated,
        Self::Stale,
        Self::Damaged,
        Self::Acknowledged,
        Self::Forgotten,
    ];

    fn keeps_state(self) -> bool {
        !matches!(self, Self::Acknowledged | Self::Forgotten)
    }

    /// Whether records are read again from the beginning of a stream.
    pub(crate) fn reads_again(self) -> bool {
        matches!(self, Self::Regressed | Self::Recreated)
    }
}

/// A fault of the program itself, to show that the suite would notice it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Batches are acknowledged before their alerts are published.
    AcknowledgesFirst,
    /// Ids of messages tell the stream nothing.
    RepeatsAlerts,
    /// Alerts pass whoever owns the partition.
    NoFence,
    /// What passed the fence behind the snapshot is not remembered.
    NoRecall,
    /// Records of the stream are not compared with what is remembered of them.
    TrustsNumbers,
    /// Numbers of deliveries are not looked at.
    TrustsDelivery,
    /// Snapshots are written before what came before them is settled.
    HastySnapshot,
    /// Snapshots stand a record behind what is in them.
    WrongPlace,
    /// Events are not known again by their ids.
    NoDedupe,
    /// Gaps are not told.
    SilentGap,
}

/// Chances of small trouble, each in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chances {
    pub(crate) lost: u32,
    pub(crate) swapped: u32,
    pub(crate) again: u32,
    pub(crate) broken: u32,
    pub(crate) refused: u32,
    pub(crate) unanswered: u32,
    pub(crate) slow: u32,
    pub(crate) crash: u32,
    pub(crate) unsaved: u32,
    pub(crate) damaged: u32,
}

/// Everything about one run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) class: Class,
    pub(crate) mutant: Option<Mutant>,
    /// Whether it is a partition with a fence, and no stream of one process.
    pub(crate) partition: bool,
    pub(crate) keeps_state: bool,
    pub(crate) story: usize,
    /// Whether the story is the one of alarms.
    pub(crate) alarms: bool,
    /// Messages fetched at once.
    pub(crate) batch: usize,
    /// Batches between the engine and settling, at most.
    pub(crate) behind: usize,
    /// Items between two snapshots.
    pub(crate) snapshot_every: u32,
    /// Bytes of a snapshot between two items.
    pub(crate) piece_bytes: usize,
    /// Items that the stream gets at once, at most.
    pub(crate) written_at_once: usize,
    pub(crate) crashes: u32,
    pub(crate) chances: Chances,
    /// After how many requests the first owner stands still, and for how many of the second's.
    pub(crate) stall: (u64, u64),
    /// Where in the story the main trouble comes, in thousandths.
    pub(crate) moment: usize,
    /// How many records it is about.
    pub(crate) extent: u64,
    /// Records among the events that are none: poison, canaries, other partitions', silence on record; in a thousand.
    pub(crate) odd: [u32; 4],
}

impl Plan {
    pub(crate) fn new(seed: u64, class: Class, mutant: Option<Mutant>, stories: usize) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x5EED_0F00_u64);
        let keeps_state = class.keeps_state();
        let partition = keeps_state && (class == Class::Stale || rng.gen_ratio(2, 5));
        let crashes = match class {
            Class::Rough | Class::Repeated | Class::Damaged | Class::Forgotten => rng.gen_range(1..6),
            Class::ExpiredDown => 1,
            _ => 0,
        };
        let mut some = |most: u32| if rng.gen_ratio(1, 2) { 0 } else { rng.gen_range(0..=most) };
        let damaged = class == Class::Damaged;
        let chances = Chances {
            lost: some(25),
            swapped: some(25),
            again: some(25),
            broken: some(15),
            refused: some(120),
            unanswered: some(120),
            slow: some(300),
            crash: 12,
            unsaved: if damaged { some(400) } else { some(30) },
            damaged: if damaged { 250 } else { 0 },
        };
        let odd = [some(40), some(60), some(120), if partition { some(60) } else { 0 }];
        // A snapshot that is too early shows where much waits to be settled when a process crashes, and it is an alert.
        let hasty = mutant == Some(Mutant::HastySnapshot);
        Self {
            seed,
            class,
            mutant,
            partition,
            keeps_state,
            story: rng.gen_range(0..stories),
            alarms: class == Class::Forgotten || hasty,
            batch: rng.gen_range(1..40),
            behind: if hasty { 20 } else { rng.gen_range(0..6) },
            snapshot_every: if hasty { 2 } else { rng.gen_range(2..20) },
            piece_bytes: 1 << rng.gen_range(8..17),
            written_at_once: rng.gen_range(1..60),
            crashes,
            chances,
            stall: (rng.gen_range(1..60), rng.gen_range(1..120)),
            moment: rng.gen_range(100..900),
            extent: rng.gen_range(1..30),
            odd,
        }
    }
}
