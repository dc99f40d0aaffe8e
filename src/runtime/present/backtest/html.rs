//! The comparison as one page: its style and its charts are in it, it loads nothing and runs nothing, and every text that
//! a bot or its producer chose is escaped.

use super::{chart, minute, plain, worst};
use crate::alert::Severity;
use crate::report::backtest::{Backtest, Group, Told};

/// Alerts of each kind that the page lists.
const ALERTS_SHOWN: usize = 200;
/// Bots and logs that the page lists.
const BOTS_SHOWN: usize = 50;

const STYLE: &str = include_str!("style.css");

/// The page. `before` and `after` name the two configurations.
#[must_use]
pub fn html(test: &Backtest, before: &str, after: &str) -> String {
    let (before, after) = (escape(before), escape(after));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>Backtest: {after} against {before}</title><style>{STYLE}</style></head><body><main>\
         <h1>What {after} would have changed</h1>\
         <p class=\"sub\">against {before}, over the same events</p>"
    );
    page.push_str(&cards(test));
    page.push_str("<p class=\"key\"><span class=\"swatch a\"></span>before <span class=\"swatch b\"></span>after</p>");
    if !test.days.is_empty() {
        page.push_str(&format!("<section><h2>Pages over time</h2>{}</section>", chart::days(&test.days)));
    }
    if !test.is_same() {
        let changed: Vec<Group> =
            test.dimensions.iter().filter(|group| group.gained + group.lost > 0).cloned().collect();
        if !changed.is_empty() {
            let chart = chart::groups(&changed, escape);
            page.push_str(&format!("<section><h2>Alerts lost and gained, by dimension</h2>{chart}</section>"));
        }
        page.push_str(&matrix(test));
        page.push_str(&groups("By dimension of the strongest reason", &test.dimensions, usize::MAX));
        page.push_str(&groups("By bot or log", &test.bots, BOTS_SHOWN));
        page.push_str(&alerts("Gained", &test.gained));
        page.push_str(&alerts("Lost", &test.lost));
        page.push_str(&moved(test));
    }
    page.push_str("</main></body></html>\n");
    page
}

fn cards(test: &Backtest) -> String {
    let card = |name: &str, value: String, note: String| {
        format!("<div class=\"card\"><span>{name}</span><b>{value}</b><small>{note}</small></div>")
    };
    let change = |before: u64, after: u64| format!("{before} → {after}");
    let pages = |alerts: &[Told]| alerts.iter().filter(|told| told.severity.pages()).count();
    let worse = test.moved.iter().filter(|moved| moved.to > moved.from).count();
    let cards = [
        card("Pages", change(test.before.pages, test.after.pages), "medium and worse".to_owned()),
        card("Alerts", change(test.before.alerts, test.after.alerts), format!("{} the same", test.same)),
        card("Gained", test.gained.len().to_string(), format!("{} page", pages(&test.gained))),
        card("Lost", test.lost.len().to_string(), format!("{} paged", pages(&test.lost))),
        card("Another severity", test.moved.len().to_string(), format!("{worse} worse")),
    ];
    format!("<div class=\"cards\">{}</div>", cards.concat())
}

/// From each severity to each, with none for no alert.
fn matrix(test: &Backtest) -> String {
    let steps: Vec<Option<Severity>> = std::iter::once(None).chain(Severity::ALL.into_iter().map(Some)).collect();
    let name = |step: &Option<Severity>| step.map_or("none", Severity::as_str);
    let most = steps.iter().flat_map(|from| steps.iter().map(|to| test.went(*from, *to))).max().unwrap_or(0).max(1);
    let head = steps.iter().map(|to| format!("<th>{}</th>", name(to))).collect::<Vec<_>>().concat();
    let row = |from: &Option<Severity>| {
        let cell = |to: &Option<Severity>| {
            let count = test.went(*from, *to);
            if from == to {
                return "<td class=\"same\"></td>".to_owned();
            }
            let strength = if count == 0 { 0 } else { 12 + 68 * count / most };
            let shown = if count == 0 { String::new() } else { count.to_string() };
            format!("<td style=\"--s:{strength}%\">{shown}</td>")
        };
        format!("<tr><th>{}</th>{}</tr>", name(from), steps.iter().map(cell).collect::<String>())
    };
    let rows: String = steps.iter().map(row).collect();
    format!(
        "<section><h2>From severity to severity</h2><div class=\"wide\"><table class=\"matrix\">\
         <thead><tr><th>before ↓ after →</th>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )
}

fn groups(title: &str, groups: &[Group], most: usize) -> String {
    let row = |group: &Group| {
        let counts = [
            (group.before, ""),
            (group.before_pages, ""),
            (group.after, ""),
            (group.after_pages, ""),
            (group.gained, "b"),
            (group.lost, "a"),
            (group.worse, ""),
            (group.milder, ""),
        ];
        let cell = |(count, class): (u64, &str)| {
            let class = if count == 0 { "zero" } else { class };
            format!("<td class=\"num {class}\">{count}</td>")
        };
        format!("<tr><td>{}</td>{}</tr>", escape(&group.name), counts.map(cell).concat())
    };
    let rows: String = groups.iter().take(most).map(row).collect();
    let heads = ["", "#before", "#pages", "#after", "#pages", "#gained", "#lost", "#worse", "#milder"];
    section(title, &heads, &rows, groups.len().saturating_sub(most))
}

fn alerts(title: &str, alerts: &[Told]) -> String {
    if alerts.is_empty() {
        return String::new();
    }
    let rows: String =
        worst(alerts).into_iter().take(ALERTS_SHOWN).map(|told| row(told, &badge(told.severity))).collect();
    let heads = ["time", "severity", "dimension", "whom", "what"];
    section(title, &heads, &rows, alerts.len().saturating_sub(ALERTS_SHOWN))
}

fn moved(test: &Backtest) -> String {
    if test.moved.is_empty() {
        return String::new();
    }
    let one = |moved: &crate::report::backtest::Moved| {
        row(&moved.alert, &format!("{} → {}", badge(moved.from), badge(moved.to)))
    };
    let rows: String = test.moved.iter().take(ALERTS_SHOWN).map(one).collect();
    let heads = ["time", "severity", "dimension", "whom", "what"];
    section("Of another severity", &heads, &rows, test.moved.len().saturating_sub(ALERTS_SHOWN))
}

fn row(told: &Told, severity: &str) -> String {
    let whom = told.bot.as_deref().or(told.producer.as_deref()).unwrap_or("-");
    format!(
        "<tr><td class=\"time\">{}</td><td>{severity}</td><td>{}</td><td>{}/{}</td><td>{}</td></tr>",
        minute(told.ts),
        told.dimension,
        escape(&told.tenant),
        escape(whom),
        escape(&told.title)
    )
}

fn badge(severity: Severity) -> String {
    format!("<span class=\"sev {severity}\">{severity}</span>")
}

/// A table under its heads; those of numbers begin with `#`.
fn section(title: &str, heads: &[&str], rows: &str, more: usize) -> String {
    let head = |head: &&str| match head.strip_prefix('#') {
        Some(number) => format!("<th class=\"num\">{number}</th>"),
        None => format!("<th>{head}</th>"),
    };
    let heads: String = heads.iter().map(head).collect();
    let more = if more > 0 { format!("<p class=\"sub\">and {more} more</p>") } else { String::new() };
    format!(
        "<section><h2>{title}</h2><div class=\"wide\"><table><thead><tr>{heads}</tr></thead>\
         <tbody>{rows}</tbody></table></div>{more}</section>"
    )
}

/// A text as it may stand in a page, within a tag or an attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::backtest::Said;

    #[test]
    fn what_a_bot_is_called_is_a_text_and_nothing_else() {
        assert_eq!(escape("<b a='1'>&\"\u{202e}"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;\\u{202e}");
        let mut said = Said::default();
        let mut alert = crate::alert::fixtures::alert("x", Severity::High);
        (alert.bot, alert.title) = (Some("<script>alert(1)</script>".to_owned()), "</td><img src=x>".to_owned());
        said.take(&alert);
        let page = html(&Backtest::new(Said::default(), said), "<a>", "b.toml");
        for bad in ["<script", "<img", "<a>"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("<svg"), "{page}");
    }

    #[test]
    fn the_page_loads_nothing() {
        let page = html(&Backtest::new(Said::default(), Said::default()), "a", "b");
        for bad in ["http://", "https://", "url(", "@import", "<script", "<link"] {
            assert!(!page.contains(bad), "{bad}");
        }
    }
}
