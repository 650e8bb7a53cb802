//! `nslookup NAME`: by the container's own resolver, in the words of BusyBox 1.28.

use std::time::Duration;

use crate::complain;
use crate::name::{Family, resolve};
use crate::output;
use crate::poll::Deadline;

/// A resolver that says nothing for so long never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// `nslookup NAME [SERVER]`. WASI asks the container's resolver only, so that another server is refused.
pub fn nslookup(args: &[String]) -> i32 {
    let name = match args.get(1..).unwrap_or_default() {
        [name] if !name.starts_with('-') => name,
        [_, server] => {
            complain(
                "nslookup",
                format_args!(
                    "another server than the container's own cannot be asked ('{server}')"
                ),
            );
            return 1;
        }
        _ => {
            complain("nslookup", "usage: nslookup NAME");
            return 1;
        }
    };
    let mut text = String::new();
    if let Some(server) = server() {
        text += &format!("Server:    {server}\nAddress 1: {server}\n\n");
    }
    let found = resolve(name, Family::Any, Deadline::within(Some(PATIENCE)));
    if let Ok(addresses) = &found {
        text += &format!("Name:      {name}\n");
        for (index, address) in addresses.iter().enumerate() {
            text += &format!("Address {}: {address}\n", index + 1);
        }
    }
    if let Err(e) = output::write(text.as_bytes()) {
        return output::failed("nslookup", &e);
    }
    match found {
        Ok(_) => 0,
        Err(_) => {
            complain("nslookup", format_args!("can't resolve '{name}'"));
            1
        }
    }
}

/// The resolver's address, where the container knows it.
fn server() -> Option<String> {
    let conf = std::fs::read_to_string("/etc/resolv.conf").ok()?;
    conf.lines()
        .filter_map(|line| line.strip_prefix("nameserver"))
        .map(|rest| rest.trim().to_owned())
        .find(|address| !address.is_empty())
}
