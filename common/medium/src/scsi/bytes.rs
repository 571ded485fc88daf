//! Numbers and text as SCSI has them.

/// An unsigned big-endian number; of more than 8 bytes, the last 8.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The 16 bits at `offset`, if all of them are there.
pub(crate) fn number16(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(number(bytes.get(offset..offset.checked_add(2)?)?) as u16)
}

/// Text without its padding. What cannot be printed becomes `?`, so that no device writes control codes into a report.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    text.trim().chars().map(|c| if c.is_control() || c == '\u{fffd}' { '?' } else { c }).collect()
}

/// Text without its padding, if there is any.
pub(crate) fn some_text(bytes: &[u8]) -> Option<String> {
    Some(text(bytes)).filter(|text| !text.is_empty())
}

/// The structures in `bytes`, each as long as `length` finds at its start, up to the first that is not whole.
pub(crate) fn pieces<'a>(
    mut bytes: &'a [u8],
    length: impl Fn(&[u8]) -> Option<usize> + 'a,
) -> impl Iterator<Item = &'a [u8]> {
    std::iter::from_fn(move || {
        let size = length(bytes).filter(|size| *size > 0)?;
        let (piece, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_big_endian() {
        assert_eq!(number(&[0x01, 0x02, 0x03]), 0x0001_0203);
        assert_eq!(number16(&[0, 0x12, 0x34], 1), Some(0x1234));
        assert_eq!(number16(&[0, 0x12, 0x34], 2), None);
        assert_eq!(number16(&[], usize::MAX), None);
    }

    #[test]
    fn text_loses_padding_and_control_codes() {
        assert_eq!(text(b"  IBM     "), "IBM");
        assert_eq!(text(b"P2T001L8\0\0rubbish"), "P2T001L8");
        assert_eq!(text(b"a\x1b[2Jb\xff"), "a?[2Jb?");
        assert_eq!((some_text(b"    "), some_text(b"\0x")), (None, None));
    }

    #[test]
    fn pieces_end_at_the_first_that_is_not_whole() {
        let length = |bytes: &[u8]| bytes.first().map(|size| usize::from(*size));
        let cut = |bytes: &'static [u8]| pieces(bytes, length).collect::<Vec<_>>();
        assert_eq!(cut(&[1, 2, 9, 3, 0]), [&[1][..], &[2, 9]]);
        assert_eq!(cut(&[0, 1]), Vec::<&[u8]>::new());
    }
}
