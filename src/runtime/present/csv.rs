//! Comma-separated values as RFC 4180 has them, with one addition: a text that a spreadsheet would take for a formula
//! begins with an apostrophe, since names are chosen by whoever runs a bot.

use csv::{Terminator, WriterBuilder};

/// Rows under their headings.
pub(super) fn csv(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    // What is written to memory, in rows of one length, cannot fail.
    let written = writer
        .write_record(headings)
        .and_then(|()| rows.iter().try_for_each(|row| writer.write_record(row.iter().map(|cell| harmless(cell)))));
    debug_assert!(written.is_ok(), "{written:?}");
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn harmless(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    if formula { format!("'{text}") } else { text.to_owned() }
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
            let table = csv(&["a", "b"], &[vec![text.to_owned(), "1".to_owned()]]);
            assert_eq!(table, format!("a,b\r\n{written},1\r\n"), "{text}");
        }
        assert_eq!(csv(&["a", "b"], &[vec!["1".to_owned(), ",".to_owned()]]), "a,b\r\n1,\",\"\r\n");
    }
}
