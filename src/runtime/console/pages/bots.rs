//! All bots, those at most risk first, by state, owner and words.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{Paging, answer};
use crate::detect::Engine;
use crate::runtime::console::asked::Asked;
use crate::runtime::console::desk::Desk;
use crate::runtime::console::fault::PageFault;
use crate::runtime::console::roster::Rolls;
use crate::runtime::console::rows::BotRow;
use crate::runtime::console::say;
use crate::time::Timestamp;

/// What is looked for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, Serialize)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(in crate::runtime::console) struct Wanted {
    /// Words in its name, owner or team.
    pub q: String,
    /// `unseen`, `learning`, `mature` or `stale`.
    pub baseline: String,
    /// `low`, `medium` or `high`.
    pub risk: String,
    /// One of the inventory's notes.
    pub note: String,
    /// One tenant's.
    pub tenant: String,
    /// `risk` (the default), `name` or `silent`.
    pub sort: String,
    /// The page.
    #[param(ignore)]
    pub page: usize,
}

#[derive(Serialize)]
struct Bots {
    wanted: Wanted,
    query: String,
    rows: Vec<BotRow>,
    paging: Paging,
    as_of: Option<Timestamp>,
    progress: (usize, usize),
    notes: [&'static str; 5],
}

/// What the inventory notes.
pub(super) const NOTES: [&str; 5] = ["not registered", "no owner", "never seen", "dormant", "at work after its end"];

impl Wanted {
    fn takes(&self, row: &BotRow, words: &str) -> bool {
        row.words.contains(words)
            && (self.baseline.is_empty() || row.baseline == self.baseline)
            && (self.risk.is_empty() || row.risk_level == self.risk)
            && (self.note.is_empty() || row.is_noted(&self.note))
            && (self.tenant.is_empty() || row.tenant == self.tenant)
    }

    /// The bots that it takes, in its order.
    pub(in crate::runtime::console) fn of<'a>(&self, rolls: &'a Rolls) -> Vec<&'a BotRow> {
        let words = self.q.to_lowercase();
        let by_risk = rolls.by_risk.iter().map(|&at| &rolls.rows[at as usize]);
        let mut rows: Vec<&BotRow> = match self.sort.as_str() {
            "name" | "silent" => rolls.rows.iter().filter(|row| self.takes(row, &words)).collect(),
            _ => by_risk.filter(|row| self.takes(row, &words)).collect(),
        };
        if self.sort == "silent" {
            rows.sort_by_key(|row| std::cmp::Reverse(row.silent_days));
        }
        rows
    }

    fn query(&self) -> String {
        let pairs = [
            ("q", &self.q),
            ("baseline", &self.baseline),
            ("risk", &self.risk),
            ("note", &self.note),
            ("tenant", &self.tenant),
            ("sort", &self.sort),
        ];
        let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={}", say::query(value))).collect::<Vec<_>>().join("&")
    }
}

/// The page.
pub(in crate::runtime::console) async fn bots(State(desk): State<Arc<Desk>>, Asked(wanted): Asked<Wanted>) -> Response {
    let page = page(&desk, wanted).await;
    answer(&desk, page)
}

async fn page(desk: &Arc<Desk>, wanted: Wanted) -> Result<Response, PageFault> {
    let now = desk.inquiry.ask(Engine::watermark).await?;
    let rolls = desk.roster.rolls().await;
    let rows = wanted.of(&rolls);
    let paging = Paging::new(wanted.page, rows.len());
    let bots = Bots {
        query: wanted.query(),
        rows: paging.of(&rows).iter().map(|row| (*row).clone()).collect(),
        paging,
        as_of: rolls.at,
        progress: desk.roster.progress(),
        notes: NOTES,
        wanted,
    };
    desk.page("bots.html", "bots", now, &bots)
}
