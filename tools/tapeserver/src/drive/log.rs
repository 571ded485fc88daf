//! LOG SENSE: what drive and cartridge tell of their health (SPC-4 7.3, SSC-4 8.2).

use crate::device::{Cdb, length, number, padded, reply};
use crate::drive::Drive;
use crate::drive::tally::Tally;
use crate::sense::{Outcome, Sense};

const PAGES: [u8; 8] = [0x00, 0x02, 0x03, 0x0c, 0x11, 0x17, 0x2e, 0x31];
const TAPE_ALERT: u8 = 0x2e;
/// Parameter control bytes: a counter, a number, text.
const COUNTER: u8 = 0x40;
const BINARY: u8 = 0x03;
const ASCII: u8 = 0x01;
/// Capacities in log pages are in 10^6 bytes, those in the tape capacity page in 2^20.
const MEGABYTE: u64 = 1_000_000;
const MEBIBYTE: u64 = 1 << 20;

struct Parameter {
    code: u16,
    control: u8,
    value: Vec<u8>,
}

impl Parameter {
    fn counter(code: u16, value: u64) -> Self {
        Self { code, control: COUNTER, value: value.to_be_bytes().to_vec() }
    }

    fn number(code: u16, size: usize, value: u64) -> Self {
        Self { code, control: BINARY, value: value.to_be_bytes()[8 - size..].to_vec() }
    }

    fn text(code: u16, size: usize, value: &str) -> Self {
        Self { code, control: ASCII, value: padded(value, size) }
    }
}

impl Drive {
    pub(super) fn log_sense(&mut self, cdb: &Cdb, data: &mut Vec<u8>) -> Outcome {
        let (page, subpage) = (cdb[2] & 0x3f, cdb[3]);
        if subpage != 0 || cdb[1] & 1 != 0 {
            return Err(Sense::invalid_field());
        }
        let mut parameters = match page {
            0x00 => Vec::new(),
            0x02 => errors(self.tally.write_errors, self.tally.to_medium),
            0x03 => errors(self.tally.read_errors, self.tally.to_host),
            0x0c => self.sequential_access(),
            0x11 => self.device_status(),
            0x17 => self.volume_statistics()?,
            TAPE_ALERT => alerts(&self.tally),
            0x31 => self.tape_capacity(),
            _ => return Err(Sense::invalid_field()),
        };
        let first = number(&cdb[5..7]) as u16;
        parameters.retain(|parameter| parameter.code >= first);
        let mut bytes = vec![page, 0, 0, 0];
        if page == 0 {
            bytes.extend(PAGES);
        }
        for parameter in parameters {
            bytes.extend(parameter.code.to_be_bytes());
            bytes.extend([parameter.control, parameter.value.len() as u8]);
            bytes.extend(parameter.value);
        }
        let size = (bytes.len() - 4) as u16;
        bytes[2..4].copy_from_slice(&size.to_be_bytes());
        let allocation = length(&cdb[7..9]);
        // Flags go down when they were read; whoever asks for the header first has not read them yet.
        if page == TAPE_ALERT && allocation >= bytes.len() {
            self.tally.lower_alerts();
        }
        reply(data, &bytes, allocation);
        Ok(())
    }

    fn sequential_access(&self) -> Vec<Parameter> {
        let tally = &self.tally;
        let mut parameters = vec![
            Parameter::counter(0x0000, tally.from_host),
            Parameter::counter(0x0001, tally.to_medium),
            Parameter::counter(0x0002, tally.to_host),
            Parameter::counter(0x0003, tally.to_host),
        ];
        if let Some(seat) = self.seat.as_ref().filter(|_| self.is_loaded()) {
            let medium = &seat.cartridge.medium;
            let early = self.specification.early;
            let sizes = [
                (0x0004, medium.used(medium.end())),
                (0x0005, medium.capacity() - early),
                (0x0006, early),
                (0x0007, medium.used(self.position)),
            ];
            parameters.extend(sizes.map(|(code, bytes)| Parameter::number(code, 8, bytes / MEGABYTE)));
        }
        let memory = self.specification.memory as u64;
        parameters.push(Parameter::number(0x0008, 8, memory / MEGABYTE));
        parameters.push(Parameter::number(0x0100, 1, u64::from(tally.cleaning.is_some())));
        parameters
    }

    /// Very high frequency data: what the library sees of the drive (ADC-3 6.1.2).
    fn device_status(&mut self) -> Vec<Parameter> {
        let (seated, loaded) = (self.seat.is_some(), self.is_loaded());
        let mut protected = false;
        if let Some(seat) = &self.seat {
            protected = seat.cartridge.properties.write_protect;
        }
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        // Removal prevented, chip readable, write-protected, cleaning requested.
        let first = flag(self.prevented, 0x80)
            | flag(loaded, 0x20)
            | flag(protected, 0x08)
            | flag(self.tally.cleaning.is_some(), 0x04);
        // The robot may take it; a cartridge is there, is seated, is threaded, is mounted.
        let second = flag(!loaded, 0x20) | flag(seated, 0x10 | 0x04) | flag(loaded, 0x02 | 0x01);
        vec![Parameter { code: 0, control: BINARY, value: vec![first, second, 0, 0] }]
    }

    fn volume_statistics(&mut self) -> Result<Vec<Parameter>, Sense> {
        let position = self.position;
        let density = self.specification.generation.density();
        let cartridge = Self::loaded(&mut self.seat)?;
        let properties = &cartridge.properties;
        let (written, read) = self.tally.since_load();
        let (write_errors, read_errors) = self.tally.errors_since_load();
        let medium = &cartridge.medium;
        let counters = [
            (0x0001, properties.loads),
            (0x0002, properties.written / MEGABYTE),
            (0x0003, 0),
            (0x0004, properties.write_errors),
            (0x0005, 0),
            (0x0006, 0),
            (0x0007, properties.read / MEGABYTE),
            (0x0008, 0),
            (0x0009, properties.read_errors),
            (0x000c, write_errors),
            (0x000d, read_errors),
            (0x000e, written / MEGABYTE),
            (0x000f, read / MEGABYTE),
            (0x0010, properties.written / MEGABYTE),
            (0x0011, properties.read / MEGABYTE),
            (0x0012, 100),
            (0x0013, 100),
            (0x0016, medium.capacity() / MEGABYTE),
            (0x0017, medium.used(position.max(medium.end())) / MEGABYTE),
            (0x0101, properties.loads),
            (0x0102, properties.loads),
        ];
        let mut parameters = vec![Parameter::number(0x0000, 1, 1)];
        parameters.extend(counters.map(|(code, value)| Parameter::counter(code, value)));
        parameters.extend([
            Parameter::text(0x0040, 32, &cartridge.serial()),
            Parameter::text(0x0041, 8, "LAB"),
            Parameter::text(0x0042, 32, cartridge.barcode().as_str()),
            Parameter::text(0x0043, 8, "TAPELAB"),
            Parameter::text(0x0045, 9, density.name),
            Parameter::number(0x0080, 1, u64::from(properties.write_protect)),
            Parameter::number(0x0081, 1, u64::from(cartridge.is_worm())),
        ]);
        parameters.sort_by_key(|parameter| parameter.code);
        Ok(parameters)
    }

    /// The page of LTO drives up to generation 6, and of IBM's since: remaining and maximum, in MiB.
    fn tape_capacity(&self) -> Vec<Parameter> {
        let (remaining, maximum) = match &self.seat {
            Some(seat) if self.is_loaded() => {
                let medium = &seat.cartridge.medium;
                let early = self.specification.early;
                let end = medium.capacity() - early;
                (end.saturating_sub(medium.used(medium.end())), end)
            }
            _ => (0, 0),
        };
        [(1, remaining), (2, 0), (3, maximum), (4, 0)]
            .map(|(code, bytes)| Parameter::number(code, 4, bytes / MEBIBYTE))
            .into()
    }
}

/// Error counter pages: corrected, and not; bytes processed.
fn errors(uncorrected: u64, bytes: u64) -> Vec<Parameter> {
    [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, bytes), (6, uncorrected)]
        .map(|(code, value)| Parameter::counter(code, value))
        .into()
}

fn alerts(tally: &Tally) -> Vec<Parameter> {
    (1..=64).map(|flag| Parameter::number(u16::from(flag), 1, u64::from(tally.alert(flag)))).collect()
}
