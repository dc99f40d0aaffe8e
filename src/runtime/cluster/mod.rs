//! Many members on one stream. The stream is cut into partitions by a transform of its subjects, a partition has one
//! owner at a time, and an owner runs the engine of a single process over its partition.
//!
//! ```text
//! member    says every second that it lives; knows who else does; ranks the members of each partition
//! lease     compare-and-set on a key; taken over when it has stood still for `takeover_after`, by our own clock
//! fence     every alert of a partition is published as the successor of the one before; a claim comes first, so
//!           that whoever owned it before and does not know that it is over is refused by the stream
//! manifest  compare-and-set on a key: epoch, snapshot, place in the fence
//! snapshot  an object under a name of its own, named by the manifest alone
//! takeover  claim → manifest → snapshot → read on behind it; alerts that the fence holds already are not published again
//! guest     a command that wants a partition for a moment: its owner leaves in order, it changes the snapshot and is gone
//! ```
//!
//! The lease only says who should work. That two work at once is possible, as whenever one of them was stopped and
//! wakes, and harmless: what leaves a partition passes through its fence or its manifest, and both let the newest epoch
//! alone through. Silence is put on record in the stream itself, so that a replay meets it at the same place, and the
//! state after a takeover is that of a run that nothing happened to.

mod balance;
pub mod check;
pub mod guest;
pub mod layout;
pub mod member;
mod own;
mod post;
mod tenure;
mod view;
