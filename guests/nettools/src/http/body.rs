//! The body of an answer: as long as told, in chunks, or until the connection's end.

use std::io::{self, BufReader, ErrorKind, Read};

use super::{Error, Head, Stream, line};

/// The line before a chunk may be this long; trailers may be as long together as a head.
const MAX_LINE: usize = 8 * 1024;
const MAX_TRAILERS: usize = 1024;

/// How the end of the body is known.
enum Framing {
    /// So much is still to come.
    Length(u64),
    /// So much of this chunk is still to come; none before its length has been read.
    Chunks(Option<u64>),
    /// By the connection's end.
    Close,
}

/// The body of an answer. One that ends too early is an `UnexpectedEof`.
pub(crate) struct Body {
    reader: BufReader<Box<dyn Stream>>,
    framing: Framing,
}

impl Body {
    pub(super) fn new(
        reader: BufReader<Box<dyn Stream>>,
        head: &Head,
        method: &str,
    ) -> Result<Self, Error> {
        let chunked = head
            .header("Transfer-Encoding")
            .is_some_and(|value| value.to_ascii_lowercase().trim_end().ends_with("chunked"));
        let framing = if method == "HEAD" || matches!(head.status, 204 | 304) {
            Framing::Length(0)
        } else if chunked {
            Framing::Chunks(None)
        } else {
            head.length()?.map_or(Framing::Close, Framing::Length)
        };
        Ok(Self { reader, framing })
    }

    /// How much is known to be still to come.
    pub(crate) fn missing(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(left) => Some(left),
            Framing::Chunks(_) | Framing::Close => None,
        }
    }

    /// The length of the next chunk; 0 is the end, after which the trailers have been read.
    fn next_chunk(&mut self) -> io::Result<u64> {
        let line_of_length = line(&mut self.reader, MAX_LINE)?;
        if line_of_length.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match httparse::parse_chunk_size(&line_of_length) {
            Ok(httparse::Status::Complete((_, 0))) => {}
            Ok(httparse::Status::Complete((_, length))) => return Ok(length),
            _ => return Err(invalid("bad chunk")),
        }
        for _ in 0..MAX_TRAILERS {
            let trailer = line(&mut self.reader, MAX_LINE)?;
            if matches!(trailer.as_slice(), b"" | b"\r\n" | b"\n") {
                return Ok(0);
            }
        }
        Err(invalid("too many trailers"))
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Framing::Chunks(None) = self.framing {
            self.framing = match self.next_chunk()? {
                0 => Framing::Length(0),
                length => Framing::Chunks(Some(length)),
            };
        }
        let left = match self.framing {
            Framing::Length(left) | Framing::Chunks(Some(left)) => left,
            Framing::Chunks(None) | Framing::Close => u64::MAX,
        };
        let most = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let part = buffer.get_mut(..most).unwrap_or_default();
        if part.is_empty() {
            return Ok(0);
        }
        let read = match self.reader.read(part) {
            // A server over TLS that hangs up without a word of it; where the length is known, it is checked.
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => 0,
            read => read?,
        };
        let after = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        match &mut self.framing {
            Framing::Close => return Ok(read),
            _ if read == 0 => return Err(ErrorKind::UnexpectedEof.into()),
            Framing::Length(left) => *left = after,
            Framing::Chunks(left) if after > 0 => *left = Some(after),
            Framing::Chunks(left) => {
                *left = None;
                // The line's end after a chunk.
                let end = line(&mut self.reader, 2)?;
                if !matches!(end.as_slice(), b"\r\n" | b"\n") {
                    return Err(invalid("bad chunk"));
                }
            }
        }
        Ok(read)
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}
