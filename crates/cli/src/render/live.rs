//! The drawing on the terminal, and the lines that are written above it.

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
};

use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

use crate::io::Stream;

/// The drawing that is on standard error at the moment, if any. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Live(Arc<Mutex<Option<MultiProgress>>>);

impl Live {
    /// Begins a drawing on `stream`, a terminal of the given size.
    pub(super) fn begin(
        &self,
        stream: &Stream,
        size: Arc<dyn Fn() -> (u16, u16) + Send + Sync>,
    ) -> MultiProgress {
        let target = ProgressDrawTarget::term_like(Box::new(Screen { stream: stream.clone(), size }));
        let drawing = MultiProgress::with_draw_target(target);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(drawing.clone());
        drawing
    }

    /// Ends the drawing; what it shows last stays.
    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Writes whole lines to `stream`, above the drawing if there is one.
    pub(crate) fn above(&self, stream: &Stream, text: &str) {
        let drawing = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match drawing {
            Some(drawing) => drawing.suspend(|| stream.write(text)),
            None => stream.write(text),
        }
    }
}

/// A stream as indicatif draws on it.
struct Screen {
    stream: Stream,
    size: Arc<dyn Fn() -> (u16, u16) + Send + Sync>,
}

impl Screen {
    /// Writes a control sequence of ECMA-48: `ESC [ n final`.
    fn control(&self, n: usize, end: char) -> io::Result<()> {
        if n > 0 {
            self.stream.write_unescaped(&format!("\u{1b}[{n}{end}"));
        }
        Ok(())
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        (self.size)().1
    }

    fn height(&self) -> u16 {
        (self.size)().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.control(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.control(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.control(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.control(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.stream.line(text);
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // Drawings of indicatif begin with a carriage return.
        if text == "\r" {
            self.stream.write_unescaped(text);
        } else {
            self.stream.write(text);
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.stream.write_unescaped("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
