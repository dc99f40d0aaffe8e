//! One incident: what happened in one sentence, why that is odd, what was done, and what could have been.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;

use super::overview::is_firing;
use super::reason::{ReasonView, Sitter, view};
use super::trace::{Trace, trace};
use super::{answer, feedback};
use crate::alert::{Alert, AlertContext, Suppressed};
use crate::detect::{BotFacts, DecisionFacts, Portrait};
use crate::registry::BotRecord;
use crate::report::privileges::{BotPrivileges, Window};
use crate::report::{inventory, privileges};
use crate::runtime::archive::{Kept, Step};
use crate::runtime::console::asked::Named;
use crate::runtime::console::desk::Desk;
use crate::runtime::console::fault::PageFault;
use crate::runtime::console::say;
use crate::runtime::console::spoken::{Draft, FormView, SaidRow, said};
use crate::runtime::console::story::{StoryRow, lead, story};
use crate::time::{Timestamp, Zone};

/// Incidents of a kind that are listed beside it.
const LISTED_MAX: usize = 4;

/// Reasons that are shown at once; weaker ones fold on a phone.
const STRONGEST: usize = 2;

/// What only the engine knows of the bot.
pub(in crate::runtime::console) struct Known {
    pub now: Option<Timestamp>,
    pub zone: (String, Zone),
    pub portrait: Option<Portrait>,
    pub facts: Option<BotFacts>,
    pub record: Option<BotRecord>,
    pub row: Option<inventory::InventoryRow>,
    pub held: Option<BotPrivileges>,
    /// What people said of it.
    pub decisions: Vec<DecisionFacts>,
}

#[derive(Serialize)]
struct Incident {
    story: StoryRow,
    id: String,
    zone: String,
    local: String,
    alerts: Vec<AlertView>,
    session: Option<String>,
    reasons: Vec<ReasonView>,
    /// Those that come behind the strongest, and how much of the evidence they are.
    weaker: usize,
    weaker_share: f64,
    tags: Vec<String>,
    context: Option<AlertContext>,
    suppressed: Option<Suppressed>,
    baseline: crate::alert::BaselineNote,
    row: Option<inventory::InventoryRow>,
    reach: Reach,
    trace: Trace,
    earlier: Listed,
    later: Listed,
    alike: Listed,
    /// The form; none for who may not decide, and where there is nothing to decide about.
    form: Option<FormView>,
    decides: bool,
    said: Vec<SaidRow>,
}

/// Other incidents, and how many of them are not listed.
#[derive(Serialize)]
struct Listed {
    rows: Vec<StoryRow>,
    more: usize,
}

/// One alert of the incident with its life.
#[derive(Serialize)]
struct AlertView {
    id: String,
    title: String,
    severity: &'static str,
    firing: bool,
    score: f64,
    steps: Vec<StepView>,
}

/// One step of it, by the bot's own clock, too.
#[derive(Serialize)]
struct StepView {
    #[serde(flatten)]
    step: Step,
    local: String,
}

/// What the bot could have reached.
#[derive(Default, Serialize)]
struct Reach {
    systems: Vec<String>,
    roles: Vec<(String, bool, bool)>,
    money: bool,
    secrets: usize,
    hosts: usize,
}

/// The page.
pub(in crate::runtime::console) async fn incident(State(desk): State<Arc<Desk>>, Named(id): Named) -> Response {
    let page = page(&desk, &id).await;
    answer(&desk, page)
}

async fn page(desk: &Arc<Desk>, id: &str) -> Result<Response, PageFault> {
    let mut kept = desk.archive.incident(id);
    let settled = desk.settled(kept.iter().map(|kept| Arc::clone(&kept.alert)).collect()).await;
    for (kept, alert) in kept.iter_mut().zip(settled) {
        kept.alert = alert;
    }
    let alerts: Vec<&Alert> = kept.iter().map(|kept| &*kept.alert).collect();
    let (Some(lead), Some(story)) = (lead(&alerts), story(&alerts)) else {
        // The id of an alert, or its beginning, is as good.
        return match desk.archive.by_id(id) {
            Some(alert) => Ok(Redirect::to(&format!("/incidents/{}", alert.incident)).into_response()),
            None => Err(PageFault::Missing(format!("no incident `{id}` is remembered"))),
        };
    };
    let known = about(desk, &lead.tenant, lead.bot.as_deref()).await?;
    let steps = kept.iter().find(|kept| kept.alert.id == lead.id).map(|kept| kept.steps.as_slice());
    let began = steps.and_then(|steps| steps.first()).map_or(lead.ts, |step| step.ts);
    let trace = trace(desk, lead, began, &known.zone.1).await;
    let all = desk.stories().await;
    let decides = desk.access.decides();
    let about = if decides { feedback::about(desk, &alerts).await? } else { None };
    let action = format!("/incidents/{}/feedback", say::query(&story.incident));
    let sitter = Sitter { portrait: known.portrait.as_ref(), zone: &known.zone.1, path: &trace.path };
    let reasons = reasons(&alerts, lead, sitter);
    let weaker = reasons.get(STRONGEST..).unwrap_or_default();
    let incident = Incident {
        form: about.map(|about| FormView::new(desk, action, &about, &Draft::default(), None)),
        decides,
        said: said(&known.decisions, decides, |record| {
            record.incident.as_ref() == Some(&story.incident)
                || alerts.iter().any(|alert| record.alert.as_ref() == Some(&alert.id))
        }),
        id: lead.id.clone(),
        local: known.zone.1.local(lead.ts).to_string(),
        zone: known.zone.0.clone(),
        alerts: kept.iter().map(|kept| alert_view(kept, &known.zone.1)).collect(),
        session: lead.session.clone(),
        weaker: weaker.len(),
        weaker_share: weaker.iter().filter_map(|reason| reason.share).sum(),
        reasons,
        tags: lead.tags.mitre_attack.iter().chain(&lead.tags.owasp_nhi).cloned().collect(),
        context: lead.context.clone(),
        suppressed: lead.suppressed.clone(),
        baseline: lead.baseline,
        reach: reach(&known),
        row: known.row,
        trace,
        earlier: listed(others(&all, &story).filter(|row| row.ts <= story.ts)),
        later: listed(others(&all, &story).filter(|row| row.ts > story.ts)),
        alike: alike(&all, &story),
        story,
    };
    desk.page("incident.html", "incidents", known.now, &incident)
}

/// What the engine knows of a bot.
pub(in crate::runtime::console) async fn about(
    desk: &Desk,
    tenant: &str,
    bot: Option<&str>,
) -> Result<Known, PageFault> {
    let (tenant, bot) = (tenant.to_owned(), bot.unwrap_or_default().to_owned());
    let known = desk.inquiry.ask(move |engine| {
        let facts = engine.facts_about(&tenant, &bot);
        let record = engine.record_of(&tenant, &bot).cloned();
        let now = engine.watermark();
        let at = now.unwrap_or(Timestamp::MIN);
        Known {
            now,
            zone: engine.zone_of(&tenant, &bot),
            portrait: engine.portrait(&tenant, &bot),
            row: inventory::one(engine.registry(), at, facts.as_ref(), record.as_ref()),
            decisions: engine.decisions_about(&tenant, &bot),
            held: facts.as_ref().map(|facts| privileges::of(facts, record.as_ref(), at, Window::default())),
            facts,
            record,
        }
    });
    Ok(known.await?)
}

fn alert_view(kept: &Kept, zone: &Zone) -> AlertView {
    // What was published again without getting worse is no step.
    let mut steps = kept.steps.clone();
    steps.dedup_by_key(|step| (step.severity, step.status));
    AlertView {
        id: kept.alert.id.clone(),
        title: kept.alert.title.clone(),
        severity: kept.alert.severity.as_str(),
        firing: is_firing(&kept.alert),
        score: kept.alert.score,
        steps: steps.iter().map(|step| StepView { step: *step, local: zone.local(step.ts).to_string() }).collect(),
    }
}

/// The leading alert's reasons, then what only the others say.
fn reasons(alerts: &[&Alert], lead: &Alert, sitter: Sitter<'_>) -> Vec<ReasonView> {
    let mut views: Vec<ReasonView> = lead.reasons.iter().map(|reason| view(reason, sitter)).collect();
    for reason in alerts.iter().filter(|alert| alert.id != lead.id).flat_map(|alert| &alert.reasons) {
        let known = |view: &ReasonView| view.detector == reason.detector && view.observed == reason.observed;
        if !views.iter().any(known) {
            // Its share is one of another alert's evidence.
            views.push(ReasonView { share: None, ..view(reason, Sitter { path: &[], ..sitter }) });
        }
    }
    // The same names are listed once, beside the strongest reason that they belong to.
    let mut told: Vec<&'static str> = Vec::new();
    for view in &mut views {
        view.seen = view.seen.take().filter(|seen| seen.rows.iter().any(|row| row.odd) || !told.contains(&seen.noun));
        told.extend(view.seen.as_ref().map(|seen| seen.noun));
    }
    views
}

fn reach(known: &Known) -> Reach {
    let Some(facts) = &known.facts else { return Reach::default() };
    let mut systems = known.row.as_ref().map(|row| row.systems.clone()).unwrap_or_default();
    systems.extend(known.record.iter().flat_map(|record| record.systems.iter().cloned()));
    systems.sort();
    systems.dedup();
    let held = known.held.iter().flat_map(|held| &held.roles);
    Reach {
        systems,
        roles: held.map(|role| (role.role.clone(), role.admin, role.exercised)).collect(),
        money: facts.money,
        secrets: facts.secrets,
        hosts: facts.hosts,
    }
}

/// Other incidents of the same bot.
fn others<'a>(all: &'a [StoryRow], this: &'a StoryRow) -> impl Iterator<Item = &'a StoryRow> {
    let same = move |row: &&StoryRow| {
        row.incident != this.incident
            && row.tenant == this.tenant
            && row.bot == this.bot
            && row.producer == this.producer
    };
    all.iter().filter(same)
}

/// Incidents of other bots with the same dimensions, the newest first.
fn alike(all: &[StoryRow], this: &StoryRow) -> Listed {
    let like = |row: &&StoryRow| {
        let same = row.dimensions.iter().filter(|dimension| this.dimensions.contains(*dimension)).count();
        let either = row.dimensions.len() + this.dimensions.len() - same;
        row.bot != this.bot && row.severity.pages() && 2 * same >= either && same > 0
    };
    listed(all.iter().filter(like))
}

/// The newest first.
fn listed<'a>(rows: impl Iterator<Item = &'a StoryRow>) -> Listed {
    let mut rows: Vec<StoryRow> = rows.cloned().collect();
    rows.sort_by(|a, b| b.ts.cmp(&a.ts).then_with(|| a.incident.cmp(&b.incident)));
    let more = rows.len().saturating_sub(LISTED_MAX);
    rows.truncate(LISTED_MAX);
    Listed { rows, more }
}
