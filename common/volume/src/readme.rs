//! The README on every volume: how to restore it with standard tools, without this suite.

use manifest::Label;

/// The text of `README.txt`.
pub fn text(label: &Label) -> String {
    let Label { transfer, volume_set, volume, copy, sequence, record_bytes, creator, .. } = label;
    format!(
        "\
This is volume {sequence} of a transfer of DICOM studies, written by {creator}.

  transfer    {transfer}
  volume set  {volume_set}
  volume      {volume}
  copy        {copy}
  records     {record_bytes} bytes (the last record of a file may be shorter)

WHAT IS ON IT
  file 0      VOLUME.tar                  this text and volume.json
  file 1...   segment-NNNNNN.tar.zst      DICOM files: <Study UID>/<Series UID>/<SOP Instance UID>.dcm,
                                          then MANIFEST.jsonl and B3SUMS
  then        INDEX.jsonl.zst             what lies where, with digests
  last        TRAILER.json                digests of all files; there only if the volume is complete
              TRAILER.json.sig            signature of the trailer, if there is one
Every segment can be restored alone. No file continues on another volume.

HOW TO RESTORE with mt, dd, zstd, tar and b3sum

  From tape (files are told apart by filemarks; N is the number of the file):
    mt -f /dev/nst0 rewind
    mt -f /dev/nst0 fsf N
    dd if=/dev/nst0 bs={record_bytes} of=segment.tar.zst

  From a disk the files are simply there, under the names above.

  A virtual tape (.tap, SIMH format) is a sequence of records, each a 32-bit little-endian length, the data
  (padded to an even length), and the length again; a length of 0 is a filemark.

  Then, for each segment:
    zstd -d < segment.tar.zst | tar xf -
    b3sum --check B3SUMS

  To check a file as it lies on the volume, compare with the digest in TRAILER.json:
    b3sum segment.tar.zst
"
    )
}
