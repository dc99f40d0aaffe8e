//! What an act looks like against what is known of its operator.

use smallvec::SmallVec;

use crate::event::Text;
use crate::time::Local;

/// In which way an act may be unlike its operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::detect) enum Facet {
    /// Nobody of that name has acted in the tenant.
    Newcomer,
    /// What was done.
    Action,
    /// To which bot.
    Bot,
    /// From which host.
    Host,
    /// From which network.
    Network,
    /// When.
    Hour,
    /// To how many bots on the day.
    Bots,
}

/// A facet with the probability of something at least as odd.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::detect) struct Odd {
    pub facet: Facet,
    pub p: f64,
    /// Whether it never was; else it is rare.
    pub never: bool,
}

/// What is known of second factors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::detect) enum Second {
    /// One was given.
    Given,
    /// The log says that none was given; with the probability that an act has none, as far as is known.
    None { p: f64 },
    /// The log says nothing, where it usually names one.
    Unsaid { p: f64 },
    /// The log says nothing, as usual.
    Unknown,
}

/// An operator who reached many bots within a day.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::detect) struct Burst {
    pub bots: u32,
    /// Acts of the day that rules tell of, and all.
    pub bare: u32,
    pub acts: u32,
    /// Usual number on a day.
    pub mean: f64,
    pub p: f64,
    /// Ids of the day's first acts before this one.
    pub events: Vec<Text>,
}

/// How unusual an act is.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::detect) struct Reading {
    /// All facets together; 1 where too little is known to say.
    pub p: f64,
    /// What is odd about it, least probable first.
    pub odd: SmallVec<[Odd; 2]>,
    pub second: Second,
    /// When it was, by the clock that operators are judged by.
    pub at: Local,
    /// Days on which somebody of that name acted, counted.
    pub days: u16,
    /// Share of the operator's acts without a ticket, once there are some.
    pub bare_share: Option<f64>,
    /// What the operator usually does, if anything; for a stranger, who else acts.
    pub usual: Vec<Text>,
    pub burst: Option<Burst>,
}

impl Reading {
    /// Whether a facet is among those that are odd.
    pub(in crate::detect) fn shows(&self, facet: Facet) -> bool {
        self.odd.iter().any(|odd| odd.facet == facet)
    }
}
