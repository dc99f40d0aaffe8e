//! Comma-separated values as RFC 4180 has them, with one addition: a text that a spreadsheet would take for a formula
//! begins with an apostrophe, since names are chosen by whoever runs a bot.

/// Rows under their headings.
pub(super) fn csv(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings = headings.iter().map(ToString::to_string).collect::<Vec<_>>();
    std::iter::once(&headings)
        .chain(rows)
        .map(|row| row.iter().map(|cell| field(cell)).collect::<Vec<_>>().join(",") + "\r\n")
        .collect()
}

fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A list in one field.
pub(super) fn list(names: &[String]) -> String {
    names.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_field_is_quoted_and_what_would_run_is_not() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("-3.5", "-3.5"),
            ("-cmd", "'-cmd"),
            ("", ""),
        ] {
            assert_eq!(field(text), written, "{text}");
        }
        assert_eq!(csv(&["a", "b"], &[vec!["1".to_owned(), ",".to_owned()]]), "a,b\r\n1,\",\"\r\n");
    }
}
