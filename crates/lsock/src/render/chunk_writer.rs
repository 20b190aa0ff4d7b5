//! Few large writes instead of many small ones.

use std::io::{self, Write};

/// The size up to which output is collected, so that a short listing is one write.
const MAX_COLLECTED: usize = 64 * 1024;

/// Collects short output and writes long output through.
pub(super) struct ChunkWriter<'a> {
    bytes: Vec<u8>,
    out: &'a mut dyn Write,
}

impl<'a> ChunkWriter<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { bytes: Vec::new(), out }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.bytes.len() + bytes.len() < MAX_COLLECTED {
            self.bytes.extend_from_slice(bytes);
            return Ok(());
        }
        self.finish()?;
        self.out.write_all(bytes)
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}
