//! What a person says of an incident: looked at before it is kept, kept, and taken back.
//!
//! A form is taken from whoever may decide, and only from a page of ours. It becomes the record that the command line would
//! send, and goes the same way: the engine checks it, the journal has it before anybody is told that it was taken. A preview
//! asks the same engine and changes nothing. Few ask at a time, so that forms leave room for those who ask over NATS.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;

use super::answer;
use crate::alert::{Alert, Feedback, Preview, Ruling};
use crate::runtime::clock;
use crate::runtime::console::access::own;
use crate::runtime::console::asked::{Named, Sent};
use crate::runtime::console::desk::Desk;
use crate::runtime::console::fault::PageFault;
use crate::runtime::console::say;
use crate::runtime::console::spoken::{About, Draft, FormView, covered, words};
use crate::runtime::console::story::{StoryRow, lead, story};
use crate::runtime::feedback::desk::{Question, Reply};
use crate::runtime::inquiry::NoAnswer;

/// Fields of a form, in their order.
type Pairs = Vec<(String, String)>;

#[derive(Serialize)]
struct Page {
    story: StoryRow,
    /// What is looked at; none where the form is shown again.
    shown: Option<Shown>,
    form: FormView,
    back: String,
}

/// What a record says and would have changed.
#[derive(Serialize)]
struct Shown {
    by: String,
    words: String,
    meaning: String,
    of: Vec<String>,
    comment: String,
    preview: Preview,
    /// Alerts of the bot that were looked at.
    total: u64,
    fields: Vec<(&'static str, String)>,
}

/// Leads to the form.
pub(in crate::runtime::console) async fn back(Named(id): Named) -> Response {
    Redirect::to(&format!("/incidents/{}#feedback", say::query(&id))).into_response()
}

/// Takes a form about an incident.
pub(in crate::runtime::console) async fn say(
    State(desk): State<Arc<Desk>>,
    Named(id): Named,
    headers: HeaderMap,
    Sent(pairs): Sent<Pairs>,
) -> Response {
    let heard = heard(&desk, &id, &headers, Draft::from(pairs)).await;
    answer(&desk, heard)
}

async fn heard(desk: &Arc<Desk>, id: &str, headers: &HeaderMap, draft: Draft) -> Result<Response, PageFault> {
    allowed(desk, headers, &draft)?;
    let kept = desk.archive.incident(id);
    let alerts: Vec<&Alert> = kept.iter().map(|kept| &*kept.alert).collect();
    let missing = || PageFault::Missing(format!("no incident `{id}` is remembered"));
    let story = story(&alerts).ok_or_else(missing)?;
    let about = about(desk, &alerts).await?.ok_or_else(missing)?;
    let back = format!("/incidents/{}", say::query(&story.incident));
    let form = |trouble| FormView::new(desk, format!("{back}/feedback"), &about, &draft, trouble);
    let again = |trouble| {
        let page = Page { story: story.clone(), shown: None, form: form(Some(trouble)), back: back.clone() };
        desk.again("feedback.html", "incidents", &page)
    };
    let record = match draft.record(&about, clock::wall()) {
        Ok(record) => Box::new(record),
        Err(trouble) => return again(trouble),
    };
    let question = if draft.saves() { Question::Say(record) } else { Question::Preview(record) };
    let reply = match ask(desk, question).await {
        Err(PageFault::Refused(trouble)) => return again(sentence(&trouble)),
        other => other?,
    };
    let Some(record) = reply.record else { return again("The engine gave no answer.".to_owned()) };
    if draft.saves() {
        desk.forget().await;
        return Ok(Redirect::to(&format!("{back}#{}", say::query(&record.id))).into_response());
    }
    let shown = shown(record, reply.preview.unwrap_or_default(), &draft);
    let page = Page { form: form(None), shown: Some(shown), back, story };
    desk.page("feedback.html", "incidents", about.now, &page)
}

/// Takes what was said back.
pub(in crate::runtime::console) async fn take_back(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Sent(pairs): Sent<Pairs>,
) -> Response {
    let taken = undo(&desk, &headers, Draft::from([pairs, vec![("now".to_owned(), "undo".to_owned())]].concat())).await;
    answer(&desk, taken)
}

async fn undo(desk: &Arc<Desk>, headers: &HeaderMap, draft: Draft) -> Result<Response, PageFault> {
    allowed(desk, headers, &draft)?;
    let about = About { tenant: draft.tenant.clone(), ..About::default() };
    let record = draft.record(&about, clock::wall()).map_err(PageFault::Refused)?;
    ask(desk, Question::Say(Box::new(record))).await?;
    desk.forget().await;
    Ok(Redirect::to(&format!("{}#{}", own(&draft.back), say::query(&draft.undoes))).into_response())
}

/// Whether whoever sent a form may decide, and sent it from a page of ours.
fn allowed(desk: &Desk, headers: &HeaderMap, draft: &Draft) -> Result<(), PageFault> {
    if !desk.access.decides() {
        return Err(PageFault::Viewer);
    }
    if desk.access.may_decide(headers, &draft.token) { Ok(()) } else { Err(PageFault::Foreign) }
}

/// What a record about an incident would be about; none without an alert about a bot.
pub(super) async fn about(desk: &Desk, alerts: &[&Alert]) -> Result<Option<About>, PageFault> {
    let Some(lead) = lead(alerts).filter(|lead| lead.bot.is_some()) else { return Ok(None) };
    let (tenant, incident) = (lead.tenant.clone(), lead.incident.clone());
    let several = alerts.iter().any(|alert| alert.bot != lead.bot);
    let asked = desk.inquiry.ask({
        let (tenant, incident) = (tenant.clone(), incident.clone());
        move |engine| (engine.watermark(), engine.told(&tenant, &incident))
    });
    let (now, mut told) = asked.await?;
    if several {
        told.retain(|told| told.id == lead.id);
    }
    let alert = several.then(|| lead.id.clone());
    Ok(Some(About { tenant, incident: (!several).then_some(incident), alert, told, now }))
}

/// Asks the engine, among few at a time.
async fn ask(desk: &Desk, question: Question) -> Result<Reply, PageFault> {
    let _turn = desk.talks.try_acquire().map_err(|_| PageFault::Engine(NoAnswer::Busy))?;
    let reply = desk.feedbacks.ask(question).await;
    match (reply.ok, reply.reason.as_deref()) {
        (true, _) => Ok(reply),
        (false, Some("busy")) => Err(PageFault::Engine(NoAnswer::Busy)),
        (false, Some("ended")) => Err(PageFault::Engine(NoAnswer::Ended)),
        (false, _) => Err(PageFault::Refused(reply.error.unwrap_or_default())),
    }
}

fn shown(record: Feedback, preview: Preview, draft: &Draft) -> Shown {
    Shown {
        words: words(&record),
        meaning: meaning(record.verdict),
        of: covered(&record.what, &preview.covered),
        total: preview.hidden + preview.lowered + preview.unchanged,
        preview,
        fields: draft.fields(),
        by: record.by,
        comment: record.comment,
    }
}

/// What a ruling changes from here on.
fn meaning(ruling: Ruling) -> String {
    let text = match ruling {
        Ruling::True => "What it showed is never learned, and pages each time it comes, for a year of event time.",
        Ruling::False => {
            "The same again goes out at `low` at most and is learned in full. What has one thing more pages as before."
        }
        Ruling::Expected => {
            "Until then, what shows this and nothing else goes out at `info`, with your name on it. Whatever else the \
             bot does is told as before."
        }
        Ruling::Fine => {
            "These count as known for the bot, as if seen on four days. A finding that shows nothing else goes out at \
             `low` at most; of a host, the network, device and place that it came with are no other matter."
        }
        _ => "Nothing that is told changes.",
    };
    text.to_owned()
}

/// The engine's words as a sentence.
fn sentence(text: &str) -> String {
    format!("It is not taken: {}.", text.trim_end_matches('.'))
}
