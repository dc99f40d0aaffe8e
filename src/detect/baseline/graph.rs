//! The call graph: which endpoints a bot touches, which one follows which, with which roles and how much each moves.
//!
//! Endpoints and edges are counted by sessions that show them, not by calls: the way out of a loop is one call in a
//! thousand and still part of every run. Endpoints keep their number for life, since edges name it; an endpoint that
//! expires takes its edges along and leaves its number to the next. Bounded by `operations_max` and `edges_max`.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Trust;
use crate::detect::feature::Session;
use crate::detect::profile::Profile;
use crate::event::normalize::family;
use crate::event::{Text, same};
use crate::stats::log_histogram::{Bin, LogHistogram};
use crate::stats::{GONE, fingerprint, give_back, make_room};

/// Number of the virtual endpoint before the first call.
pub(in crate::detect) const START: u16 = u16::MAX;
/// Number of the virtual endpoint after the last call.
pub(in crate::detect) const END: u16 = u16::MAX - 1;
/// Roles remembered for one endpoint; more are not told apart.
const ROLES_MAX: usize = 16;

/// Endpoints and edges of one bot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::detect) struct CallGraph {
    endpoints: Vec<Endpoint>,
    /// Sorted by `from`, `to`.
    edges: Vec<Edge>,
    /// Sessions with at least one call, weighted by age and trust.
    sessions: f32,
    /// Days with at least one call, weighted by age.
    days: f32,
    last_day: i32,
    /// Most endpoints that it may hold; set by the engine.
    pub endpoints_max: u16,
    /// Number of the endpoint that was looked for last: the next one mostly is it, or stands behind it.
    #[serde(skip)]
    at: u16,
}

/// One endpoint; an empty name marks a number that is free.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::detect) struct Endpoint {
    pub name: Text,
    /// Sessions that touched it, weighted by age and trust.
    pub sessions: f32,
    /// Days on which it was touched, weighted by age and trust.
    pub days: f32,
    pub seen_days: u16,
    pub last_day: i32,
    /// What one call of it moves: records, or bytes where none are counted.
    pub moved: LogHistogram,
    roles: SmallVec<[RoleUse; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct RoleUse {
    role: u32,
    weight: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Edge {
    from: u16,
    to: u16,
    sessions: f32,
}

/// Numbers of a session's endpoints.
pub(in crate::detect) type Numbers = SmallVec<[Option<u16>; 16]>;

/// Days from which an endpoint says whether the bot uses several roles on one.
const PAIRED_DAYS_MIN: f32 = 1.5;
/// Trust in sessions below which an endpoint still counts as never touched.
const KNOWN_MIN: f32 = 0.5;

/// Share of the sessions that is said to go by an endpoint that somebody vouches for. Less: its steps are odd.
const VOUCHED_SHARE: f32 = 0.15;
/// Endpoints beside which it is usual then. More: one word fills the edges.
const VOUCHED_BESIDE_MAX: usize = 64;

/// New endpoints of a session, the last ones, that are asked what they are about. More: a session of a thousand of them
/// takes seconds. Fewer: one about something else goes unseen between some that come with it, and is seen when it comes.
pub(in crate::detect) const KIN_ASKED_MAX: usize = 8;

impl CallGraph {
    /// Skims the parts of it that a call needs: the number says nothing.
    pub(in crate::detect) fn skim(&self) -> usize {
        self.endpoints.len() ^ usize::from(self.at)
    }

    /// The same of the endpoint that is mostly called next.
    pub(in crate::detect) fn skim_on(&self) -> usize {
        self.next().map_or(0, |endpoint| endpoint.name.len() ^ usize::from(endpoint.seen_days))
    }

    /// The same of its name, and of what it moves.
    pub(in crate::detect) fn skim_further(&self) -> usize {
        let of_name = |endpoint: &Endpoint| endpoint.name.as_bytes().first().map_or(0, |byte| usize::from(*byte));
        self.next().map_or(0, |endpoint| of_name(endpoint) ^ endpoint.moved.skim())
    }

    /// The endpoint that is mostly called next.
    fn next(&self) -> Option<&Endpoint> {
        self.endpoints.get(usize::from(self.at) + 1).or(self.endpoints.first())
    }

    /// The number of an endpoint that is trusted.
    pub(in crate::detect) fn number(&self, name: &str) -> Option<u16> {
        self.known(self.place(name, 0)?)
    }

    /// The same for the endpoint that is called now.
    pub(in crate::detect) fn number_now(&mut self, name: &str) -> Option<u16> {
        let at = self.place(name, usize::from(self.at))?;
        self.at = at as u16;
        self.known(at)
    }

    /// The numbers of a session's endpoints, where they are trusted.
    pub(in crate::detect) fn numbers(&self, session: &Session) -> Numbers {
        let mut next = 0;
        let place = |name| {
            let at = self.place(name, next)?;
            next = at + 1;
            self.known(at)
        };
        session.endpoints.iter().map(Text::as_str).map(place).collect()
    }

    fn known(&self, at: usize) -> Option<u16> {
        (self.endpoints[at].days >= KNOWN_MIN).then_some(at as u16)
    }

    /// Where an endpoint stands, looked for from one number on: first sight gave the numbers, and sessions go about as the
    /// first one did.
    fn place(&self, name: &str, from: usize) -> Option<usize> {
        let (before, behind) = self.endpoints.split_at(from.min(self.endpoints.len()));
        let is_it = |endpoint: &Endpoint| same(&endpoint.name, name);
        behind.iter().position(is_it).map(|at| before.len() + at).or_else(|| before.iter().position(is_it))
    }

    /// An endpoint by number.
    pub(in crate::detect) fn endpoint(&self, number: u16) -> Option<&Endpoint> {
        self.endpoints.get(usize::from(number)).filter(|endpoint| !endpoint.name.is_empty())
    }

    /// An empty graph with the same bounds.
    pub(in crate::detect) fn fresh(&self) -> Self {
        Self { endpoints_max: self.endpoints_max, ..Self::default() }
    }

    /// How many endpoints are known.
    pub(in crate::detect) fn len(&self) -> usize {
        self.endpoints.iter().filter(|endpoint| endpoint.days >= KNOWN_MIN).count()
    }

    /// Surprise of an endpoint never touched, in nats: by days, as for all novelty.
    pub(in crate::detect) fn new_endpoint_surprise(&self, profile: &Profile, today: i32) -> f64 {
        let once = self.endpoints.iter().filter(|e| !e.name.is_empty() && e.seen_days == 1 && e.last_day < today);
        let once: f64 = once.map(|e| f64::from(e.days.min(1.0))).sum();
        let prior = profile.novelty_prior();
        -prior.chance(once, f64::from(self.days)).ln()
    }

    /// Whether an endpoint that is trusted is about the same. Goes over all of them: see [`KIN_ASKED_MAX`].
    pub(in crate::detect) fn knows_kin(&self, name: &str) -> bool {
        let kin = family(name);
        self.endpoints.iter().any(|endpoint| endpoint.days >= KNOWN_MIN && family(&endpoint.name) == kin)
    }

    /// Surprise of a step from one known endpoint to another, in nats.
    pub(in crate::detect) fn edge_surprise(&self, from: u16, to: u16, profile: &Profile) -> f64 {
        let sequence = &profile.sequence;
        let seen = self.edge(from, to).map_or(0.0, |edge| f64::from(edge.sessions));
        let out = if from == START {
            f64::from(self.sessions)
        } else {
            self.endpoint(from).map_or(0.0, |e| f64::from(e.sessions))
        };
        let share = (seen + sequence.edge_prior_sessions) / (out + sequence.backoff_sessions);
        -share.min(1.0).ln()
    }

    /// Whether a step was taken in a session that is trusted.
    pub(in crate::detect) fn knows_edge(&self, from: u16, to: u16) -> bool {
        self.edge(from, to).is_some_and(|edge| edge.sessions >= KNOWN_MIN)
    }

    /// The most usual step from an endpoint.
    pub(in crate::detect) fn usual_next(&self, from: u16) -> Option<u16> {
        let edges = self.edges.iter().filter(|edge| edge.from == from);
        edges.max_by(|a, b| a.sessions.total_cmp(&b.sessions).then(b.to.cmp(&a.to))).map(|edge| edge.to)
    }

    /// All endpoints with their numbers, known or not.
    pub(in crate::detect) fn endpoints(&self) -> impl Iterator<Item = (u16, &Endpoint)> {
        let numbered = self.endpoints.iter().enumerate().map(|(at, endpoint)| (at as u16, endpoint));
        numbered.filter(|(_, endpoint)| !endpoint.name.is_empty())
    }

    /// All edges: from, to, and the sessions that show them, weighted by age and trust.
    pub(in crate::detect) fn edges(&self) -> impl Iterator<Item = (u16, u16, f64)> {
        self.edges.iter().map(|edge| (edge.from, edge.to, f64::from(edge.sessions)))
    }

    /// Sessions with at least one call, weighted by age and trust.
    pub(in crate::detect) fn sessions(&self) -> f64 {
        f64::from(self.sessions)
    }

    /// Whether a role, by its fingerprint, was used on an endpoint.
    pub(in crate::detect) fn knows_role(&self, number: u16, role: u64) -> bool {
        let print = role as u32;
        self.endpoint(number).is_some_and(|e| e.roles.iter().any(|used| used.role == print && used.weight >= KNOWN_MIN))
    }

    /// Chance that a call of an endpoint is made by a role that was never used on it and makes up a `share` of the bot's
    /// work: a Dirichlet back-off from the endpoint's own roles to all of the bot's, `α share / (n + α)` after `n` days.
    /// `α` is what the bot does elsewhere: endpoints with several roles over those with one, with a prior of `mixed` of
    /// the former and one of the latter.
    pub(in crate::detect) fn pair_chance(&self, number: u16, share: f64, mixed: f64) -> f64 {
        let Some(endpoint) = self.endpoint(number) else { return 1.0 };
        let (mut several, mut one) = (mixed, 1.0);
        for known in self.endpoints.iter().filter(|known| known.days >= PAIRED_DAYS_MIN) {
            match known.roles.iter().filter(|used| used.weight >= KNOWN_MIN).count() {
                0 => {}
                1 => one += 1.0,
                _ => several += 1.0,
            }
        }
        let alpha = several / one;
        alpha * share / (f64::from(endpoint.days) + alpha)
    }

    /// Learns a judged session. Says how many bounds cut something.
    pub(in crate::detect) fn learn(&mut self, session: &Session, day: i32, trust: Trust, profile: &Profile) -> u64 {
        if session.endpoints.is_empty() {
            return 0;
        }
        if day > self.last_day || self.days <= 0.0 {
            self.days += 1.0;
            self.last_day = self.last_day.max(day);
        }
        self.sessions += trust.sequence as f32;
        let mut limited = 0;
        let mut next = 0;
        let mut touch = |name| {
            let number = self.touch(name, next, day, trust.sequence);
            next = number.map_or(next, |number| usize::from(number) + 1);
            number
        };
        let numbers: Numbers = session.endpoints.iter().map(&mut touch).collect();
        limited += numbers.iter().filter(|number| number.is_none()).count() as u64;
        let mut last: Option<(&Text, u64)> = None;
        for (role, at) in &session.roles {
            if let Some(number) = at.and_then(|at| numbers[usize::from(at)]) {
                let known = last.filter(|(name, _)| *name == role);
                let (_, print) = *last.insert(known.unwrap_or_else(|| (role, fingerprint(&[role]))));
                self.learn_role(number, print, trust.privilege);
            }
        }
        let path = session.path();
        let mut edges: SmallVec<[(u16, u16); 32]> = SmallVec::with_capacity(path.len() + 1);
        let mut from = START;
        for to in path.iter().filter_map(|&at| numbers[usize::from(at)]) {
            edges.push((from, to));
            from = to;
        }
        edges.push((from, END));
        edges.sort_unstable();
        edges.dedup();
        for (from, to) in edges {
            limited += u64::from(!self.learn_edge(from, to, trust.sequence, profile.sequence.edges_max));
        }
        limited
    }

    /// Learns what one call of a known endpoint moved.
    pub(in crate::detect) fn learn_moved(&mut self, number: u16, moved: Bin, trust: f64) {
        if let Some(endpoint) = self.endpoints.get_mut(usize::from(number)) {
            endpoint.moved.learn_in(moved, trust);
        }
    }

    /// Shrinks the weights; endpoints unseen since `oldest_day` go with their edges.
    pub(in crate::detect) fn forget(&mut self, factor: f64, oldest_day: i32) {
        let factor32 = factor as f32;
        self.sessions *= factor32;
        self.days *= factor32;
        for endpoint in self.endpoints.iter_mut().filter(|endpoint| !endpoint.name.is_empty()) {
            if endpoint.last_day < oldest_day {
                *endpoint = Endpoint::free();
                continue;
            }
            endpoint.sessions *= factor32;
            endpoint.days *= factor32;
            endpoint.moved.forget(factor);
            for used in &mut endpoint.roles {
                used.weight *= factor32;
            }
        }
        while self.endpoints.last().is_some_and(|endpoint| endpoint.name.is_empty()) {
            self.endpoints.pop();
        }
        let endpoints = &self.endpoints;
        let lives = |n: u16| n >= END || endpoints.get(usize::from(n)).is_some_and(|e| !e.name.is_empty());
        for edge in &mut self.edges {
            edge.sessions *= factor32;
        }
        self.edges.retain(|edge| edge.sessions > GONE && lives(edge.from) && lives(edge.to));
        give_back(&mut self.edges);
        give_back(&mut self.endpoints);
    }

    /// Bytes on the heap.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        let spilled = |text: &Text| if text.is_heap_allocated() { text.len() } else { 0 };
        let within: usize = self.endpoints.iter().map(|e| spilled(&e.name) + e.moved.heap_bytes()).sum();
        self.endpoints.capacity() * size_of::<Endpoint>() + self.edges.capacity() * size_of::<Edge>() + within
    }

    /// Takes somebody's word that an endpoint is usual, before and after each of the others and with any of these roles.
    pub(in crate::detect) fn vouch(&mut self, name: &str, word: (i32, f32), roles: &[Text], edges_max: usize) {
        let (day, days) = word;
        let share = VOUCHED_SHARE * self.sessions;
        let known = self.endpoints.iter().position(|endpoint| endpoint.name == name);
        let Some(at) = known.or_else(|| self.make_room()) else { return };
        let endpoint = &mut self.endpoints[at];
        if endpoint.name.is_empty() {
            endpoint.name = Text::from(name);
        }
        endpoint.days += days;
        endpoint.sessions += share;
        endpoint.last_day = endpoint.last_day.max(day);
        for role in roles {
            self.learn_role(at as u16, fingerprint(&[role]), f64::from(days));
        }
        let beside: Vec<(u16, f32)> = std::iter::once((START, self.sessions))
            .chain(
                self.endpoints
                    .iter()
                    .enumerate()
                    .filter(|(_, e)| !e.name.is_empty())
                    .map(|(n, e)| (n as u16, e.sessions)),
            )
            .filter(|(n, _)| usize::from(*n) != at)
            .take(VOUCHED_BESIDE_MAX)
            .collect();
        for (other, sessions) in beside {
            self.learn_edge(other, at as u16, f64::from(VOUCHED_SHARE * sessions), edges_max);
            let to = if other == START { END } else { other };
            self.learn_edge(at as u16, to, f64::from(VOUCHED_SHARE * share), edges_max);
        }
    }

    /// Takes that word back; what is left of it after the forgetting is `days`. Steps that were vouched for fade.
    pub(in crate::detect) fn disown(&mut self, name: &str, days: f32) {
        let Some(at) = self.endpoints.iter().position(|endpoint| endpoint.name == name) else { return };
        let endpoint = &mut self.endpoints[at];
        endpoint.days = (endpoint.days - days).max(0.0);
        if endpoint.seen_days == 0 {
            *endpoint = Endpoint::free();
            self.edges.retain(|edge| usize::from(edge.from) != at && usize::from(edge.to) != at);
        }
    }

    fn touch(&mut self, name: &Text, from: usize, day: i32, trust: f64) -> Option<u16> {
        let at = match self.place(name, from) {
            Some(at) => at,
            None => self.make_room()?,
        };
        let endpoint = &mut self.endpoints[at];
        if endpoint.name.is_empty() {
            endpoint.name.clone_from(name);
        }
        endpoint.sessions += trust as f32;
        if day > endpoint.last_day {
            endpoint.days += trust as f32;
            endpoint.seen_days = endpoint.seen_days.saturating_add(1);
            endpoint.last_day = day;
        } else if f64::from(endpoint.days) < trust {
            endpoint.days = trust as f32;
        }
        Some(at as u16)
    }

    fn make_room(&mut self) -> Option<usize> {
        if let Some(at) = self.endpoints.iter().position(|endpoint| endpoint.name.is_empty()) {
            return Some(at);
        }
        if self.endpoints.len() >= usize::from(self.endpoints_max) {
            return None;
        }
        make_room(&mut self.endpoints);
        self.endpoints.push(Endpoint::free());
        Some(self.endpoints.len() - 1)
    }

    fn edge(&self, from: u16, to: u16) -> Option<&Edge> {
        self.edges.binary_search_by_key(&(from, to), |edge| (edge.from, edge.to)).ok().map(|at| &self.edges[at])
    }

    fn learn_edge(&mut self, from: u16, to: u16, trust: f64, edges_max: usize) -> bool {
        match self.edges.binary_search_by_key(&(from, to), |edge| (edge.from, edge.to)) {
            Ok(at) => self.edges[at].sessions += trust as f32,
            Err(_) if self.edges.len() >= edges_max => return false,
            Err(at) => {
                make_room(&mut self.edges);
                self.edges.insert(at, Edge { from, to, sessions: trust as f32 });
            }
        }
        true
    }

    fn learn_role(&mut self, number: u16, role: u64, trust: f64) {
        let print = role as u32;
        let roles = &mut self.endpoints[usize::from(number)].roles;
        if let Some(used) = roles.iter_mut().find(|used| used.role == print) {
            used.weight += trust as f32;
        } else if roles.len() < ROLES_MAX {
            roles.push(RoleUse { role: print, weight: trust as f32 });
        }
    }
}

impl Endpoint {
    fn free() -> Self {
        Self {
            name: Text::const_new(""),
            sessions: 0.0,
            days: 0.0,
            seen_days: 0,
            last_day: i32::MIN,
            moved: LogHistogram::default(),
            roles: SmallVec::new(),
        }
    }
}
