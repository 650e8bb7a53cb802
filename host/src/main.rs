//! argv → app.

fn main() -> std::process::ExitCode {
    peapod::cli::main()
}
