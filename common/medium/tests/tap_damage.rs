//! A damaged virtual tape loses no more than what was damaged, and says what that is.

#![allow(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

mod common;

use std::fs;
use std::ops::Range;
use std::path::Path;

use common::*;
use medium::{Address, Damage, Error, Finding, Medium};
use proptest::prelude::*;

/// What a byte of an image belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    LeadingLength,
    Data { file: usize, offset: usize },
    Padding,
    TrailingLength,
    Filemark,
}

/// An image made by hand, byte by byte after the format's description.
fn image(files: &[Content], record_bytes: usize) -> (Vec<u8>, Vec<Part>) {
    let mut bytes = Vec::new();
    let mut parts = Vec::new();
    for (file, (_, content)) in files.iter().enumerate() {
        let mut offset = 0;
        for record in content.chunks(record_bytes) {
            let length = u32::try_from(record.len()).unwrap().to_le_bytes();
            bytes.extend_from_slice(&length);
            parts.extend([Part::LeadingLength; 4]);
            bytes.extend_from_slice(record);
            parts.extend((0..record.len()).map(|n| Part::Data { file, offset: offset + n }));
            offset += record.len();
            if record.len() % 2 == 1 {
                bytes.push(0);
                parts.push(Part::Padding);
            }
            bytes.extend_from_slice(&length);
            parts.extend([Part::TrailingLength; 4]);
        }
        bytes.extend_from_slice(&[0; 4]);
        parts.extend([Part::Filemark; 4]);
    }
    (bytes, parts)
}

fn read_image(path: &Path, bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<Finding>) {
    fs::write(path, bytes).unwrap();
    read_volume(&Address::VirtualTape(path.to_owned()))
}

#[test]
fn the_writer_follows_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let address = Kind::VirtualTape.address(folder.path());
    let files = contents(&[40, 0, 17, 16, 1]);
    write_volume(&address, &settings(16), &files);
    assert_eq!(fs::read(address.path()).unwrap(), image(&files, 16).0);
}

/// Changes each byte of the framing to each other value, and each of the data to a few.
/// Framing damage must not change any content.
fn flip_every_byte(sizes: &[usize], record_bytes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let files = contents(sizes);
    let (sound, parts) = image(&files, record_bytes);
    for (position, part) in parts.iter().enumerate() {
        let step = if matches!(part, Part::Data { .. }) { 127 } else { 1 };
        for mask in (1..=255_u8).step_by(step) {
            let mut damaged = sound.clone();
            damaged[position] ^= mask;
            let (found, findings) = read_image(&path, &damaged);
            let mut wanted: Vec<_> = files.iter().map(|(_, content)| content.clone()).collect();
            if let Part::Data { file, offset } = *part {
                wanted[file][offset] ^= mask;
            }
            assert!(found == wanted, "{part:?} at {position} with {mask:#04x}: {findings:?}");
            let what = findings.iter().map(|finding| &finding.what).collect::<Vec<_>>();
            let known: &[&Damage] = match part {
                Part::Data { .. } => &[],
                Part::LeadingLength => &[&Damage::LeadingLength],
                Part::TrailingLength => &[&Damage::TrailingLength],
                Part::Padding => &[&Damage::Padding],
                Part::Filemark => &[&Damage::Filemark],
            };
            // A length word that only differs by the error flag is found by the trailing word, whichever is wrong.
            let by_the_other = *part == Part::TrailingLength && what == [&Damage::LeadingLength];
            assert!(what == known || by_the_other, "{part:?} at {position} with {mask:#04x}: {findings:?}");
        }
    }
}

#[test]
fn any_byte_of_a_small_volume() {
    flip_every_byte(&[40, 0, 17, 16, 1, 0, 0, 33], 16);
}

#[test]
fn any_byte_where_lengths_have_one_byte_that_is_not_zero() {
    flip_every_byte(&[512, 300, 0, 256], 256);
}

#[test]
fn any_byte_of_one_file() {
    flip_every_byte(&[8], 16);
    flip_every_byte(&[1], 16);
}

#[test]
fn any_byte_of_content_that_is_all_zero() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let files: Vec<Content> = (0..3).map(|n| (name(n), vec![0; 768])).collect();
    let (sound, parts) = image(&files, 256);
    for position in (0..sound.len()).filter(|at| !matches!(parts[*at], Part::Data { .. })) {
        for mask in [0x01, 0x02, 0x58, 0x80, 0xFF] {
            let mut damaged = sound.clone();
            damaged[position] ^= mask;
            let (found, findings) = read_image(&path, &damaged);
            assert!(found.iter().all(|content| *content == files[0].1) && found.len() == 3, "{position}");
            assert_eq!(findings.len(), 1, "{position}: {findings:?}");
        }
    }
}

#[test]
fn framing_of_full_sized_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let files = contents(&[1000, 600_000, 262_144]);
    let (sound, parts) = image(&files, 262_144);
    for position in (0..sound.len()).filter(|at| !matches!(parts[*at], Part::Data { .. })) {
        for mask in [0x04, 0xFF] {
            let mut damaged = sound.clone();
            damaged[position] ^= mask;
            let (found, findings) = read_image(&path, &damaged);
            assert!(found.iter().eq(files.iter().map(|(_, content)| content)), "{position}: {findings:?}");
            assert_eq!(findings.len(), 1, "{position}: {findings:?}");
        }
    }
}

#[test]
fn a_stretch_of_damage_harms_its_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let files = contents(&[100, 100, 100, 100]);
    let (sound, parts) = image(&files, 16);
    let marks: Vec<_> = (0..parts.len()).filter(|at| parts[*at] == Part::Filemark).collect();
    let inner = marks[3] + 1..marks[4];
    for filler in [0x00, 0x01, 0xAA, 0xFF] {
        for Range { start, end } in (inner.clone()).flat_map(|start| [start..start + 9, start..inner.end]) {
            let end = end.min(inner.end);
            let mut damaged = sound.clone();
            damaged[start..end].fill(filler);
            let (found, findings) = read_image(&path, &damaged);
            assert!(found[0] == files[0].1, "{filler:#04x} in {start}..{end}");
            assert!(
                found.ends_with(&[files[2].1.clone(), files[3].1.clone()]),
                "{filler:#04x} in {start}..{end}: {findings:?}"
            );
            assert!(damaged == sound || !findings.is_empty() || found[1] != files[1].1);
        }
    }
}

#[test]
fn an_image_cut_anywhere_keeps_what_was_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let files = contents(&[40, 17, 0, 33]);
    let (sound, parts) = image(&files, 16);
    let ends: Vec<_> = (1..=files.len()).map(|count| image(&files[..count], 16).0.len()).collect();
    for length in 0..sound.len() {
        let (found, findings) = read_image(&path, &sound[..length]);
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert!(found.len() >= whole && found.len() <= whole + 1, "cut at {length}");
        for (content, (_, wanted)) in found.iter().zip(&files).take(whole) {
            assert!(content == wanted, "cut at {length}");
        }
        let at_a_boundary = length == 0 || ends.contains(&length);
        assert_eq!(
            findings.is_empty(),
            at_a_boundary,
            "cut at {length} in {:?}: {findings:?}",
            parts[length]
        );
        if let Some(torn) = found.get(whole) {
            assert!(files[whole].1.starts_with(torn), "cut at {length}");
        }
    }
}

#[test]
fn a_crash_at_any_byte_behind_the_commit_is_mended_by_append() {
    let folder = tempfile::tempdir().unwrap();
    let address = Kind::VirtualTape.address(folder.path());
    let files = contents(&[20, 9, 18, 0, 5]);
    let committed = image(&files[..2], 8).0.len();
    let whole = image(&files, 8).0;
    let wanted: Vec<_> = [&files[..2], &[(name(2), noise(21, 5))]].concat();
    for length in committed..=whole.len() {
        for zeros in [0, 400] {
            let mut torn = whole[..length].to_vec();
            torn.resize(length + zeros, 0);
            fs::write(address.path(), torn).unwrap();
            let mut writer = append(&address, &settings(8), &files[..2]).unwrap();
            assert_eq!(writer.used_bytes(), committed as u64);
            put(&mut *writer, &wanted[2]).unwrap();
            assert_eq!(writer.commit().unwrap(), 3);
            writer.close().unwrap();
            assert_volume(&address, &wanted);
        }
    }
}

#[test]
fn nothing_is_appended_to_a_damaged_volume() {
    let folder = tempfile::tempdir().unwrap();
    let address = Kind::VirtualTape.address(folder.path());
    let files = contents(&[40, 17]);
    let (sound, parts) = image(&files, 16);
    for position in (0..sound.len()).filter(|at| !matches!(parts[*at], Part::Data { .. })) {
        let mut damaged = sound.clone();
        damaged[position] ^= 0x11;
        fs::write(address.path(), &damaged).unwrap();
        let refusal = append(&address, &settings(16), &files).err().unwrap();
        assert!(matches!(refusal, Error::Damaged { .. }), "{position}: {refusal}");
        assert_eq!(fs::read(address.path()).unwrap(), damaged, "the image must stay as it is");
    }
}

#[test]
fn an_image_replaced_under_its_writer_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let address = Kind::VirtualTape.address(folder.path());
    let mut writer = address.create(&settings(16)).unwrap();
    put(&mut *writer, &(name(0), noise(20, 1))).unwrap();
    fs::rename(address.path(), folder.path().join("elsewhere")).unwrap();
    fs::copy(folder.path().join("elsewhere"), address.path()).unwrap();
    assert!(matches!(writer.commit(), Err(Error::PositionLost { .. })));
}

#[test]
fn an_image_cut_under_its_writer_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let address = Kind::VirtualTape.address(folder.path());
    let mut writer = address.create(&settings(16)).unwrap();
    put(&mut *writer, &(name(0), noise(20, 1))).unwrap();
    fs::OpenOptions::new().write(true).open(address.path()).unwrap().set_len(10).unwrap();
    assert!(matches!(writer.commit(), Err(Error::PositionLost { .. })));
}

#[test]
fn zeros_behind_the_last_file_are_not_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let files = contents(&[40, 17]);
    let mut bytes = image(&files, 16).0;
    bytes.resize(bytes.len() + 100_000, 0);
    let (found, findings) = read_image(&path, &bytes);
    assert!(found.iter().eq(files.iter().map(|(_, content)| content)), "{} files", found.len());
    assert!(matches!(findings[..], [Finding { what: Damage::Unreadable { .. }, .. }]), "{findings:?}");
}

#[test]
fn markers_of_other_writers_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let files = contents(&[16, 16]);
    let first = image(&files[..1], 16).0;
    let second = image(&files[1..], 16).0;
    let gap = 0xFFFF_FFFE_u32.to_le_bytes();
    let end_of_medium = 0xFFFF_FFFF_u32.to_le_bytes();
    let bytes = [&gap, &first[..], &gap, &gap, &second[..], &end_of_medium, b"whatever"].concat();
    let (found, findings) = read_image(&path, &bytes);
    assert!(found.iter().eq(files.iter().map(|(_, content)| content)));
    assert_eq!(findings, []);
}

#[test]
fn a_flagged_record_is_read_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let files = contents(&[16]);
    let mut bytes = image(&files, 16).0;
    bytes[3] = 0x80;
    bytes[23] = 0x80;
    let (found, findings) = read_image(&path, &bytes);
    assert!(found[0] == files[0].1);
    assert!(matches!(
        findings[..],
        [Finding { file_number: 0, byte_offset: 0, what: Damage::FlaggedRecord }]
    ));
}

#[test]
fn each_place_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let (mut bytes, _) = image(&contents(&[40, 17]), 16);
    bytes[0] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut reader = Address::VirtualTape(path).open().unwrap();
    for times in [1, 0, 0] {
        reader.files().unwrap();
        get(&mut *reader, 0).unwrap();
        assert_eq!(reader.findings().len(), times);
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    fs::write(&path, "This is a text and no tape.").unwrap();
    assert!(matches!(Address::VirtualTape(path).open(), Err(Error::NotAMedium { .. })));
}

/// Reads everything an image seems to hold; never more than it has bytes.
fn survive(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    let address = Address::VirtualTape(path.to_owned());
    let Ok(mut reader) = address.open() else { return };
    let listed = reader.files().unwrap();
    let mut total = 0;
    for entry in &listed {
        let content = get(&mut *reader, entry.number as usize).unwrap();
        assert_eq!(Some(content.len() as u64), entry.bytes);
        total += content.len();
    }
    assert!(total <= bytes.len());
    assert_eq!(get(&mut *reader, listed.len()), None);
    let _ = append(&address, &settings(16), &contents(&[1]));
}

#[test]
fn words_that_lead_everywhere_do_not_cost_their_square() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.tap");
    let start = image(&contents(&[16]), 16).0;
    for mask in [0x0000_00FF_u32, 0x0000_FFFF, 0x0003_FFFF, 0x8003_FFFF] {
        let noise = noise(400_000, 3);
        let words = noise.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()) & mask);
        let bytes: Vec<u8> = start.iter().copied().chain(words.flat_map(u32::to_le_bytes)).collect();
        survive(&path, &bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_images_are_survived(
        words in prop::collection::vec(
            prop_oneof![0_u32..40, Just(0), Just(u32::MAX), Just(0xFFFF_FFFE), any::<u32>()], 0..300,
        ),
        tail in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(tail);
        survive(&folder.path().join("volume.tap"), &bytes);
    }

    #[test]
    fn volumes_with_much_damage_are_survived(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut bytes, _) = image(&contents(&[100, 0, 33, 250, 16]), 16);
        for (place, mask) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= mask;
        }
        bytes.truncate(bytes.len() / 2 + cut.index(bytes.len() / 2));
        survive(&folder.path().join("volume.tap"), &bytes);
    }
}
