//! A file system that does not let a file grow further is an end of medium. One test in a program of its own, because the
//! limit that stands for such a file system is the process's.

#![allow(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

mod common;

use std::sync::Arc;

use common::*;
use medium::{Address, Error, Medium, MediumWriter};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const LIMIT: u64 = 1500;

fn limit(bytes: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, bytes, hard).unwrap();
}

/// A file that is too long is refused with `expected`, taken back, and the volume ended with shorter ones.
fn ends_well(mut writer: Box<dyn MediumWriter>, address: &Address, expected: fn(&Error) -> bool) {
    let files = contents(&[100, 700, 40, 30]);
    put(&mut *writer, &files[0]).unwrap();
    let refused = put(&mut *writer, &(name(1), noise(2000, 1))).unwrap_err();
    assert!(expected(&refused), "{refused:?}");
    writer.abandon_file().unwrap();
    for file in &files[1..] {
        put(&mut *writer, file).unwrap();
    }
    assert_eq!(writer.commit().unwrap(), 4);
    writer.close().unwrap();
    assert_volume(address, &files);
}

#[test]
fn a_file_that_may_not_grow_further_ends_the_volume() {
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    // With a handler the system answers EFBIG, as a file system does by itself.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()).unwrap();
    for kind in [Kind::VirtualTape, Kind::Directory] {
        // Met on the way, since it was not known when the volume was opened.
        let folder = tempfile::tempdir().unwrap();
        let address = kind.address(folder.path());
        limit(hard);
        let writer = address.create(&settings(16)).unwrap();
        limit(LIMIT);
        ends_well(writer, &address, |error| matches!(error, Error::FileTooLarge { .. }));

        // Known in advance: room is counted by it.
        let folder = tempfile::tempdir().unwrap();
        let address = kind.address(folder.path());
        limit(LIMIT);
        assert!(address.has_room(LIMIT, LIMIT));
        assert!(!address.has_room(LIMIT + 1, LIMIT + 1));
        assert_eq!(address.has_room(LIMIT + 1, LIMIT), kind == Kind::Directory);
        let writer = address.create(&settings(16)).unwrap();
        match kind {
            Kind::VirtualTape => {
                assert_eq!(writer.remaining_bytes(), Some(LIMIT));
                ends_well(writer, &address, |error| matches!(error, Error::Full { .. }));
            }
            Kind::Directory => {
                assert_eq!(writer.largest_file_bytes(), Some(LIMIT));
                ends_well(writer, &address, |error| matches!(error, Error::FileTooLarge { .. }));
            }
        }
    }
}
