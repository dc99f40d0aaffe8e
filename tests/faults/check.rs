//! The oracle: a run with faults against one without. State and alerts are the same, each alert is out once, and what was
//! never read is told, no more and no less.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use humdrum::alert::Alert;
use humdrum::alert::coverage::is_gap;

use crate::broker::World;
use crate::plan::Class;
use crate::story::{Item, Story, uncounted};

/// What has come out.
struct Published {
    /// Alerts by id and revision.
    alerts: BTreeMap<String, Bytes>,
    /// First and last sequence of each gap that was told, with its kind.
    gaps: Vec<(String, u64, u64)>,
}

/// Everything that is not as it would have been without the faults.
pub(crate) fn wrong(world: &World, story: &Story, state: &[u8], read: &[usize]) -> Vec<String> {
    let mut wrong = world.wrong.clone();
    let published = published(world, &mut wrong);
    gaps(world, read, &published, &mut wrong);
    let read_items = if world.plan.class == Class::Forgotten {
        whole(world)
    } else {
        let first_times = first_times(read);
        if read.len() != first_times.len() && !world.plan.class.reads_again() {
            wrong.push(format!("{} records were read again", read.len() - first_times.len()));
        }
        unread(world, &first_times, &published, &mut wrong);
        first_times.iter().map(|ordinal| world.written[*ordinal].item).collect()
    };
    let expected = story.alone(unrepeated(&read_items));
    alerts(world, story, &published.alerts, &expected.alerts, &mut wrong);
    let hash =
        if world.plan.class == Class::Repeated { story.alone(read_items.clone()).hash } else { expected.hash.clone() };
    // What is read again is counted, and changes nothing else; who was told nothing of state has none.
    let same = blake3::hash(state).to_hex().to_string() == hash;
    match world.plan.class {
        Class::Forgotten => {}
        class if !same && !class.reads_again() => wrong.push("the state is another".to_owned()),
        _ => {
            let (is, was) = (story.probe(story.engine(state)), story.probe(expected.into_engine()));
            if let Some(nth) = (0..is.len().max(was.len())).find(|nth| is.get(*nth) != was.get(*nth)) {
                wrong.push(format!("it goes on with {:?}, not {:?}", is.get(nth), was.get(nth)));
            }
        }
    }
    let poison = read_items.iter().filter(|item| matches!(item, Item::Poison(_))).count();
    if world.letters.len() != poison && !matches!(world.plan.class, Class::Forgotten | Class::ExpiredDown) {
        wrong.push(format!("{} dead letters of {poison}", world.letters.len()));
    }
    wrong
}

fn first_times(read: &[usize]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    read.iter().copied().filter(|ordinal| seen.insert(*ordinal)).collect()
}

/// Events once each.
fn unrepeated(items: &[Item]) -> Vec<Item> {
    let mut seen = BTreeSet::new();
    let new = |item: &&Item| match item {
        Item::Event(nth) => seen.insert(*nth),
        _ => true,
    };
    items.iter().filter(new).copied().collect()
}

fn published(world: &World, wrong: &mut Vec<String>) -> Published {
    let fenced = world.fence.iter().filter_map(|past| Some((past.id.clone()?, past.payload.clone())));
    let all: Vec<(String, Bytes)> = if world.plan.partition { fenced.collect() } else { world.alerts.clone() };
    let mut published = Published { alerts: BTreeMap::new(), gaps: Vec::new() };
    for (id, payload) in all {
        let alert: Alert = serde_json::from_slice(&payload).expect("an alert");
        if is_gap(&alert) {
            published.gaps.push(range(&alert));
        } else if published.alerts.insert(id.clone(), payload).is_some() {
            wrong.push(format!("alert {id} is out twice"));
        }
    }
    if world.fence.windows(2).any(|pair| pair[1].epoch < pair[0].epoch) {
        wrong.push("an owner that was over published".to_owned());
    }
    published
}

/// Kind, first and last sequence of a gap, as its alert tells them.
fn range(alert: &Alert) -> (String, u64, u64) {
    let observed = &alert.reasons[0].observed;
    let (kind, rest) = observed.split_once(": sequences ").expect("a range");
    let (first, last) = rest.split_once(" to ").expect("a range");
    let last = last.split(',').next().expect("a number");
    (kind.to_owned(), first.parse().expect("a number"), last.parse().expect("a number"))
}

/// What was to be read and was not is what was told, exactly.
fn unread(world: &World, read: &[usize], published: &Published, wrong: &mut Vec<String>) {
    let expired: Vec<_> = published.gaps.iter().filter(|(kind, ..)| kind == "expired").collect();
    let told = |sequence: u64| expired.iter().any(|(_, first, last)| (*first..=*last).contains(&sequence));
    let read: BTreeSet<usize> = read.iter().copied().collect();
    for (ordinal, written) in world.written.iter().enumerate() {
        let ours = matches!(written.item, Item::Event(_) | Item::Poison(_) | Item::Silence(_));
        if ours && !read.contains(&ordinal) && !told(written.sequence) {
            wrong.push(format!("record {} was never read, and nobody was told", written.sequence));
        }
        if read.contains(&ordinal) && told(written.sequence) {
            wrong.push(format!("record {} was read, and is told to be lost", written.sequence));
        }
    }
}

/// One gap where there is one, and else none.
fn gaps(world: &World, read: &[usize], published: &Published, wrong: &mut Vec<String>) {
    let ours = |item: Item| !matches!(item, Item::Foreign | Item::Canary);
    let lost = || (0..world.written.len()).any(|ordinal| ours(world.written[ordinal].item) && !read.contains(&ordinal));
    let expected: &[&str] = match world.plan.class {
        Class::ExpiredDown | Class::ExpiredRunning if lost() => &["expired"],
        Class::Regressed => &["regressed"],
        Class::Recreated => &["recreated"],
        _ => &[],
    };
    // Whether records of others, which nobody reads, were given up as well, their numbers do not say.
    let others = |first: u64, last: u64| {
        let mut within = world.written.iter().filter(|written| (first..=last).contains(&written.sequence));
        within.all(|written| !ours(written.item))
    };
    let of_ours = published.gaps.iter().filter(|(kind, first, last)| kind != "expired" || !others(*first, *last));
    let told: Vec<&str> = of_ours.map(|(kind, ..)| kind.as_str()).collect();
    if world.troubled && told != expected || !world.troubled && !told.is_empty() {
        wrong.push(format!("gaps {:?}, not {expected:?}", published.gaps));
    }
}

fn alerts(
    world: &World,
    story: &Story,
    published: &BTreeMap<String, Bytes>,
    expected: &BTreeMap<String, Bytes>,
    wrong: &mut Vec<String>,
) {
    // What was raised before its events were given up stays out, and as it was.
    let whole = (world.plan.class == Class::ExpiredDown).then(|| story.alone(whole(world)).alerts);
    let earlier = |id: &str| whole.as_ref().and_then(|whole| whole.get(id));
    for (id, payload) in expected {
        match published.get(id) {
            None => wrong.push(format!("alert {id} never came")),
            Some(other) if earlier(id) == Some(other) => {}
            Some(other) if words(world, other) != words(world, payload) => {
                let (is, was) = (String::from_utf8_lossy(other), String::from_utf8_lossy(payload));
                wrong.push(format!("alert {id} reads {is}, not {was}"));
            }
            Some(_) => {}
        }
    }
    for id in published.keys().filter(|id| !expected.contains_key(*id) && earlier(id).is_none()) {
        wrong.push(format!("alert {id} would not be without the faults"));
    }
}

/// An alert, as far as it must be the same.
fn words(world: &World, payload: &Bytes) -> String {
    let again = world.plan.class == Class::Repeated || world.plan.class.reads_again();
    if again {
        return uncounted(serde_json::from_slice(payload).expect("an alert"));
    }
    String::from_utf8_lossy(payload).into_owned()
}

fn whole(world: &World) -> Vec<Item> {
    world.written.iter().map(|written| written.item).collect()
}
