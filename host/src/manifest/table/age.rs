//! Durations as kubectl shortens them (L8).

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// L8: two units at most, fewer the longer it is.
pub fn age(duration: Duration) -> String {
    let s = duration.as_secs();
    let two = |big: u64, big_name: &str, small: u64, small_name: &str| {
        let rest = s % big / small;
        if rest == 0 {
            format!("{}{big_name}", s / big)
        } else {
            format!("{}{big_name}{rest}{small_name}", s / big)
        }
    };
    if s < 2 * MINUTE {
        format!("{s}s")
    } else if s < 10 * MINUTE {
        two(MINUTE, "m", 1, "s")
    } else if s < 3 * HOUR {
        format!("{}m", s / MINUTE)
    } else if s < 8 * HOUR {
        two(HOUR, "h", MINUTE, "m")
    } else if s < 2 * DAY {
        format!("{}h", s / HOUR)
    } else if s < 8 * DAY {
        two(DAY, "d", HOUR, "h")
    } else if s < 2 * YEAR {
        format!("{}d", s / DAY)
    } else if s < 8 * YEAR {
        two(YEAR, "y", DAY, "d")
    } else {
        format!("{}y", s / YEAR)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{DAY, HOUR, MINUTE, YEAR, age};

    #[test]
    fn l8_durations_are_shortened_as_kubectl_does() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (121, "2m1s"),
            (10 * MINUTE - 1, "9m59s"),
            (10 * MINUTE + 5, "10m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + MINUTE, "3h1m"),
            (8 * HOUR + MINUTE, "8h"),
            (2 * DAY - 1, "47h"),
            (2 * DAY + HOUR, "2d1h"),
            (8 * DAY + HOUR, "8d"),
            (2 * YEAR, "2y"),
            (2 * YEAR + DAY, "2y1d"),
            (9 * YEAR + 5 * DAY, "9y"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), text, "{seconds}");
        }
    }
}
