//! Reports for people at a terminal and for spreadsheets. Tables show what decides, CSV has every field.

use std::fmt::Write;

use super::csv::{csv, list};
use super::table::{names, table};
use super::{minute, plain};
use crate::report::inventory::InventoryRow;
use crate::report::privileges::{BotPrivileges, RoleRow, UNUSED_DAYS, Verdict, Window};
use crate::report::review::{BotReview, Review};
use crate::report::risk::Risk;
use crate::time::Timestamp;

/// Bots that a review names on its first page.
const WORST_SHOWN: usize = 10;

fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

fn shown_risk(risk: &Risk) -> String {
    format!("{:.0} {}", risk.score, risk.level)
}

/// The inventory as a table.
#[must_use]
pub fn inventory(rows: &[InventoryRow]) -> String {
    let cells = |row: &InventoryRow| {
        vec![
            row.tenant.clone(),
            row.bot.clone(),
            or_dash(row.owner.as_deref()),
            row.last_seen.map_or_else(|| "-".to_owned(), minute),
            row.baseline.clone(),
            names(&row.systems),
            names(&row.roles),
            shown_risk(&row.risk),
            row.notes.join(", "),
        ]
    };
    let headings = ["TENANT", "BOT", "OWNER", "LAST SEEN", "BASELINE", "SYSTEMS", "ROLES", "RISK", "NOTES"];
    table(&headings, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// The inventory with every field.
#[must_use]
pub fn inventory_csv(rows: &[InventoryRow]) -> String {
    let headings = [
        "tenant",
        "bot",
        "registered",
        "owner",
        "team",
        "purpose",
        "environment",
        "status",
        "first_seen",
        "last_seen",
        "active_days",
        "baseline",
        "baseline_days",
        "systems",
        "roles",
        "outside",
        "notes",
        "risk",
        "risk_level",
    ];
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = |row: &InventoryRow| {
        vec![
            row.tenant.clone(),
            row.bot.clone(),
            row.registered.to_string(),
            text(&row.owner),
            text(&row.team),
            text(&row.purpose),
            text(&row.environment),
            text(&row.status),
            text(&row.first_seen),
            row.last_seen.map(|at| at.to_string()).unwrap_or_default(),
            row.active_days.to_string(),
            row.baseline.clone(),
            format!("{:.1}", row.baseline_days),
            list(&row.systems),
            list(&row.roles),
            list(&row.outside),
            list(&row.notes),
            row.risk.score.to_string(),
            row.risk.level.clone(),
        ]
    };
    csv(&headings, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// Least privilege as a table, and the fewest roles of each bot below it.
#[must_use]
pub fn privileges(bots: &[BotPrivileges], window: Window) -> String {
    let cells = |(bot, row): (&BotPrivileges, &RoleRow)| {
        let kinds = [("granted", row.granted.is_some()), ("eligible", row.eligible), ("exercised", row.exercised)];
        let kinds: Vec<&str> = kinds.iter().filter(|(_, is)| *is).map(|(kind, _)| *kind).collect();
        let breaks = if row.verdict == Verdict::Drop { broken(row) } else { String::new() };
        vec![
            bot.tenant.clone(),
            bot.bot.clone(),
            row.role.clone(),
            kinds.join(", "),
            or_dash(row.last_used.as_deref()),
            row.unused_days.to_string(),
            row.verdict.as_str().to_owned(),
            or_dash(row.last_session.as_deref()),
            breaks,
        ]
    };
    let headings =
        ["TENANT", "BOT", "ROLE", "STATE", "LAST USED", "UNUSED", "VERDICT", "LAST SESSION", "WOULD HAVE BROKEN"];
    let rows: Vec<_> = bots.iter().flat_map(|bot| bot.roles.iter().map(move |row| (bot, row))).map(cells).collect();
    let mut text = table(&headings, &rows);
    let unused = UNUSED_DAYS.map(|days| bots.iter().map(|bot| bot.unused(days).count()).sum::<usize>());
    let (held, drop) = (rows.len(), bots.iter().map(|bot| bot.droppable().count()).sum::<usize>());
    let [a, b, c] = unused;
    let line = format!(
        "\n{held} roles of {} bots; unused for 30 days {a}, for 60 days {b}, for 90 days {c}\n\
        {drop} can go: the work of the last {} days does not need them (sessions of the last {} days are looked at)\n",
        bots.len(),
        window.work_days,
        window.session_days
    );
    text.push_str(&line);
    text
}

/// What would have broken without a role.
fn broken(row: &RoleRow) -> String {
    if row.broken_days == 0 && row.broken_sessions.is_empty() {
        return "nothing".to_owned();
    }
    let days = row.broken_days.max(1);
    let some = if row.broken_complete { "" } else { "among them " };
    format!("{some}{} on {days} day{}", names(&row.broken_sessions), if days == 1 { "" } else { "s" })
}

/// Least privilege with every field, a role a line.
#[must_use]
pub fn privileges_csv(bots: &[BotPrivileges]) -> String {
    let headings = [
        "tenant",
        "bot",
        "role",
        "admin",
        "granted",
        "granted_by",
        "ticket",
        "eligible",
        "exercised",
        "first_used",
        "last_used",
        "unused_days",
        "known_days",
        "sessions",
        "verdict",
        "last_session",
        "broken_days",
        "broken_sessions",
        "broken_complete",
    ];
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = |(bot, row): (&BotPrivileges, &RoleRow)| {
        vec![
            bot.tenant.clone(),
            bot.bot.clone(),
            row.role.clone(),
            row.admin.to_string(),
            row.granted.map(|at| at.to_string()).unwrap_or_default(),
            text(&row.granted_by),
            text(&row.ticket),
            row.eligible.to_string(),
            row.exercised.to_string(),
            text(&row.first_used),
            text(&row.last_used),
            row.unused_days.to_string(),
            bot.known_days.to_string(),
            row.sessions.to_string(),
            row.verdict.as_str().to_owned(),
            text(&row.last_session),
            row.broken_days.to_string(),
            list(&row.broken_sessions),
            row.broken_complete.to_string(),
        ]
    };
    csv(
        &headings,
        &bots.iter().flat_map(|bot| bot.roles.iter().map(move |row| (bot, row))).map(cells).collect::<Vec<_>>(),
    )
}

/// The page for the review.
#[must_use]
pub fn review(review: &Review) -> String {
    let mut text = String::new();
    let estate = &review.estate;
    let mut row = |label: &str, words: String| {
        // Writing to a text cannot fail.
        writeln!(text, "  {label:<12} {words}").ok();
    };
    row("review", format!("of {}", minute(review.at)));
    row("bots", format!("{}, {} at high risk", estate.bots, estate.high_risk));
    row("risk", format!("{} (the worst tenth)", shown_risk(&estate.risk)));
    for part in &estate.risk.parts {
        row("", format!("{:<12} {:>4.1} of {:.0}", part.part, part.points, part.points_max));
    }
    let [a, b, c] = estate.unused;
    row(
        "roles",
        format!(
            "{}; unused for 30 days {a}, for 60 days {b}, for 90 days {c}; {} can go",
            estate.roles, estate.droppable
        ),
    );
    let open = [
        ("not registered", estate.unregistered),
        ("without an owner", estate.ownerless),
        ("dormant", estate.dormant),
        ("at work after their end", estate.ended),
    ];
    row("to clear up", open.map(|(what, count)| format!("{count} {what}")).join(", "));
    text.push_str("\nAt most risk\n");
    text.push_str(&worst(review));
    if let Some(since) = review.since {
        text.push_str(&changes(review, since));
    }
    text.push_str("\nBots\n");
    text.push_str(&bots(&review.bots));
    text
}

/// The bots at most risk, with what it is made of.
fn worst(review: &Review) -> String {
    let mut bots: Vec<&BotReview> = review.bots.iter().collect();
    bots.sort_by(|a, b| b.inventory.risk.score.total_cmp(&a.inventory.risk.score));
    let mut text = String::new();
    for bot in bots.into_iter().take(WORST_SHOWN) {
        let row = &bot.inventory;
        let risk = &row.risk;
        writeln!(text, "  {:>3.0} {:<7} {}/{}", risk.score, risk.level, plain(&row.tenant), plain(&row.bot)).ok();
        for part in risk.parts.iter().filter(|part| part.points > 0.0) {
            writeln!(
                text,
                "        {:<12} {:>4.1} of {:<3.0} {}",
                part.part,
                part.points,
                part.points_max,
                plain(&part.why)
            )
            .ok();
        }
    }
    text
}

fn changes(review: &Review, since: Timestamp) -> String {
    let rows: Vec<Vec<String>> = review
        .changes
        .iter()
        .map(|change| {
            vec![
                change.tenant.clone(),
                change.bot.clone(),
                change.what.clone(),
                or_dash(Some(&change.before)),
                or_dash(Some(&change.now)),
            ]
        })
        .collect();
    let none = if rows.is_empty() {
        "nothing\n".to_owned()
    } else {
        table(&["TENANT", "BOT", "WHAT", "BEFORE", "NOW"], &rows)
    };
    format!("\nChanged since {}\n{none}", minute(since))
}

fn bots(bots: &[BotReview]) -> String {
    let cells = |bot: &BotReview| {
        let row = &bot.inventory;
        let found: Vec<String> = bot.findings.iter().map(|f| format!("{} {}", f.dimension, f.severity)).collect();
        vec![
            row.tenant.clone(),
            row.bot.clone(),
            or_dash(row.owner.as_deref()),
            shown_risk(&row.risk),
            names(&bot.minimal),
            names(&bot.droppable),
            names(&found),
            row.notes.join(", "),
        ]
    };
    let headings = ["TENANT", "BOT", "OWNER", "RISK", "NEEDS", "CAN GO", "FOUND", "NOTES"];
    table(&headings, &bots.iter().map(cells).collect::<Vec<_>>())
}

/// The review's bots, a line each, with the parts of their risk.
#[must_use]
pub fn review_csv(review: &Review) -> String {
    let headings = [
        "tenant",
        "bot",
        "owner",
        "risk",
        "risk_level",
        "reach",
        "exercise",
        "owner_risk",
        "credentials",
        "found",
        "needs",
        "can_go",
        "findings",
        "notes",
        "changes",
    ];
    let cells = |bot: &BotReview| {
        let row = &bot.inventory;
        let found: Vec<String> = bot.findings.iter().map(|f| format!("{} {}", f.dimension, f.severity)).collect();
        let own = review.changes.iter().filter(|change| change.tenant == row.tenant && change.bot == row.bot);
        let changed: Vec<String> =
            own.map(|change| format!("{}: {} -> {}", change.what, change.before, change.now)).collect();
        let points = row.risk.parts.iter().map(|part| part.points.to_string());
        let head = vec![
            row.tenant.clone(),
            row.bot.clone(),
            row.owner.clone().unwrap_or_default(),
            row.risk.score.to_string(),
            row.risk.level.clone(),
        ];
        let tail = [list(&bot.minimal), list(&bot.droppable), list(&found), list(&row.notes), list(&changed)];
        head.into_iter().chain(points).chain(tail).collect()
    };
    csv(&headings, &review.bots.iter().map(cells).collect::<Vec<_>>())
}
