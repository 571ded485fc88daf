//! The 512-byte headers of the tar members in a segment: plain ustar, regular files only.

use crate::Error;

/// Length of a tar block in bytes; members are padded to it.
pub const BLOCK: u64 = 512;

/// The header of a member. Sizes of 8 GiB and more use the base-256 form that GNU tar and libarchive read.
pub fn encode(name: &str, bytes: u64) -> Result<[u8; 512], Error> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).map_err(Error::io(format!("name a tar member {name}")))?;
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(bytes);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// How many zero bytes follow a member's data.
pub fn padding(bytes: u64) -> u64 {
    bytes.wrapping_neg() % BLOCK
}

/// A member as its header tells it.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Length of its data.
    pub bytes: u64,
}

/// Reads a header at offset `at`; `None` for the zero block that ends the archive.
pub fn decode(block: &[u8; 512], at: u64) -> Result<Option<Header>, Error> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let header = tar::Header::from_byte_slice(block);
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(i, byte)| if (148..156).contains(&i) { 32 } else { u32::from(*byte) })
        .sum();
    // Words of our own: the tar crate quotes what stands there, which may be a patient's name.
    let stated = header.cksum().map_err(|_| Error::bad_tar(at, "the header's checksum is no number"))?;
    if stated != sum {
        return Err(Error::bad_tar(at, "the header's checksum is wrong"));
    }
    if !header.entry_type().is_file() {
        return Err(Error::bad_tar(at, "a member that is not a regular file"));
    }
    let bytes = header.size().map_err(|_| Error::bad_tar(at, "a member whose length is no number"))?;
    let name = String::from_utf8(header.path_bytes().into_owned())
        .map_err(|_| Error::bad_tar(at, "a member name that is not plain text"))?;
    Ok(Some(Header { name, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for bytes in [0, 1, 512, (8 << 30) - 1, 8 << 30, 5 << 40] {
            let name = format!("{0}/{0}/{0}.dcm", "1".repeat(64));
            let header = decode(&encode(&name, bytes).unwrap(), 0).unwrap().unwrap();
            assert_eq!(header, Header { name, bytes });
        }
    }

    #[test]
    fn refuses_links_and_damage() {
        let mut header = tar::Header::new_ustar();
        header.set_path("a/b/c.dcm").unwrap();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_cksum();
        assert!(decode(header.as_bytes(), 0).is_err());

        let good = encode("a/b/c.dcm", 10).unwrap();
        for at in 0..500 {
            let mut block = good;
            block[at] ^= 0x55;
            assert!(decode(&block, 0).is_err(), "byte {at}");
        }
        assert_eq!(decode(&[0; 512], 0).unwrap(), None);
    }

    #[test]
    fn what_stands_in_a_damaged_header_is_not_quoted() {
        let forged = |at: usize| {
            let mut header = tar::Header::new_ustar();
            header.set_path("Mustermann^Erika").unwrap();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_cksum();
            header.as_mut_bytes()[at..at + 8].copy_from_slice(b"DOB1950");
            if at == 124 {
                header.set_cksum();
            }
            decode(header.as_bytes(), 0).unwrap_err().to_string()
        };
        let (length, checksum) = (124, 148);
        for message in [length, checksum].map(forged) {
            assert!(message.contains("is no number"), "{message}");
            assert!(!message.contains("DOB1950") && !message.contains("Mustermann"), "{message}");
        }
    }

    #[test]
    fn padding_fills_the_block() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
