//! Bars on a terminal: one for each image that is transferred, and one for each of its blobs that is on its way.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::watch;

use crate::images::{Digest, Part, Transfer};

const IMAGE: &str = "{msg} {binary_bytes} of {binary_total_bytes}";
const BLOB: &str =
    "  {msg} {bar:30} {binary_bytes} of {binary_total_bytes} ({binary_bytes_per_sec})";
/// Without it, the rate of one that has come to a halt would stay what it was.
const TICK: Duration = Duration::from_millis(500);
/// Of a digest, as tables show it.
const DIGITS: usize = 12;

/// Which line: an image's own, or that of one of its blobs.
type Key = (String, Option<Digest>);

/// Shows transfers for as long as there may be any.
pub(super) async fn show(mut transfers: watch::Receiver<Vec<Transfer>>) {
    let all = MultiProgress::new();
    let mut bars = BTreeMap::new();
    while transfers.changed().await.is_ok() {
        let now = transfers.borrow_and_update().clone();
        draw(&all, &mut bars, &now);
    }
}

fn draw(all: &MultiProgress, bars: &mut BTreeMap<Key, ProgressBar>, transfers: &[Transfer]) {
    let lines: BTreeMap<Key, (u64, u64)> = transfers.iter().flat_map(lines).collect();
    bars.retain(|key, bar| {
        let stays = lines.contains_key(key);
        if !stays {
            bar.finish_and_clear();
            all.remove(bar);
        }
        stays
    });
    for ((name, digest), (done, total)) in lines {
        let key = (name, digest);
        // Lines stand in the order of their keys: a blob's below its image's.
        let above = bars.range(..&key).next_back().map(|(_, bar)| bar.clone());
        let bar = bars.entry(key).or_insert_with_key(|(name, digest)| {
            let bar = ProgressBar::no_length();
            let bar = match above {
                Some(above) => all.insert_after(&above, bar),
                None => all.insert(0, bar),
            };
            let (template, message) = match digest {
                None => (IMAGE, name.clone()),
                Some(digest) => (BLOB, digest.hex()[..DIGITS].to_owned()),
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(message);
            bar.enable_steady_tick(TICK);
            bar
        });
        bar.set_length(total);
        bar.set_position(done);
    }
}

/// A line for the image, and one for each blob that has begun and not ended: an image may have hundreds.
fn lines(transfer: &Transfer) -> Vec<(Key, (u64, u64))> {
    let name = &transfer.name;
    let is_moving = |part: &&Part| part.done > 0 && part.done < part.total;
    let blobs = transfer.parts.iter().filter(is_moving).map(|part| {
        let key = (name.clone(), Some(part.digest.clone()));
        (key, (part.done, part.total))
    });
    let own = ((name.clone(), None), transfer.bytes());
    std::iter::once(own).chain(blobs).collect()
}
