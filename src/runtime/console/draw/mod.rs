//! Pictures, as SVG that takes its colors from the stylesheet.
//!
//! What a bot wrote stands in text nodes only, which the writer escapes; attributes are numbers and words of ours. Every
//! picture says in its title and description what it shows, and the page holds the same as a table.

mod band;
mod bars;
mod graph;
mod week;

pub(super) use band::{Band, band};
pub(super) use bars::{Bar, Spark, bars, meter, pair, spark};
pub(super) use graph::{CallPicture, call_graph};
pub(super) use week::{Mark, week};

use svg::Document;
use svg::node::element::{Circle, Description, Element, Line, Path, Rectangle, Text, Title};

/// An empty picture of a size, with what it shows in words.
fn picture(width: f64, height: f64, class: &'static str, title: &str, description: &str) -> Document {
    Document::new()
        .set("viewBox", (0.0, 0.0, width, height))
        .set("width", width)
        .set("height", height)
        .set("class", format!("picture {class}"))
        .set("role", "img")
        .add(Title::new(title))
        .add(said(description))
}

fn said(text: &str) -> Element {
    let mut description: Element = Description::new().into();
    svg::Node::append(&mut description, svg::node::Text::new(text));
    description
}

fn rect(x: f64, y: f64, width: f64, height: f64, class: &'static str) -> Rectangle {
    let (x, y, width, height) = (short(x), short(y), short(width), short(height));
    Rectangle::new().set("x", x).set("y", y).set("width", width).set("height", height).set("class", class)
}

fn line(from: (f64, f64), to: (f64, f64), class: &'static str) -> Line {
    let (x1, y1, x2, y2) = (short(from.0), short(from.1), short(to.0), short(to.1));
    Line::new().set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2).set("class", class)
}

fn dot(x: f64, y: f64, radius: f64, class: &'static str) -> Circle {
    Circle::new().set("cx", short(x)).set("cy", short(y)).set("r", radius).set("class", class)
}

fn path(data: svg::node::element::path::Data, class: &'static str) -> Path {
    Path::new().set("d", data).set("class", class)
}

/// A text; `anchor` is `start`, `middle` or `end`.
fn label(x: f64, y: f64, anchor: &'static str, class: &'static str, text: &str) -> Text {
    Text::new(text).set("x", short(x)).set("y", short(y)).set("text-anchor", anchor).set("class", class)
}

/// A coordinate to a tenth.
fn short(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

/// A text of at most so many characters; what is too long loses its middle, since names differ at both ends.
fn clip(text: &str, chars_max: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= chars_max {
        return text.to_owned();
    }
    let head = (chars_max - 1) * 2 / 3;
    let tail = chars_max - 1 - head;
    let (first, last) = (&letters[..head], &letters[letters.len() - tail..]);
    first.iter().chain(&['…']).chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bot_wrote_is_text() {
        let picture = picture(1.0, 1.0, "x", "<b>", "\"&").add(label(0.0, 0.0, "end", "y", "</svg><script>"));
        let text = picture.to_string();
        assert!(text.contains("&lt;/svg&gt;&lt;script&gt;") && text.contains("&lt;b&gt;"), "{text}");
        assert!(!text.contains("style="), "{text}");
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(clip("GET /employees", 20), "GET /employees");
        assert_eq!(clip("GET /a/very/long/path/to/salaries", 16), "GET /a/ver…aries");
    }
}
