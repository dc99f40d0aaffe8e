//! A table for a terminal: columns as wide as their widest cell, by the columns that a terminal gives to each character.

use unicode_width::UnicodeWidthStr;

use super::plain;

/// Names of a list that a cell shows; the rest is counted.
const NAMES_MAX: usize = 3;

/// Rows under their headings, two blanks between columns; nothing is said of what is empty.
#[must_use]
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.width()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
    std::iter::once(&headings).chain(&rows).map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        // What is as wide as its column, or wider by the terminal's own idea, has no blanks to fill.
        line.extend(std::iter::repeat_n(' ', 2 + width.saturating_sub(cell.width())));
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// A list in a cell: the first names, and how many more there are.
pub(super) fn names(list: &[String]) -> String {
    let shown = list.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match list.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} +{more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_whatever_the_script() {
        let row = |cells: [&str; 2]| cells.map(ToOwned::to_owned).to_vec();
        let text = table(&["bot", "x"], &[row(["請求書", "1"]), row(["pay\u{1b}", "2"]), row(["", ""])]);
        assert_eq!(text, "bot        x\n請求書     1\npay\\u{1b}  2\n\n");
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let list: Vec<String> = ["a", "b", "c", "d", "e"].map(ToOwned::to_owned).to_vec();
        assert_eq!((names(&list[..3]), names(&list)), ("a, b, c".to_owned(), "a, b, c +2".to_owned()));
    }
}
