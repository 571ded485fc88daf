//! Which nodes of the kernel belong to one device: sysfs knows.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use super::inquiry::{self, Designator};

/// Major device numbers of st and ch (Documentation/admin-guide/devices.txt).
const TAPES_AND_CHANGERS: [u64; 2] = [9, 86];
const SYSFS: &str = "/sys";

/// A tape drive of this machine, as far as sysfs tells without any privilege.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeNode {
    /// The node that does not rewind: `/dev/nst0`.
    pub path: PathBuf,
    /// Serial number of the drive.
    pub serial: Option<String>,
    /// What else it calls itself (VPD page 83h).
    pub designators: Vec<Designator>,
}

/// The node through which a device takes commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The path as it is.
    Itself,
    /// The generic node of the device behind a tape or changer node.
    Generic(PathBuf),
    /// A tape or changer node without a generic one.
    None,
}

/// How commands get to the device behind this node.
pub fn way(path: &Path) -> Way {
    let Some(found) = fs::metadata(path).ok().filter(|found| found.file_type().is_char_device()) else {
        return Way::Itself;
    };
    let (major, minor) = (major(found.rdev()), minor(found.rdev()));
    if !TAPES_AND_CHANGERS.contains(&major) {
        return Way::Itself;
    }
    let device = Path::new(SYSFS).join(format!("dev/char/{major}:{minor}/device"));
    generic_below(&device).filter(|node| node.exists()).map_or(Way::None, Way::Generic)
}

fn generic_below(device: &Path) -> Option<PathBuf> {
    let name = names(&device.join("scsi_generic")).into_iter().next()?;
    Some(Path::new("/dev").join(name))
}

/// All tape drives of this machine, by their numbers.
pub fn tape_drives() -> Vec<TapeNode> {
    tape_drives_below(Path::new(SYSFS))
}

fn tape_drives_below(sysfs: &Path) -> Vec<TapeNode> {
    let class = sysfs.join("class/scsi_tape");
    let number = |name: &str| name.strip_prefix("nst")?.parse::<u32>().ok();
    let mut drives: Vec<_> =
        names(&class).into_iter().filter_map(|name| Some((number(&name)?, name))).collect();
    drives.sort();
    drives
        .into_iter()
        .map(|(_, name)| {
            let page = |page: &str| fs::read(class.join(&name).join("device").join(page)).unwrap_or_default();
            TapeNode {
                path: Path::new("/dev").join(&name),
                serial: inquiry::serial(&page("vpd_pg80")),
                designators: inquiry::designators(&page("vpd_pg83")),
            }
        })
        .collect()
}

/// Names in a directory; none if there is no such directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_found_with_their_serial_numbers() {
        let sysfs = tempfile::tempdir().unwrap();
        for (name, serial) in
            [("nst10", &b"\x01\x80\0\x02S1"[..]), ("nst2", b"\x01\x80\0\x09"), ("st2", b""), ("nst2a", b"")]
        {
            let device = sysfs.path().join("class/scsi_tape").join(name).join("device");
            fs::create_dir_all(device.join("scsi_generic/sg7")).unwrap();
            fs::write(device.join("vpd_pg80"), serial).unwrap();
        }
        let found = tape_drives_below(sysfs.path());
        let found: Vec<_> =
            found.iter().map(|drive| (drive.path.to_str().unwrap(), drive.serial.as_deref())).collect();
        assert_eq!(found, [("/dev/nst2", None), ("/dev/nst10", Some("S1"))]);
        let generic = generic_below(&sysfs.path().join("class/scsi_tape/st2/device"));
        assert_eq!(generic.as_deref(), Some(Path::new("/dev/sg7")));
    }

    #[test]
    fn what_is_no_tape_takes_commands_itself() {
        assert_eq!(way(Path::new("/dev/null")), Way::Itself);
        assert_eq!(way(Path::new("/dev/none")), Way::Itself);
        assert_eq!(tape_drives_below(Path::new("/nowhere")), []);
    }
}
