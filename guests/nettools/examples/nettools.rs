//! The commands alone, for a host that has no more than WASI: `nettools nc localhost 80`.

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let status = match args.first().map(String::as_str) {
        Some("nc") => nettools::nc(&args),
        Some("wget") => nettools::wget(&args),
        Some("curl") => nettools::curl(&args),
        Some("nslookup") => nettools::nslookup(&args),
        _ => {
            command::complain("usage", "nettools nc|wget|curl|nslookup …");
            2
        }
    };
    wasip2::cli::exit::exit_with_code(u8::try_from(status).unwrap_or(u8::MAX));
}
