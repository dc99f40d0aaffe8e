//! What a server lacks for a cluster, in words: version, streams, buckets, copies, permissions.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::stream::{RetentionPolicy, Stream};

use super::layout::{Layout, LayoutError, find};
use crate::runtime::nats::monitor;

/// The oldest server that refuses a publish by the last sequence of several subjects.
const VERSION_MIN: (u64, u64) = (2, 11);
/// Copies below which one machine can lose what it acknowledged.
const REPLICAS_WANTED: usize = 3;

/// Time for an answer. One that is refused has none.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether nothing works without it.
    pub fatal: bool,
    /// What it is, and what to do.
    pub text: String,
}

/// Everything that is not as it should be. What only a monitoring port tells is asked there, where one is known.
///
/// # Errors
/// The server does not answer, which it also does not where it does not permit the question.
pub async fn look(client: &Client, layout: &Layout, monitors: &[String]) -> Result<Vec<Finding>, LayoutError> {
    let context = jetstream::new(client.clone());
    let mut findings = Vec::new();
    let mut say = |fatal: bool, text: String| findings.push(Finding { fatal, text });
    let version = client.server_info().version;
    if !is_new_enough(&version) {
        let (major, minor) = VERSION_MIN;
        say(true, format!("the server is {version}; fenced alerts need {major}.{minor} or newer"));
    }
    let names = [&layout.events, &layout.fence, &layout.alerts, &layout.rejected];
    let buckets = [format!("KV_{}", layout.bucket), format!("OBJ_{}", layout.objects)];
    let mut few = Vec::new();
    for name in names.into_iter().chain(&buckets) {
        let Some(stream) = find(&context, name).await? else {
            say(true, format!("stream `{name}` is missing; `humdrum cluster init` makes it"));
            continue;
        };
        let config = &stream.cached_info().config;
        if config.num_replicas < REPLICAS_WANTED {
            few.push(format!("`{name}` ({})", config.num_replicas));
        }
        for text in wrong(&stream, layout) {
            say(true, text);
        }
    }
    if !few.is_empty() {
        let few = few.join(", ");
        say(false, format!("fewer than {REPLICAS_WANTED} copies of {few}: one machine can lose what it acknowledged"));
    }
    if monitors.is_empty() {
        let why = "only its monitoring port tells; set `nats.monitor_url`";
        say(false, format!("whether the server syncs what it acknowledges was not asked: {why}"));
    }
    monitor::unsynced(monitors).await.into_iter().for_each(|text| say(false, text));
    Ok(findings)
}

/// What we may not do, of what a member does: each is asked for in a way that the server refuses for another reason, so that
/// nothing comes of it but an answer.
pub async fn permissions(client: &Client, layout: &Layout) -> Vec<Finding> {
    let Layout { prefix, events, fence, rejected_prefix, bucket, objects, .. } = layout;
    let writes = [
        format!("{prefix}.alerts.check"),
        layout.ticks(0),
        format!("{rejected_prefix}.check"),
        format!("$KV.{bucket}.check"),
        format!("$O.{objects}.M.check"),
    ];
    let reads = [
        format!("$JS.API.STREAM.MSG.GET.{events}"),
        format!("$JS.API.STREAM.MSG.GET.{fence}"),
        format!("$JS.API.CONSUMER.CREATE.{events}.check"),
        format!("$JS.API.CONSUMER.CREATE.{fence}.check"),
        format!("$JS.API.CONSUMER.CREATE.KV_{bucket}.check"),
        format!("$JS.API.CONSUMER.CREATE.OBJ_{objects}.check"),
    ];
    let asked =
        writes.into_iter().map(|subject| (subject, true)).chain(reads.into_iter().map(|subject| (subject, false)));
    let answers = asked.map(|(subject, write)| async move {
        let mut headers = async_nats::HeaderMap::new();
        if write {
            // No stream has this name, so that none takes it.
            headers.insert(async_nats::header::NATS_EXPECTED_STREAM, "humdrum-has-no-such-stream");
        }
        let asking = client.request_with_headers(subject.clone(), headers, "!".into());
        let answered = matches!(tokio::time::timeout(ANSWER_WITHIN, asking).await, Ok(Ok(_)));
        (!answered).then(|| format!("`{subject}` is not answered: this account may not use it, or nothing is there"))
    });
    let texts = futures_util::future::join_all(answers).await;
    texts.into_iter().flatten().map(|text| Finding { fatal: false, text }).collect()
}

/// What of a stream's settings does not fit.
fn wrong(stream: &Stream, layout: &Layout) -> Vec<String> {
    let config = &stream.cached_info().config;
    let name = &config.name;
    let mut wrong = Vec::new();
    if *name == layout.events {
        if config.subject_transform.as_ref() != Some(&layout.transform()) {
            let (is, should) = (&config.subject_transform, layout.transform().destination);
            let is = is.as_ref().map_or("none", |transform| transform.destination.as_str());
            wrong.push(format!(
                "stream `{name}` has the transform `{is}`, not `{should}`: partitions are fixed when it is made"
            ));
        }
        let tick = layout.ticks("*");
        if !config.subjects.contains(&tick) {
            wrong.push(format!("stream `{name}` does not capture `{tick}`"));
        }
        if config.retention != RetentionPolicy::Limits {
            wrong.push(format!("stream `{name}` must have limits retention, so that it can be read again"));
        }
    }
    let sources = config.sources.as_deref().unwrap_or_default();
    if *name == layout.alerts && !sources.iter().any(|source| source.name == layout.fence) {
        wrong.push(format!("stream `{name}` is not sourced from `{}`, through which alerts pass", layout.fence));
    }
    wrong
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) >= VERSION_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (version, enough) in
            [("2.15.1", true), ("2.11.0-RC.1", true), ("3.0.0", true), ("2.9.25", false), ("", false)]
        {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }
}
