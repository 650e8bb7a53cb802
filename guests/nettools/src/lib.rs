//! `nc`, `wget`, `curl` and `nslookup`, as commands of an image.
//!
//! They stand on `wasi:sockets` and `wasi:io/poll` themselves rather than on std: std's sockets can neither be waited for together with
//! standard input, nor look a name up within a time.

mod curl;
mod error;
mod http;
mod name;
mod nc;
mod nslookup;
mod output;
mod poll;
mod stdin;
mod tcp;
mod tls;
mod udp;
mod wget;

pub use curl::curl;
pub use nc::nc;
pub use nslookup::nslookup;
pub use wget::wget;

use command::complain;
