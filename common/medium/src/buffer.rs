//! Memory for one record, as a drive wants it.

/// Records are handed to the drive from page-aligned memory, so that the driver passes them on without a copy and answers
/// for each one at once: from other memory, the error of a write may come with the next (st.rst, "asynchronous writes").
const PAGE_BYTES: usize = 4096;

/// Page-aligned memory for a record.
#[derive(Debug, Default)]
pub struct RecordBuffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl RecordBuffer {
    /// Room for `bytes` bytes, all zero.
    pub fn new(bytes: usize) -> Self {
        let memory = vec![0; bytes + PAGE_BYTES];
        // The memory stays where it is, wherever its owner is moved to.
        let start = memory.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
        Self { memory, start, length: bytes }
    }

    /// How many bytes it has room for.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has room for none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The first `bytes` bytes, or as many as there are.
    pub fn first(&self, bytes: usize) -> &[u8] {
        let end = self.start + bytes.min(self.length);
        self.memory.get(self.start..end).unwrap_or_default()
    }

    /// All its bytes, to be written to.
    pub fn all_mut(&mut self) -> &mut [u8] {
        let end = self.start + self.length;
        self.memory.get_mut(self.start..end).unwrap_or_default()
    }
}

/// Whether `record` lies where the drive wants it.
pub(crate) fn is_page_aligned(record: &[u8]) -> bool {
    record.as_ptr().align_offset(PAGE_BYTES) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_stays_so_when_it_is_moved() {
        for bytes in [0, 1, 4096, 256 * 1024 + 1] {
            let mut buffer = RecordBuffer::new(bytes);
            assert_eq!((buffer.all_mut().len(), buffer.len(), buffer.is_empty()), (bytes, bytes, bytes == 0));
            buffer.all_mut().fill(7);
            let moved = Box::new(buffer);
            assert!(is_page_aligned(moved.first(bytes)));
            assert!(moved.first(usize::MAX).iter().all(|byte| *byte == 7));
            assert_eq!(moved.first(1).len(), bytes.min(1));
        }
    }
}
