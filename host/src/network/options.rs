//! TCP's socket options: stored and checked as wasi:sockets demands; a virtual connection needs no keep-alive and makes no hops.

use std::time::Duration;

use super::NetError;

/// The options of one TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    keep_alive: bool,
    keep_alive_idle: Duration,
    keep_alive_interval: Duration,
    keep_alive_count: u32,
    hop_limit: u8,
    receive_buffer: u64,
    send_buffer: u64,
}

/// A socket's receive and send buffers unless it says otherwise.
pub(super) const BUFFER_BYTES_DEFAULT: usize = 256 * 1024;
/// The smallest buffer, and every connection's when the pod's budget is used up.
pub(super) const BUFFER_BYTES_MIN: usize = 4 * 1024;
/// The largest buffer a guest can ask for.
pub(super) const BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Linux' largest `TCP_KEEPIDLE` and `TCP_KEEPINTVL`.
const KEEP_ALIVE_MAX: Duration = Duration::from_secs(32_767);
/// Linux' largest `TCP_KEEPCNT`.
const KEEP_ALIVE_COUNT_MAX: u32 = 127;

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            keep_alive: false,
            keep_alive_idle: Duration::from_secs(7200),
            keep_alive_interval: Duration::from_secs(75),
            keep_alive_count: 9,
            hop_limit: 64,
            receive_buffer: BUFFER_BYTES_DEFAULT as u64,
            send_buffer: BUFFER_BYTES_DEFAULT as u64,
        }
    }
}

/// Whole seconds, as the kernel keeps them; none of it is invalid.
fn seconds(duration: Duration) -> Result<Duration, NetError> {
    if duration.is_zero() {
        return Err(NetError::InvalidArgument);
    }
    let rounded = duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0));
    Ok(Duration::from_secs(rounded).min(KEEP_ALIVE_MAX))
}

fn buffer(bytes: u64) -> Result<u64, NetError> {
    if bytes == 0 {
        return Err(NetError::InvalidArgument);
    }
    Ok(bytes.clamp(BUFFER_BYTES_MIN as u64, BUFFER_BYTES_MAX as u64))
}

impl TcpOptions {
    /// `SO_KEEPALIVE`
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// `SO_KEEPALIVE`
    pub fn set_keep_alive(&mut self, on: bool) {
        self.keep_alive = on;
    }

    /// `TCP_KEEPIDLE`
    pub fn keep_alive_idle(&self) -> Duration {
        self.keep_alive_idle
    }

    /// `TCP_KEEPIDLE`: rounded up to seconds; 0 is invalid, more than the most is the most.
    pub fn set_keep_alive_idle(&mut self, idle: Duration) -> Result<(), NetError> {
        self.keep_alive_idle = seconds(idle)?;
        Ok(())
    }

    /// `TCP_KEEPINTVL`
    pub fn keep_alive_interval(&self) -> Duration {
        self.keep_alive_interval
    }

    /// `TCP_KEEPINTVL`: as [`Self::set_keep_alive_idle`].
    pub fn set_keep_alive_interval(&mut self, interval: Duration) -> Result<(), NetError> {
        self.keep_alive_interval = seconds(interval)?;
        Ok(())
    }

    /// `TCP_KEEPCNT`
    pub fn keep_alive_count(&self) -> u32 {
        self.keep_alive_count
    }

    /// `TCP_KEEPCNT`: 0 is invalid, more than the most is the most.
    pub fn set_keep_alive_count(&mut self, count: u32) -> Result<(), NetError> {
        if count == 0 {
            return Err(NetError::InvalidArgument);
        }
        self.keep_alive_count = count.min(KEEP_ALIVE_COUNT_MAX);
        Ok(())
    }

    /// `IP_TTL`
    pub fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// `IP_TTL`: 0 is invalid.
    pub fn set_hop_limit(&mut self, hops: u8) -> Result<(), NetError> {
        if hops == 0 {
            return Err(NetError::InvalidArgument);
        }
        self.hop_limit = hops;
        Ok(())
    }

    /// `SO_RCVBUF` in bytes; give it to [`super::TcpStream::set_receive_capacity`].
    pub fn receive_buffer(&self) -> u64 {
        self.receive_buffer
    }

    /// `SO_RCVBUF`: 0 is invalid; clamped to what a socket may have.
    pub fn set_receive_buffer(&mut self, bytes: u64) -> Result<(), NetError> {
        self.receive_buffer = buffer(bytes)?;
        Ok(())
    }

    /// `SO_SNDBUF` in bytes.
    pub fn send_buffer(&self) -> u64 {
        self.send_buffer
    }

    /// `SO_SNDBUF`: as [`Self::set_receive_buffer`]. What is written stands in the peer's receive buffer, so this is only remembered.
    pub fn set_send_buffer(&mut self, bytes: u64) -> Result<(), NetError> {
        self.send_buffer = buffer(bytes)?;
        Ok(())
    }
}
