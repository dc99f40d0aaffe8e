//! A week as a heat map: 24 hours by seven days, with the hour of the run that is talked about.

use super::{label, line, picture, rect};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Size of an hour and of the margins, in pixels.
const CELL: f64 = 18.0;
const LEFT: f64 = 36.0;
const TOP: f64 = 18.0;

/// An hour that is pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime::console) struct Mark {
    /// Hour of the week, from Monday's midnight.
    pub hour: usize,
    /// Whether a run is missing there, and did not begin there.
    pub missing: bool,
}

/// Draws a week of 168 weights.
pub(in crate::runtime::console) fn week(weights: &[f64], mark: Option<Mark>, zone: &str) -> String {
    let most = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let title = format!("When it starts, by hour of the week in {zone}");
    let words = describe(weights, mark);
    let (width, height) = (LEFT + 24.0 * CELL + 2.0, TOP + 7.0 * CELL + 2.0);
    let mut drawn = picture(width, height, "week", &title, &words);
    for hour in (0..24).step_by(3) {
        let x = LEFT + f64::from(hour) * CELL;
        drawn = drawn.add(label(x, TOP - 6.0, "start", "axis", &format!("{hour:02}")));
    }
    for (day, name) in DAYS.into_iter().enumerate() {
        let y = TOP + day as f64 * CELL;
        drawn = drawn.add(label(LEFT - 7.0, y + CELL * 0.72, "end", "axis", name));
        for hour in 0..24 {
            let weight = weights.get(day * 24 + hour).copied().unwrap_or_default() / most;
            let x = LEFT + hour as f64 * CELL;
            drawn = drawn.add(rect(x, y, CELL - 2.0, CELL - 2.0, "cell").set("rx", 3));
            if weight > 0.01 {
                // The square root keeps what is rare visible beside what is usual.
                let shade = (0.15 + 0.85 * weight.sqrt()).min(1.0);
                let heat = rect(x, y, CELL - 2.0, CELL - 2.0, "heat").set("rx", 3);
                drawn = drawn.add(heat.set("fill-opacity", format!("{shade:.2}")));
            }
        }
    }
    if let Some(Mark { hour, .. }) = mark.filter(|mark| mark.hour < 168) {
        let (x, y) = (LEFT + (hour % 24) as f64 * CELL, TOP + (hour / 24) as f64 * CELL);
        let middle = (x + CELL / 2.0 - 1.0, y + CELL / 2.0 - 1.0);
        drawn = drawn
            .add(line((middle.0, TOP - 2.0), (middle.0, y - 3.0), "pointer"))
            .add(line((LEFT - 3.0, middle.1), (x - 3.0, middle.1), "pointer"))
            .add(rect(x - 2.0, y - 2.0, CELL + 2.0, CELL + 2.0, "mark").set("rx", 5));
    }
    drawn.to_string()
}

/// The same in words.
fn describe(weights: &[f64], mark: Option<Mark>) -> String {
    let total: f64 = weights.iter().sum();
    let mut busiest: Vec<(usize, f64)> =
        weights.iter().copied().enumerate().filter(|(_, weight)| *weight > 0.0).collect();
    busiest.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let named: Vec<String> = busiest.iter().take(3).map(|(hour, _)| hour_name(*hour)).collect();
    let mut words = match named.as_slice() {
        [] => "Nothing is known of its hours yet.".to_owned(),
        names => format!("It starts in {} hours of the week, most often {}.", busiest.len(), names.join(", ")),
    };
    if let Some(Mark { hour, missing }) = mark {
        let share = weights.get(hour).copied().unwrap_or_default() / total.max(f64::MIN_POSITIVE);
        words += &format!(
            " {} {}, an hour with {:.1} % of its starts.",
            if missing { "It has been silent since" } else { "The run in question began" },
            hour_name(hour),
            share * 100.0
        );
    }
    words
}

fn hour_name(hour: usize) -> String {
    format!("{} {:02}:00", DAYS[hour / 24 % 7], hour % 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_hour_is_marked_and_told() {
        let mut weights = vec![0.0; 168];
        weights[2] = 3.0;
        weights[26] = 1.0;
        let drawn = week(&weights, Some(Mark { hour: 167, missing: false }), "UTC");
        assert_eq!(drawn.matches("class=\"cell\"").count(), 168);
        assert_eq!((drawn.matches("class=\"heat\"").count(), drawn.matches("class=\"mark\"").count()), (2, 1));
        assert!(drawn.contains("most often Mon 02:00, Tue 02:00. The run in question began Sun 23:00"), "{drawn}");
        assert!(week(&[], None, "UTC").contains("Nothing is known"));
        let silent = week(&weights, Some(Mark { hour: 2, missing: true }), "UTC");
        assert!(silent.contains("It has been silent since Mon 02:00, an hour with 75.0 %"), "{silent}");
    }
}
