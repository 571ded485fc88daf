//! A volume ends at its capacity, and says beforehand where that is.

use medium::{Error, Settings};

use super::common::*;

on_every_medium!(
    what_fits_by_the_figures_fits_exactly,
    a_full_volume_takes_back_the_file_and_goes_on,
    the_capacity_holds_after_append,
    free_space_is_known_without_a_capacity,
);

fn limited(capacity_bytes: u64) -> Settings {
    Settings { record_bytes: 16, capacity_bytes: Some(capacity_bytes) }
}

fn what_fits_by_the_figures_fits_exactly(kind: Kind) {
    for content_bytes in [1, 15, 16, 17, 31, 32, 160] {
        for missing in [0, 1] {
            let folder = tempfile::tempdir().unwrap();
            let medium = kind.medium(folder.path());
            let file_bytes = medium.create(&settings(16)).unwrap().file_bytes(content_bytes);
            let mut writer = medium.create(&limited(file_bytes - missing)).unwrap();
            assert_eq!(writer.remaining_bytes(), Some(file_bytes - missing));
            let written = put(&mut *writer, &(name(0), noise(content_bytes as usize, 1)));
            if missing == 0 {
                written.unwrap();
                assert_eq!(writer.remaining_bytes(), Some(0));
                assert_eq!(writer.commit().unwrap(), 1);
            } else {
                assert!(matches!(written, Err(Error::Full { .. })), "{content_bytes} bytes");
            }
        }
    }
}

fn a_full_volume_takes_back_the_file_and_goes_on(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let mut writer = medium.create(&limited(150)).unwrap();
    let files = contents(&[40, 20]);
    put(&mut *writer, &files[0]).unwrap();
    let refusal = put(&mut *writer, &(name(1), noise(200, 1))).unwrap_err();
    let Error::Full { needed, remaining } = refusal else { panic!("{refusal}") };
    assert!(needed > remaining);
    writer.abandon_file().unwrap();
    put(&mut *writer, &files[1]).unwrap();
    assert_eq!(writer.commit().unwrap(), 2);
    writer.close().unwrap();
    assert_volume(&*medium, &files);
}

fn the_capacity_holds_after_append(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[40]);
    write_volume(&*medium, &limited(100), &files);
    let mut writer = append(&*medium, &limited(100), &files).unwrap();
    let used = writer.used_bytes();
    assert!(used >= 40);
    assert_eq!(writer.remaining_bytes(), Some(100 - used));
    assert!(matches!(put(&mut *writer, &(name(1), noise(100, 1))), Err(Error::Full { .. })));
    writer.close().unwrap();
    let writer = append(&*medium, &limited(10), &files).unwrap();
    assert_eq!(writer.remaining_bytes(), Some(0));
}

fn free_space_is_known_without_a_capacity(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    // Of a cartridge is known what its format holds; its drive tells nothing before the end is near.
    let format = kind.loaded_format();
    let remaining = medium.create(&settings(16)).unwrap().remaining_bytes();
    if kind.is_tape() {
        assert_eq!(remaining, format.map(|format| format.dependable_bytes()));
    } else {
        assert!(remaining.is_some_and(|bytes| bytes > 0), "{remaining:?}");
    }
}
