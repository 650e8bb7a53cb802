//! The pod table: the cells a server computes (L3–L7) and the columns kubectl prints.

mod age;
mod cells;

pub use age::age;
pub use cells::{Row, pod_row};

/// The table as kubectl prints it: upper-case headers, three spaces between columns, nothing after the last.
pub fn print(rows: &[Row]) -> String {
    let header = ["NAME", "READY", "STATUS", "RESTARTS", "AGE"];
    let lines: Vec<[&str; 5]> = std::iter::once(header)
        .chain(rows.iter().map(|row| {
            [
                row.name.as_str(),
                &row.ready,
                &row.status,
                &row.restarts,
                &row.age,
            ]
        }))
        .collect();
    let mut widths = [0; 5];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for line in &lines {
        let mut text = String::new();
        for (width, cell) in widths.iter().zip(line) {
            text.push_str(&format!("{cell:width$}   "));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}
