//! Streams that tests read.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use crate::io::Stream;

/// The output that was written.
pub(super) type Buffer = Arc<Mutex<Vec<u8>>>;

struct Writer(Buffer);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream and what is written to it.
pub(super) fn captured() -> (Stream, Buffer) {
    let buffer = Buffer::default();
    (Stream::new(Box::new(Writer(buffer.clone()))), buffer)
}

/// Returns the output, without white space at the ends of lines.
pub(super) fn lines(buffer: &Buffer) -> String {
    let text = String::from_utf8(buffer.lock().unwrap().clone()).unwrap();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
