//! The README on every volume: how to restore it with standard tools, without this suite. Tests take its commands out of it and run
//! them as they are.

use manifest::Label;

/// The text of `README.txt`.
pub fn text(label: &Label) -> String {
    let Label { transfer, volume_set, volume, copy, sequence, record_bytes, creator, .. } = label;
    format!(
        r#"This is volume {sequence} of a transfer of DICOM studies, written by {creator}.

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

HOW TO RESTORE with mt, dd, zstd, tar, b3sum and a shell

The indented lines are commands, to be pasted as they are into a shell whose current directory is on a disk with room
for all that is on the volume. Several volumes can be restored in the same directory, one after the other. Files that
cannot be restored whole are named; of such a file the objects before the damage are restored, the last of them cut
off, and all other files whole. The last line says "the volume is complete" if all files are as they were written; if
not, those that are not are listed.

From tape; behind the last file dd reads nothing, and mt says that it can go no further:

    TAPE=/dev/nst0
    rm -f TRAILER.json READ
    mt -f $TAPE rewind
    mt -f $TAPE fsf 1
    N=1
    while dd if=$TAPE of=file-$N bs={record_bytes} && [ -s file-$N ] || mt -f $TAPE fsf 1; do
        b3sum file-$N >> READ
        case $(head -c 1 file-$N) in
            '{{') mv file-$N TRAILER.json ;;
            -) mv file-$N TRAILER.json.sig ;;
            *) if zstd -dc file-$N | head -c 1 | grep -q '{{'; then mv file-$N INDEX.jsonl.zst
               elif zstd -dc file-$N | tar xf - && b3sum --check --quiet B3SUMS; then rm file-$N
               else echo file-$N cannot be restored whole; fi ;;
        esac
        N=$((N + 1))
    done
    tr '{{' '\n' < TRAILER.json |
        sed -n 's/.*"file":\([0-9]*\),[^}}]*"blake3":"\([0-9a-f]*\)".*/\2  file-\1/p' > LIST
    [ -s LIST ] && ! grep -vxFf READ LIST && echo the volume is complete

From a disk, where the files simply are, under the names above:

    DISK=/media/usb/volume
    for FILE in "$DISK"/segment-*.zst; do
        zstd -dc "$FILE" | tar xf - && b3sum --check --quiet B3SUMS || echo "$FILE cannot be restored whole"
    done
    tr '{{' '\n' < "$DISK/TRAILER.json" |
        sed -n 's/.*"name":"\([^"]*\)",[^}}]*"blake3":"\([0-9a-f]*\)".*/\2  \1/p' > LIST
    [ -s LIST ] && (cd "$DISK" && b3sum --check --quiet) < LIST && echo the volume is complete

B3SUMS and MANIFEST.jsonl are then those of the segment that was restored last; `zstd -dc INDEX.jsonl.zst` lists
everything that is on the volume.

A virtual tape (.tap, SIMH format) is a sequence of records, each a 32-bit little-endian length, the data (padded to an
even length), and the length again; a length of 0 is a filemark.
"#
    )
}

#[cfg(test)]
mod tests {
    const FORMAT: &str = include_str!("../../../docs/VOLUME-FORMAT.md");

    #[test]
    fn the_format_s_document_has_the_same_commands() {
        let text = super::text(&crate::testing::label()).replace("bs=4096", "bs=262144");
        let how = text.split_once("HOW TO RESTORE").map(|(_, how)| how).unwrap();
        let commands: Vec<&str> = how.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        assert!(commands.len() > 20, "{text}");
        for line in commands {
            assert!(FORMAT.lines().any(|of_document| of_document == line), "{line}");
        }
    }

    #[test]
    fn no_line_is_longer_than_a_wide_screen() {
        let text = super::text(&crate::testing::label());
        assert!(text.lines().all(|line| line.len() <= 120), "{text}");
    }
}
