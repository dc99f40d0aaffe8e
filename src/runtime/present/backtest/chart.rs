//! Charts as SVG: bars only, drawn here, without scripts. Colors are the page's, so that they follow its light or dark.

use crate::report::backtest::{Day, Group};

/// Bars of the chart by days; longer histories put several days into one.
const BARS_MAX: usize = 120;
/// Width of a chart, and height of the halves of the one by days, in its own units.
const WIDTH: usize = 960;
const HALF: usize = 110;
/// Room for the scale of the chart by days.
const LEFT: usize = 44;
/// Height of a row of the chart by groups, and width of its names.
const ROW: usize = 26;
const NAMES: usize = 220;
/// Room for a count behind its bar: seven digits.
const COUNT: usize = 72;

/// Pages over time: those of the first configuration upward, those of the second downward.
pub(super) fn days(days: &[Day]) -> String {
    let step = days.len().div_ceil(BARS_MAX).max(1);
    let bins: Vec<(&str, u64, u64)> = days
        .chunks(step)
        .map(|bin| {
            let sum = |of: fn(&Day) -> u64| bin.iter().map(of).sum();
            (bin[0].date.as_str(), sum(|day| day.before), sum(|day| day.after))
        })
        .collect();
    let most = bins.iter().map(|(_, before, after)| *before.max(after)).max().unwrap_or(0).max(1);
    let (left, width) = (LEFT, WIDTH - LEFT);
    let pitch = width as f64 / bins.len().max(1) as f64;
    let mut svg = open(WIDTH, 2 * HALF + 46, "Pages over time, before above the line and after below it");
    for (part, y) in [(most, 16), (0, 16 + HALF), (most, 16 + 2 * HALF)] {
        svg.push_str(&format!("<text class=\"n\" x=\"{}\" y=\"{}\">{part}</text>", left - 8, y + 4));
        svg.push_str(&format!("<line class=\"grid\" x1=\"{left}\" y1=\"{y}\" x2=\"{WIDTH}\" y2=\"{y}\"/>"));
    }
    for (nth, (date, before, after)) in bins.iter().enumerate() {
        let x = left as f64 + nth as f64 * pitch;
        let height = |count: u64| count as f64 / most as f64 * HALF as f64;
        let bar = (pitch - 1.0).clamp(0.8, 28.0);
        let base = (16 + HALF) as f64;
        let (up, down) = (height(*before), height(*after));
        svg.push_str(&format!(
            "<g><title>{date}: {before} before, {after} after</title>\
             <rect class=\"a\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{bar:.1}\" height=\"{up:.1}\"/>\
             <rect class=\"b\" x=\"{x:.1}\" y=\"{base:.1}\" width=\"{bar:.1}\" height=\"{down:.1}\"/></g>",
            base - up
        ));
    }
    for nth in marks(bins.len()) {
        let x = left as f64 + nth as f64 * pitch;
        let y = 16 + 2 * HALF + 22;
        svg.push_str(&format!("<text class=\"d\" x=\"{x:.1}\" y=\"{y}\">{}</text>", bins[nth].0));
    }
    svg.push_str("</svg>");
    svg
}

/// Bars that are named by their date: about six.
fn marks(bars: usize) -> impl Iterator<Item = usize> {
    (0..bars).step_by((bars / 6).max(1)).take(6)
}

/// Alerts by group: lost to the left, gained to the right.
pub(super) fn groups(groups: &[Group], escape: impl Fn(&str) -> String) -> String {
    let most = groups.iter().map(|group| group.gained.max(group.lost)).max().unwrap_or(0).max(1);
    let middle = NAMES + (WIDTH - NAMES) / 2;
    let half = ((WIDTH - NAMES) / 2 - COUNT) as f64;
    let mut svg = open(WIDTH, groups.len() * ROW + 8, "Alerts lost to the left, gained to the right");
    for (nth, group) in groups.iter().enumerate() {
        let y = nth * ROW + 4;
        let text = y + ROW / 2 + 4;
        let width = |count: u64| count as f64 / most as f64 * half;
        let (lost, gained) = (width(group.lost), width(group.gained));
        let name = escape(&group.name);
        svg.push_str(&format!(
            "<text class=\"n\" x=\"{}\" y=\"{text}\">{name}</text>\
             <rect class=\"a\" x=\"{:.1}\" y=\"{}\" width=\"{lost:.1}\" height=\"{}\"/>\
             <rect class=\"b\" x=\"{middle}\" y=\"{}\" width=\"{gained:.1}\" height=\"{}\"/>",
            NAMES - 12,
            middle as f64 - lost,
            y + 4,
            ROW - 8,
            y + 4,
            ROW - 8,
        ));
        if group.lost > 0 {
            let x = middle as f64 - lost - 6.0;
            svg.push_str(&format!("<text class=\"n\" x=\"{x:.1}\" y=\"{text}\">−{}</text>", group.lost));
        }
        if group.gained > 0 {
            let x = middle as f64 + gained + 6.0;
            svg.push_str(&format!("<text class=\"v\" x=\"{x:.1}\" y=\"{text}\">+{}</text>", group.gained));
        }
    }
    let bottom = groups.len() * ROW + 4;
    svg.push_str(&format!("<line class=\"grid\" x1=\"{middle}\" y1=\"4\" x2=\"{middle}\" y2=\"{bottom}\"/></svg>"));
    svg
}

fn open(width: usize, height: usize, about: &str) -> String {
    format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{about}\">")
}
