//! A quantity against its history: a band of the usual on a logarithmic scale, and where it was this time.

use svg::Document;

use super::{dot, label, line, picture, rect};
use crate::runtime::console::say;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 92.0;
const LEFT: f64 = 14.0;
const MIDDLE: f64 = 46.0;
/// Room of a number on the axis, with which it can be read on a phone.
const TICK: f64 = 66.0;

/// A quantity.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::runtime::console) struct Band {
    /// What it is, with its unit.
    pub noun: String,
    /// What 5, 25, 50, 75 and 95 of a hundred stay below.
    pub quantiles: [f64; 5],
    /// This time.
    pub point: Option<f64>,
    /// When that is.
    pub when: &'static str,
}

/// Draws the band.
pub(in crate::runtime::console) fn band(band: &Band) -> String {
    let [low, lower, usual, upper, high] = band.quantiles;
    let point = band.point.filter(|point| point.is_finite());
    let top = high.max(point.unwrap_or(0.0)).max(1.0) * 1.6;
    // Zero is a place of its own on the left: `ln(1 + x)` has one.
    let place = |x: f64| LEFT + (WIDTH - 2.0 * LEFT) * x.max(0.0).ln_1p() / top.ln_1p();
    let mut words = format!(
        "Usually {}, nine times in ten from {} to {}.",
        say::number(usual),
        say::number(low),
        say::number(high)
    );
    if let Some(point) = point {
        words += &format!(" {} {}.", capital(band.when), say::number(point));
    }
    let mut drawn = picture(WIDTH, HEIGHT, "band", &capital(&band.noun), &words);
    drawn = axis(drawn, top, &place);
    let box_of = |from: f64, to: f64, height: f64, class| {
        let width = (place(to) - place(from)).max(3.0);
        rect(place(from), MIDDLE - height / 2.0, width, height, class).set("rx", 3)
    };
    drawn = drawn.add(box_of(low, high, 20.0, "range")).add(box_of(lower, upper, 20.0, "core"));
    drawn = drawn.add(line((place(usual), MIDDLE - 14.0), (place(usual), MIDDLE + 14.0), "median"));
    drawn = drawn.add(label(
        place(usual),
        MIDDLE - 19.0,
        anchor(place(usual)),
        "axis",
        &format!("usually {}", say::number(usual)),
    ));
    if let Some(point) = point {
        let x = place(point);
        let text = format!("{} {}", band.when, say::number(point));
        // Beside the usual's own words there is no room above.
        let near = (x - place(usual)).abs() < 170.0;
        let y = if near { MIDDLE + 28.0 } else { MIDDLE - 19.0 };
        drawn = drawn
            .add(line((x, MIDDLE - 14.0), (x, MIDDLE + 14.0), "pointer"))
            .add(dot(x, MIDDLE, 6.0, "odd"))
            .add(label(x, y, anchor(x), "told", &text));
    }
    drawn.to_string()
}

/// Powers of ten along the bottom.
fn axis(mut drawn: Document, top: f64, place: &impl Fn(f64) -> f64) -> Document {
    drawn = drawn.add(line((LEFT, MIDDLE + 34.0), (WIDTH - LEFT, MIDDLE + 34.0), "grid"));
    let ticks = std::iter::once(0.0).chain((0..13).map(|power| 10f64.powi(power))).filter(|tick| *tick <= top);
    let mut free = f64::MIN;
    for tick in ticks {
        let x = place(tick);
        if x < free {
            continue;
        }
        free = x + TICK;
        drawn = drawn.add(line((x, MIDDLE + 31.0), (x, MIDDLE + 37.0), "grid"));
        drawn = drawn.add(label(x, MIDDLE + 45.0, anchor(x), "axis faint", &say::brief_number(tick)));
    }
    drawn
}

/// Words at an edge lean inward.
fn anchor(x: f64) -> &'static str {
    if x < 70.0 {
        "start"
    } else if x > WIDTH - 70.0 {
        "end"
    } else {
        "middle"
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_is_told_beside_the_usual() {
        let quantiles = [900.0, 950.0, 1000.0, 1050.0, 1100.0];
        let (noun, when) = ("records read in one session".to_owned(), "this time");
        let drawn = band(&Band { noun, quantiles, point: Some(40_000.0), when });
        assert!(
            drawn
                .contains("Usually 1\u{202f}000, nine times in ten from 900 to 1\u{202f}100. This time 40\u{202f}000."),
            "{drawn}"
        );
        assert_eq!(drawn.matches("class=\"odd\"").count(), 1);
        for quantiles in [[0.0; 5], [f64::MAX; 5]] {
            let drawn = band(&Band { noun: "calls".to_owned(), quantiles, point: Some(f64::NAN), when: "today" });
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }
}
