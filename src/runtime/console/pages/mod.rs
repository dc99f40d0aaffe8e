//! The pages, one a file: each gathers what it shows and hands it to its template.

pub(super) mod bot;
pub(super) mod bots;
pub(super) mod estate;
pub(super) mod feedback;
pub(super) mod incident;
pub(super) mod incidents;
pub(super) mod overview;
mod reason;
pub(super) mod search;
mod seen;
mod trace;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::desk::Desk;
use super::fault::PageFault;

/// A picture with the same as a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Picture {
    /// What it shows.
    pub title: String,
    /// SVG of our own, whose texts are escaped.
    pub svg: String,
    /// Heads of the table's columns.
    pub heads: Vec<&'static str>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

/// Where a list is, and where one can go from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Paging {
    /// The page, from 1.
    pub page: usize,
    /// Pages there are.
    pub pages: usize,
    /// Rows there are.
    pub total: usize,
    /// The first row shown, from 1; 0 when there is none.
    pub first: usize,
    /// The last one.
    pub last: usize,
}

/// Rows of one page.
pub(super) const ROWS: usize = 50;

impl Paging {
    /// A page of a list; one behind the end is the last one.
    pub(super) fn new(wanted: usize, total: usize) -> Self {
        let pages = total.div_ceil(ROWS).max(1);
        let page = wanted.clamp(1, pages);
        let first = (page - 1) * ROWS;
        Self { page, pages, total, first: (first + 1).min(total), last: (first + ROWS).min(total) }
    }

    /// The rows that it shows.
    pub(super) fn of<T>(self, rows: &[T]) -> &[T] {
        &rows[self.first.saturating_sub(1)..self.last]
    }
}

/// An answer, or why there is none.
pub(super) fn answer(desk: &Arc<Desk>, page: Result<Response, PageFault>) -> Response {
    page.unwrap_or_else(|fault| desk.fault(&fault)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_ends() {
        let rows: Vec<usize> = (1..=120).collect();
        for (wanted, first, last) in [(0, 1, 50), (1, 1, 50), (3, 101, 120), (99, 101, 120)] {
            let paging = Paging::new(wanted, rows.len());
            assert_eq!((paging.of(&rows).first(), paging.of(&rows).last()), (Some(&first), Some(&last)));
        }
        let none = Paging::new(1, 0);
        assert_eq!((none.first, none.last, none.pages, none.of(&[0_u8; 0]).len()), (0, 0, 1, 0));
    }
}
