//! What std does not do on WASI.

use std::io::Write;

/// Ends the program with its exit code. `std::process::exit` can't: its WASI call knows only "ok" and "error", so that each code but 0
/// would arrive as 1.
pub(crate) fn exit(code: i32) -> ! {
    // What cannot be written now never could.
    let _ = std::io::stdout().flush();
    #[cfg(target_family = "wasm")]
    wasip2::cli::exit::exit_with_code(u8::try_from(code & 0xff).unwrap_or(u8::MAX));
    std::process::exit(code)
}

/// Goes to the directory in which the program was started: WASI tells it, and std stays in `/`.
pub(crate) fn enter_directory() {
    #[cfg(target_family = "wasm")]
    if let Some(directory) = wasip2::cli::environment::initial_cwd()
        && directory != "/"
    {
        // One that is not there is found missing by what is tried in it.
        let _ = std::env::set_current_dir(directory);
    }
}
