//! An event with what a [look ahead](super::ahead) has seen of it.

use crate::event::Event;
use crate::stats::fingerprint;

/// An event with what was seen of it beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Foreseen<'e> {
    pub(super) event: &'e Event,
    /// The bot that it is likely to be of: whether it is, its name would tell, which is still far away then.
    pub(super) bot: Option<u32>,
    /// Fingerprint of its id.
    pub(super) id: u64,
}

impl<'e> Foreseen<'e> {
    /// An event of which nothing was seen beforehand.
    pub(super) fn unseen(event: &'e Event) -> Self {
        Self { event, bot: None, id: fingerprint(&[&event.id]) }
    }
}
