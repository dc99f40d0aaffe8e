//! The table of faults on real servers, a case a row: processes that are killed, networks and disks that fail. The oracle
//! is always the same: alerts and state of a run that nothing happened to.
//!
//! What is tried elsewhere is named by the table beside this file. `HUMDRUM_FAULTS=all` tries everything for longer.

mod disk;
pub(crate) mod ground;
mod load;
mod network;
mod process;
mod servers;
mod stream;
mod table;
