//! What earlier formats looked like, so that they can still be read. A format's shapes are written down when it is new,
//! and stay when the next one comes.

use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// Formats before this one.
const PAST: &[(u16, &str)] = &[
    (10, include_str!("formats/10.json")),
    (11, include_str!("formats/11.json")),
    (12, include_str!("formats/12.json")),
    (13, include_str!("formats/13.json")),
    (14, include_str!("formats/14.json")),
];

/// The shapes of what a file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shapes {
    /// Of the checkpoint.
    pub checkpoint: Shape,
    /// Of what follows on it.
    pub tail: Shape,
    /// Of the engine's own state.
    pub engine: Shape,
}

/// The shapes of an earlier format, where it is still read.
pub(super) fn of(format: u16) -> Option<Shapes> {
    let (_, text) = PAST.iter().find(|(known, _)| *known == format)?;
    serde_json::from_str(text).ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test reads and writes its golden file")]
mod tests {
    use std::{env, fs};

    use super::*;
    use crate::detect::state_shape;
    use crate::runtime::store::format::{Checkpoint, FORMAT, Tail};
    use crate::shape::shape_of;

    #[test]
    fn what_is_written_has_the_shapes_of_its_format() {
        let now = Shapes {
            checkpoint: shape_of::<Checkpoint>().expect("has a shape"),
            tail: shape_of::<Tail>().expect("has a shape"),
            engine: state_shape().expect("has a shape"),
        };
        let path = format!("{}/src/runtime/store/formats/{FORMAT}.json", env!("CARGO_MANIFEST_DIR"));
        let text = serde_json::to_string(&now).expect("JSON") + "\n";
        if env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, &text).expect("writes");
        }
        let golden = fs::read_to_string(&path).expect("is there");
        assert_eq!(
            serde_json::from_str::<Shapes>(&golden).expect("JSON"),
            now,
            "state that is written differently is another format: count `FORMAT` up; UPDATE_EXPECT=1 writes its shapes down"
        );
    }
}
