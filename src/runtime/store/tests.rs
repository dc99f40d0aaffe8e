//! The store on real folders: what is kept, what is refused, and who may read it.

use std::os::unix::fs::PermissionsExt;

use super::format::{Checkpoint, Position};
use super::*;

fn checkpoint(sequence: u64) -> Checkpoint {
    let position = Position { stream: "S".to_owned(), created_us: 1, sequence, record: None };
    Checkpoint { position: Some(position), ..Checkpoint::default() }
}

fn sequence(store: &Store) -> Option<u64> {
    store.load().expect("loads").and_then(|checkpoint| checkpoint.position).map(|position| position.sequence)
}

#[test]
fn the_newest_are_kept_and_the_newest_is_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path(), 2).expect("opens");
    assert_eq!(sequence(&store), None);
    for n in 1..=4 {
        store.save(&checkpoint(n)).expect("saves");
    }
    assert_eq!((sequence(&store), store.numbers().expect("lists")), (Some(4), vec![3, 4]));
    let mode = fs::metadata(store.path(4)).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(store);
    let mut store = Store::open(dir.path(), 2).expect("opens again");
    store.save(&checkpoint(9)).expect("saves");
    assert_eq!((sequence(&store), store.numbers().expect("lists")), (Some(9), vec![4, 5]));
}

#[test]
fn a_damaged_snapshot_falls_back_to_the_one_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path(), 3).expect("opens");
    for n in 1..=2 {
        store.save(&checkpoint(n)).expect("saves");
    }
    fs::write(store.path(2), b"half a snapsh").expect("damages");
    assert_eq!(sequence(&store), Some(1));
    store.save(&checkpoint(7)).expect("saves");
    assert_eq!(sequence(&store), Some(7));
}

#[test]
fn a_second_process_is_kept_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Store::open(dir.path(), 2).expect("opens");
    let second = Store::open(dir.path(), 2).expect_err("is locked");
    assert_eq!((second.reason(), second.retry()), ("locked", false));
    drop(first);
    Store::open(dir.path(), 2).expect("opens after the first has gone");
}

#[test]
fn a_directory_that_cannot_be_made_says_which() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, b"").expect("writes");
    let error = Store::open(&file.join("state"), 2).expect_err("a file is in the way");
    assert!(error.to_string().contains("file/state"), "{error}");
}
