//! Files: going on behind them, finding them, reading them back.

use nix::errno::Errno;

use super::bench::{Bench, Written};
use super::{Fault, Outcome, Trial};
use crate::tape::{Filemark, ends_at};

/// Files that are written before the drive is closed: records, and how long the last one is.
const BEFORE: [(u32, Last); 4] = [(3, Last::Whole), (1, Last::OneByte), (0, Last::Whole), (5, Last::Odd)];
/// And behind them, once it was opened again.
const BEHIND: [(u32, Last); 2] = [(2, Last::Whole), (4, Last::Odd)];

/// How long a file's last record is.
#[derive(Clone, Copy)]
enum Last {
    Whole,
    Odd,
    OneByte,
}

const NO_FILES: Fault = Fault::Unprepared("the files for it could not be written");

/// Writes files, closes the drive, opens it again and goes on behind them.
pub fn append(bench: &mut Bench<'_>, _: &mut Trial) -> Outcome {
    bench.begin()?;
    let mut files = write(bench, &BEFORE)?;
    bench.filemark(Filemark::FlushOnly, "a flush")?;
    bench.close()?;
    let end = bench.block;
    bench.rewind()?;
    let marks = 1 + BEFORE.len() as u32;
    bench.call("go over filemarks", |device| device.forward_filemarks(marks))?;
    bench.block = end;
    bench.check_position("all files, after the drive was closed and opened")?;
    files.extend(write(bench, &BEHIND)?);
    bench.filemark(Filemark::FlushOnly, "a flush")?;
    bench.files = Some(files);
    Ok(format!("{} files, the last {} behind the others", BEFORE.len() + BEHIND.len(), BEHIND.len()))
}

fn write(bench: &mut Bench<'_>, files: &[(u32, Last)]) -> Outcome<Vec<Written>> {
    let whole = bench.usual();
    let bytes = |last| match last {
        Last::Whole => whole,
        Last::Odd => whole / 3,
        Last::OneByte => 1,
    };
    files.iter().map(|(records, last)| bench.write_file(*records, whole, bytes(*last))).collect()
}

/// Goes to files by counting filemarks, forwards and backwards, and by block.
pub fn spacing(bench: &mut Bench<'_>, _: &mut Trial) -> Outcome {
    let files = bench.files.clone().ok_or(NO_FILES)?;
    let end = end_of(&files);
    bench.call("go to the end of data", |device| device.to_end_of_data())?;
    bench.block = end;
    bench.check_position("the way to the end of data")?;
    // Back over its own filemark and that of the file before it, and one more for each file behind it.
    for (marks, file) in (2..).zip(files.iter().rev()) {
        bench.call("go back over filemarks", |device| device.back_filemarks(marks))?;
        bench.block = file.start - 1;
        bench.check_position(&format!("the way back over {marks} filemarks"))?;
        bench.call("go over filemarks", |device| device.forward_filemarks(marks))?;
        bench.block = end;
        bench.check_position(&format!("the way over {marks} filemarks"))?;
    }
    for file in files.iter().rev().chain(&files) {
        bench.call("locate a block", |device| device.seek(file.start))?;
        bench.block = file.start;
        bench.check_position("the way to a block")?;
        if file.records > 0 {
            bench.read(file.bytes_of(0), 0)?;
        }
    }
    Ok("files are found over filemarks, forwards and backwards, and by block".to_owned())
}

/// Reads all of them, from the beginning.
pub fn read_back(bench: &mut Bench<'_>, _: &mut Trial) -> Outcome {
    let files = bench.files.clone().ok_or(NO_FILES)?;
    bench.rewind()?;
    bench.call("go over a filemark", |device| device.forward_filemarks(1))?;
    bench.block = 2;
    for file in &files {
        bench.read_file(file)?;
    }
    let records: u32 = files.iter().map(|file| file.records).sum();
    Ok(format!("{records} records in {} files are what was written", files.len()))
}

/// Behind the last file nothing is read, and it is known to be the end.
pub fn end_of_data(bench: &mut Bench<'_>, _: &mut Trial) -> Outcome {
    let end = end_of(&bench.files.clone().ok_or(NO_FILES)?);
    bench.call("locate a block", |device| device.seek(end))?;
    bench.block = end;
    bench.check_position("the way to the end")?;
    let mut room = vec![0; bench.usual()];
    match bench.device()?.read_record(&mut room) {
        Ok(0) | Err(Errno::EIO) => {}
        Ok(read) => {
            return Err(Fault::Wrong(format!("{read} bytes were read behind everything that was written")));
        }
        Err(error) => return Err(Fault::Call { action: "read at the end of data", error }),
    }
    if !ends_at(bench.device()?, end).map_err(Fault::Node)? {
        return Err(Fault::Wrong("the end of data is not behind the last file".to_owned()));
    }
    Ok("nothing is read there".to_owned())
}

/// Rewinds, and closes, which may bring an error of its own.
pub fn close(bench: &mut Bench<'_>, _: &mut Trial) -> Outcome {
    bench.rewind()?;
    bench.close()?;
    Ok("without an error".to_owned())
}

fn end_of(files: &[Written]) -> u64 {
    files.last().map_or(2, |last| last.start + u64::from(last.records) + 1)
}
