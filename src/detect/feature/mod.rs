//! A session's features, assembled on event time as its events arrive.

mod session;

pub(super) use session::Session;
