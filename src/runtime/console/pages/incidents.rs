//! All incidents that are remembered, by state, severity, dimension, bot and words.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{Paging, answer};
use crate::alert::{Dimension, Severity};
use crate::detect::Engine;
use crate::runtime::archive::ALERTS_MAX;
use crate::runtime::console::asked::Asked;
use crate::runtime::console::desk::Desk;
use crate::runtime::console::fault::PageFault;
use crate::runtime::console::story::StoryRow;

/// What is looked for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, Serialize)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(in crate::runtime::console) struct Wanted {
    /// `open`, `ended` or all.
    pub state: String,
    /// The least severity.
    pub severity: String,
    /// One dimension.
    pub dimension: String,
    /// One tenant's.
    pub tenant: String,
    /// One bot's.
    pub bot: String,
    /// Words in its sentence.
    pub q: String,
    /// The page.
    #[param(ignore)]
    pub page: usize,
}

#[derive(Serialize)]
struct Incidents {
    wanted: Wanted,
    /// The same as a query, without the page.
    query: String,
    rows: Vec<StoryRow>,
    paging: Paging,
    severities: Vec<&'static str>,
    dimensions: Vec<&'static str>,
    kept_max: usize,
    is_filtered: bool,
}

impl Wanted {
    /// Whether an incident is one of those.
    pub(in crate::runtime::console) fn takes(&self, row: &StoryRow) -> bool {
        let least = Severity::ALL.into_iter().find(|severity| severity.as_str() == self.severity);
        let state = match self.state.as_str() {
            "open" => row.firing,
            "ended" => !row.firing,
            _ => true,
        };
        let words = self.q.to_lowercase();
        let named = |text: &str| words.is_empty() || text.to_lowercase().contains(&words);
        state
            && least.is_none_or(|least| row.severity >= least)
            && (self.dimension.is_empty() || row.dimensions.contains(&self.dimension.as_str()))
            && (self.tenant.is_empty() || row.tenant == self.tenant)
            && (self.bot.is_empty() || row.bot.as_deref() == Some(self.bot.as_str()))
            && (named(&row.title) || named(row.bot.as_deref().unwrap_or_default()) || named(&row.incident))
    }

    fn query(&self) -> String {
        let pairs = [
            ("state", &self.state),
            ("severity", &self.severity),
            ("dimension", &self.dimension),
            ("tenant", &self.tenant),
            ("bot", &self.bot),
            ("q", &self.q),
        ];
        let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> =
            given.map(|(name, value)| format!("{name}={}", crate::runtime::console::say::query(value))).collect();
        pairs.join("&")
    }
}

/// The page.
pub(in crate::runtime::console) async fn incidents(
    State(desk): State<Arc<Desk>>,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    let page = page(&desk, wanted).await;
    answer(&desk, page)
}

async fn page(desk: &Arc<Desk>, wanted: Wanted) -> Result<Response, PageFault> {
    let now = desk.inquiry.ask(Engine::watermark).await?;
    let mut rows = desk.stories().await;
    rows.retain(|row| wanted.takes(row));
    let paging = Paging::new(wanted.page, rows.len());
    let query = wanted.query();
    let page = Incidents {
        is_filtered: !query.is_empty(),
        query,
        rows: paging.of(&rows).to_vec(),
        paging,
        severities: Severity::ALL.iter().rev().map(|severity| severity.as_str()).collect(),
        dimensions: Dimension::ALL.iter().map(|dimension| dimension.as_str()).collect(),
        kept_max: ALERTS_MAX,
        wanted,
    };
    desk.page("incidents.html", "incidents", now, &page)
}
