//! Small pictures: days as bars, a level over days as a line, and how much of something is used up.

use svg::node::element::path::Data;

use super::{dot, label, line, path, picture, rect};
use crate::runtime::console::say;

/// Size of a bar chart.
const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 112.0;
const FLOOR: f64 = 90.0;
/// Size of a line.
const SPARK: (f64, f64) = (280.0, 64.0);
/// Size of a pair of bars, and its room for names and figures.
const PAIR: (f64, f64) = (460.0, 64.0);
const PAIR_NAMES: f64 = 74.0;
const PAIR_FIGURES: f64 = 70.0;
/// Size of a meter.
const METER: (f64, f64) = (280.0, 16.0);

/// One day.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::runtime::console) struct Bar {
    /// Its name.
    pub name: String,
    /// Its parts, from the bottom: a count, and the class that colors it.
    pub parts: Vec<(f64, &'static str)>,
}

/// Draws days as stacked bars.
pub(in crate::runtime::console) fn bars(title: &str, bars: &[Bar], noun: &str) -> String {
    let sum = |bar: &Bar| bar.parts.iter().map(|(count, _)| count).sum::<f64>();
    let most = bars.iter().map(sum).fold(0.0, f64::max);
    let all: f64 = bars.iter().map(sum).sum();
    let words =
        format!("{} over {} days, at most {} on one day.", say::plural(all, noun), bars.len(), say::number(most));
    let mut drawn = picture(WIDTH, HEIGHT, "bars", title, &words);
    let step = WIDTH / bars.len().max(1) as f64;
    let mut told = false;
    for (at, bar) in bars.iter().enumerate() {
        let (x, mut y) = (at as f64 * step + 1.0, FLOOR);
        for (count, class) in bar.parts.iter().filter(|(count, _)| *count > 0.0) {
            let height = (count / most.max(1.0) * (FLOOR - 22.0)).max(2.0);
            y -= height;
            drawn = drawn.add(rect(x, y, (step - 2.0).max(1.0), height - 1.0, class).set("rx", 1.5));
        }
        if sum(bar) > 0.0 && (sum(bar) - most).abs() < 0.5 && !told {
            told = true;
            drawn = drawn.add(label(x + step / 2.0 - 1.5, y - 5.0, "middle", "axis", &say::number(most)));
        }
    }
    drawn = drawn.add(line((0.0, FLOOR + 0.5), (WIDTH, FLOOR + 0.5), "grid"));
    if let (Some(first), Some(last)) = (bars.first(), bars.last()) {
        drawn = drawn.add(label(0.0, FLOOR + 16.0, "start", "axis", &first.name)).add(label(
            WIDTH,
            FLOOR + 16.0,
            "end",
            "axis",
            &last.name,
        ));
    }
    drawn.to_string()
}

/// A level over days.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::runtime::console) struct Spark<'a> {
    /// What it is.
    pub noun: &'a str,
    /// The level of each day, oldest first.
    pub values: &'a [f64],
}

/// Draws a level over days.
pub(in crate::runtime::console) fn spark(of: &Spark<'_>) -> String {
    let (width, height) = SPARK;
    let (least, most) =
        of.values.iter().fold((f64::MAX, f64::MIN), |(low, high), &value| (low.min(value), high.max(value)));
    let (first, last) = (of.values.first().copied().unwrap_or_default(), of.values.last().copied().unwrap_or_default());
    let words = format!(
        "{} days, from {} to {}; least {}, most {}.",
        of.values.len(),
        say::number(first),
        say::number(last),
        say::number(least.min(most)),
        say::number(most.max(0.0))
    );
    let drawn = picture(width, height, "spark", of.noun, &words);
    // Half of what is usual is left free above and below, so that a constant level is a flat line in the middle.
    let (low, high) = ((least * 0.5).max(0.0), (most * 1.25).max(1.0));
    let step = (width - 74.0) / (of.values.len().max(2) - 1) as f64;
    let place = |(at, value): (usize, &f64)| {
        let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
        (4.0 + at as f64 * step, height - 6.0 - share * (height - 12.0))
    };
    let mut points = of.values.iter().enumerate().map(place);
    let Some(start) = points.next() else { return drawn.to_string() };
    let (mut data, mut end) = (Data::new().move_to(start), start);
    for point in points {
        data = data.line_to(point);
        end = point;
    }
    drawn
        .add(path(data, "level"))
        .add(dot(end.0, end.1, 3.5, "dot"))
        .add(label(end.0 + 9.0, end.1 + 4.0, "start", "axis strong", &say::number(last)))
        .to_string()
}

/// Draws a quantity beside what it usually is, where no more than that is known.
pub(in crate::runtime::console) fn pair(title: &str, usual: f64, now: f64) -> String {
    let (width, height) = PAIR;
    let words = format!("Usually {}, this time {}.", say::number(usual), say::number(now));
    let mut drawn = picture(width, height, "pair", title, &words);
    let most = usual.max(now).max(f64::MIN_POSITIVE);
    for (y, value, name, class) in [(4.0, usual, "usually", "core"), (36.0, now, "this time", "bar high")] {
        let long = (value.max(0.0) / most * (width - PAIR_NAMES - PAIR_FIGURES)).max(2.0);
        drawn = drawn
            .add(label(PAIR_NAMES - 10.0, y + 17.0, "end", "axis", name))
            .add(rect(PAIR_NAMES, y, long, 24.0, class).set("rx", 3))
            .add(label(PAIR_NAMES + long + 9.0, y + 17.0, "start", "axis strong", &say::number(value)));
    }
    drawn.to_string()
}

/// Draws how much of something is used: parts of a whole, each with the class that colors it.
pub(in crate::runtime::console) fn meter(title: &str, words: &str, parts: &[(f64, &'static str)]) -> String {
    let (width, height) = METER;
    let total: f64 = parts.iter().map(|(part, _)| part.max(0.0)).sum();
    // Stretched to whatever room there is.
    let mut drawn = picture(width, height, "meter", title, words)
        .set("preserveAspectRatio", "none")
        .add(rect(0.0, 0.0, width, height, "track").set("rx", 8));
    let mut x = 0.0;
    for (part, class) in parts.iter().filter(|(part, _)| *part > 0.0) {
        let share = part / total.max(f64::MIN_POSITIVE) * width;
        drawn = drawn.add(rect(x, 0.0, (share - 1.0).max(2.0), height, class).set("rx", 3));
        x += share;
    }
    drawn.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_as_nothing() {
        for drawn in [
            bars("Alerts", &[], "alert"),
            spark(&Spark { noun: "records", values: &[] }),
            spark(&Spark { noun: "records", values: &[0.0, 0.0] }),
            meter("Budget", "none", &[(0.0, "a")]),
            pair("Sessions", 0.0, 0.0),
        ] {
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }

    #[test]
    fn what_is_usual_stands_beside_what_was() {
        let drawn = pair("Sessions within an hour", 1.0, 16.0);
        assert!(drawn.contains("Usually 1, this time 16.") && drawn.contains("\n16\n</text>"), "{drawn}");
    }

    #[test]
    fn days_are_stacked() {
        let day = |name: &str, parts| Bar { name: name.to_owned(), parts };
        let days = [day("1 May", vec![(2.0, "high"), (1.0, "low")]), day("2 May", vec![])];
        let drawn = bars("Alerts", &days, "alert");
        assert!(drawn.contains("3 alerts over 2 days, at most 3 on one day."), "{drawn}");
        assert_eq!(drawn.matches("class=\"high\"").count(), 1);
    }
}
