//! A layer's bytes, whatever it is compressed with: told by its first bytes, as the media types of old images cannot be relied on.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What zstd may ask for to look back into: what its own command line grants without being told.
const WINDOW_BYTES_MAX: u64 = 128 << 20;

/// The archive inside.
pub fn open<'r>(mut reader: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let start = reader.fill_buf()?;
    let zstd = matches!(
        start,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
    );
    if start.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(MultiGzDecoder::new(reader)))
    } else if zstd {
        Ok(Box::new(Frames::new(reader)))
    } else {
        Ok(Box::new(reader))
    }
}

/// One zstd frame after another as one stream: what compresses in parallel, or for lazy pulling, makes many, some without data.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Self {
            source,
            decoder,
            in_frame: false,
        }
    }

    /// Begins the next frame; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.source).take(length.into());
                    if io::copy(&mut skipped, &mut io::sink())? < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(invalid(&error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if self.in_frame {
                while self.decoder.can_collect() < into.len() && !self.decoder.is_finished() {
                    let want = into.len() - self.decoder.can_collect();
                    let strategy = BlockDecodingStrategy::UptoBytes(want);
                    let decoded = self.decoder.decode_blocks(&mut self.source, strategy);
                    decoded.map_err(|error| invalid(&error))?;
                }
                let len = self.decoder.read(into)?;
                if len > 0 {
                    return Ok(len);
                }
                self.in_frame = false;
            }
            if !self.next()? {
                return Ok(0);
            }
            self.in_frame = true;
        }
    }
}

fn invalid(error: &FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}
