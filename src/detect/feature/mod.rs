//! A session's features, assembled on event time as its events arrive.

mod place;
mod session;

pub(super) use place::Sighting;
pub(super) use session::Session;
