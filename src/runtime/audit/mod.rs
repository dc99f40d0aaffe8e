//! The alert log: every published alert once, in a chain that shows when somebody changed it.
//!
//! ```text
//! <state dir>/alerts.ndjson                        the newest records, a line each            (record)
//!             alerts-00000000000000000001.ndjson   those before, named by their first number  (files)
//!             alerts.heads                         signed heads, a line each                  (head)
//!             alerts.key, alerts.pub               what they are signed and checked with      (key)
//! ```
//!
//! Each record is bound to the one before by a hash, so that an edit, a removal, a swap or an insertion breaks the chain
//! where it was made. A chain that was computed anew, and a tail that was cut off, are found by the signed heads. Heads
//! are written with each snapshot, every thousand records, when a file is full, and at the stop, and only over what is
//! on the disk.
//!
//! Blind spots: whoever has the private key can sign another history, and whoever can write the state directory can cut
//! log and heads back to an earlier head together. Both are found with a head that was kept elsewhere, which is why
//! heads are published, too. What happened behind the last head can be cut without a trace until the next.

pub mod files;
pub mod head;
pub mod key;
pub mod log;
mod open;
pub mod record;
pub mod verify;
