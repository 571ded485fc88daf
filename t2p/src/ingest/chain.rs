//! The chain of volumes: each names those sealed before it by the digests of their indexes, so that none can be missing or
//! exchanged without being noticed.

use catalogue::Catalogue;
use catalogue::volumes::NewVolume;
use manifest::{Digest, EarlierVolume};
use medium::Address;
use volume::{Identity, Volume};

use crate::error::{Error, Result};

/// Refuses a volume whose index is not the one that another volume names.
pub fn require_expected(catalogue: &Catalogue, volume: &Volume) -> Result<()> {
    let known = catalogue.volume(volume.identity.volume)?.and_then(|row| row.index_blake3).map(Digest);
    let found = volume.trailer.as_ref().map(|trailer| trailer.index.blake3);
    match known.zip(found) {
        Some((expected, found)) if expected != found => {
            Err(Error::BrokenChain { sequence: volume.identity.sequence, expected, found })
        }
        _ => Ok(()),
    }
}

/// Notes the volumes that this one names and that were not seen yet, so that they can be missed.
pub fn note_earlier(
    catalogue: &mut Catalogue,
    address: &Address,
    identity: Identity,
    earlier: &[EarlierVolume],
) -> Result<Vec<String>> {
    let mut remarks = Vec::new();
    for EarlierVolume { sequence, volume, index_blake3 } in earlier {
        if let Some(known) = catalogue.volume(*volume)? {
            let found = known.index_blake3.map(Digest).filter(|found| found != index_blake3);
            if let Some(found) = found {
                return Err(Error::BrokenChain { sequence: *sequence, expected: *index_blake3, found });
            }
            continue;
        }
        let unseen = NewVolume {
            uuid: *volume,
            sequence: *sequence,
            copy: identity.copy,
            medium: String::new(),
            barcode: None,
        };
        catalogue.expect_volume(&unseen, &index_blake3.0)?;
        remarks.push(format!(
            "{address}: volume {sequence} of the set, {volume}, comes before it and was not ingested yet"
        ));
    }
    Ok(remarks)
}
