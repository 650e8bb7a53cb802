//! The sample image `nginx`: serves the files of /usr/share/nginx/html on port 80, with nginx's access log on stdout and its error log on
//! stderr. It is not nginx, and reads no configuration; it is what the sample pods need of it.
//!
//! Where the host gives it no sockets it says so and stays up: the pod it is in has other containers, whose work does not depend on it.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;

use peapod_guest::signals;

const ROOT: &str = "/usr/share/nginx/html";
const ADDRESS: &str = "0.0.0.0:80";
const QUIT: u32 = 3;

fn main() -> ExitCode {
    match TcpListener::bind(ADDRESS) {
        Ok(listener) => {
            note("notice", &format!("serving {ROOT} on {ADDRESS}"));
            let served = web::serve(
                &listener,
                |request| web::answer_from(Path::new(ROOT), request),
                |entry| println!("{}", entry.combined()),
                |rest| {
                    if !rest.is_zero() {
                        std::thread::sleep(rest);
                    }
                    signals::take().is_some_and(ends)
                },
            );
            if let Err(e) = served {
                note(
                    "emerg",
                    &format!("listening on {ADDRESS} failed ({})", web::words(&e)),
                );
                return ExitCode::FAILURE;
            }
        }
        Err(e)
            if matches!(
                e.kind(),
                ErrorKind::PermissionDenied | ErrorKind::Unsupported
            ) =>
        {
            let errno = if e.kind() == ErrorKind::PermissionDenied {
                "EACCES: Permission denied"
            } else {
                "ENOTSUP: Not supported"
            };
            note(
                "warn",
                &format!(
                    "bind() to {ADDRESS} failed ({errno}): no network here, staying up without serving"
                ),
            );
            while !ends(signals::wait()) {}
        }
        Err(e) => {
            note(
                "emerg",
                &format!("bind() to {ADDRESS} failed ({})", web::words(&e)),
            );
            return ExitCode::FAILURE;
        }
    }
    note("notice", "exit");
    ExitCode::SUCCESS
}

/// Both end it: TERM at once, and QUIT after what is being sent; with answers this small that is the same.
fn ends(signal: u32) -> bool {
    if signal == signals::TERM || signal == QUIT {
        note(
            "notice",
            &format!(
                "signal {signal} ({}) received, exiting",
                if signal == signals::TERM {
                    "SIGTERM"
                } else {
                    "SIGQUIT"
                }
            ),
        );
        true
    } else {
        false
    }
}

/// A line of the error log. The numbers are nginx's process and thread.
fn note(level: &str, text: &str) {
    eprintln!("{} [{level}] 1#1: {text}", web::stamp("%Y/%m/%d %H:%M:%S"));
}
