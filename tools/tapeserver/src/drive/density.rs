//! REPORT DENSITY SUPPORT (SSC-4 7.2).

use crate::cartridge::kind::{Generation, Kind};
use crate::device::{Cdb, length, padded, reply};
use crate::drive::Drive;
use crate::sense::{Outcome, Sense};

impl Drive {
    pub(super) fn report_density(&mut self, cdb: &Cdb, data: &mut Vec<u8>) -> Outcome {
        let (of_medium, medium_types) = (cdb[1] & 1 != 0, cdb[1] & 2 != 0);
        if medium_types {
            return Err(Sense::invalid_field());
        }
        let own = self.specification.generation;
        let mut generations: Vec<Generation> =
            (5..=9).filter_map(Generation::new).filter(|other| own.reads(*other)).collect();
        if of_medium {
            let kind = Self::loaded(&mut self.seat)?.kind();
            generations.retain(|other| matches!(kind, Kind::Data(of) | Kind::Worm(of) if of == *other));
        }
        let mut bytes = vec![0; 4];
        for generation in generations {
            bytes.extend(descriptor(generation, own));
        }
        let size = (bytes.len() - 2) as u16;
        bytes[..2].copy_from_slice(&size.to_be_bytes());
        reply(data, &bytes, length(&cdb[7..9]));
        Ok(())
    }
}

fn descriptor(generation: Generation, own: Generation) -> Vec<u8> {
    let density = generation.density();
    let (bits, width, tracks) = density.geometry;
    let writes = if own.writes(generation) { 0x80 } else { 0 };
    let default = if own == generation { 0x20 } else { 0 };
    let mut bytes = vec![density.code, density.code, writes | default, 0, 0];
    bytes.extend(&bits.to_be_bytes()[1..]);
    bytes.extend(width.to_be_bytes());
    bytes.extend(tracks.to_be_bytes());
    bytes.extend(density.capacity.to_be_bytes());
    bytes.extend(padded("LTO-CVE", 8));
    bytes.extend(padded(density.names.0, 8));
    bytes.extend(padded(density.names.1, 20));
    bytes
}
