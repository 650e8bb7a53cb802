//! What goes over the socket: frames of a kind and a payload, each behind its length.

use std::io;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// The largest frame: a command with its arguments.
const FRAME_BYTES_MAX: usize = 1 << 20;
/// What one frame carries of a stream.
pub(super) const CHUNK_BYTES: usize = 32 << 10;
/// Standard input that may be under way: what the command has not read by then, the client keeps.
pub(super) const WINDOW_BYTES: usize = 128 << 10;

/// A connection.
pub(super) type Wire = Framed<UnixStream, LengthDelimitedCodec>;

pub(super) fn wire(stream: UnixStream) -> Wire {
    let codec = LengthDelimitedCodec::builder()
        .max_frame_length(FRAME_BYTES_MAX)
        .new_codec();
    Framed::new(stream, codec)
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Client: what it wants, as JSON. The first frame.
    Ask = 1,
    /// Server: the answer, as JSON. The first frame.
    Answer = 2,
    /// Client: bytes for standard input, never more than the window.
    Stdin = 3,
    /// Client: standard input ends here.
    StdinEnd = 4,
    /// Client: the terminal's size, as JSON.
    Resize = 5,
    /// Server: how many bytes of standard input were read, which the window has room for again; as JSON.
    Room = 6,
    /// Server: bytes of standard output.
    Stdout = 7,
    /// Server: bytes of standard error.
    Stderr = 8,
    /// Server: the command's exit code, as JSON. The last frame.
    Exit = 9,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Ask,
        Self::Answer,
        Self::Stdin,
        Self::StdinEnd,
        Self::Resize,
        Self::Room,
        Self::Stdout,
        Self::Stderr,
        Self::Exit,
    ];

    /// A frame of this kind.
    pub(super) fn frame(self, payload: &[u8]) -> Bytes {
        let mut frame = BytesMut::with_capacity(1 + payload.len());
        frame.put_u8(self as u8);
        frame.put_slice(payload);
        frame.freeze()
    }

    /// A frame of this kind that carries a value.
    pub(super) fn json(self, value: &impl Serialize) -> io::Result<Bytes> {
        Ok(self.frame(&serde_json::to_vec(value)?))
    }
}

/// A frame, taken apart.
pub(super) fn split(frame: BytesMut) -> io::Result<(Kind, Bytes)> {
    let mut frame = frame.freeze();
    if frame.is_empty() {
        return Err(invalid("an empty frame"));
    }
    let byte = frame.split_to(1)[0];
    let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == byte);
    let kind = kind.ok_or_else(|| invalid("a frame of no known kind"))?;
    Ok((kind, frame))
}

pub(super) fn value<T: DeserializeOwned>(payload: &[u8]) -> io::Result<T> {
    serde_json::from_slice(payload).map_err(|error| invalid(&error.to_string()))
}

pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
