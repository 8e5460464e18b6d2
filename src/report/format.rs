//! Numbers in words. A missing number is an en dash everywhere.

use crate::stats::{Interval, Median};

/// Stands for what was not measured.
pub const MISSING: &str = "–";

/// A time of so many microseconds, to three digits or so: `0.4 ms`, `532 ms`, `12.3 s`, `3 min 05 s`.
pub fn duration_us(us: u64) -> String {
    let ms = us as f64 / 1000.0;
    match us {
        0..10_000 => format!("{ms:.1} ms"),
        10_000..999_500 => format!("{ms:.0} ms"),
        999_500..9_995_000 => format!("{:.2} s", ms / 1000.0),
        9_995_000..59_950_000 => format!("{:.1} s", ms / 1000.0),
        _ => {
            let seconds = (us + 500_000) / 1_000_000;
            if seconds < 3600 {
                format!("{} min {:02} s", seconds / 60, seconds % 60)
            } else {
                format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60)
            }
        }
    }
}

/// A time of so many milliseconds.
pub fn duration_ms(ms: f64) -> String {
    duration_us((ms * 1000.0).round().max(0.0) as u64)
}

/// A share as whole percent, without the sign: `61`. Only exact ends are 0 and 100.
fn whole(share: f64) -> String {
    let percent = (share * 100.0).round();
    if percent >= 100.0 && share < 1.0 {
        ">99".to_owned()
    } else if percent <= 0.0 && share > 0.0 {
        "<1".to_owned()
    } else {
        format!("{percent:.0}")
    }
}

/// A share in percent: `61 %`.
pub fn percent(share: f64) -> String {
    format!("{}\u{a0}%", whole(share))
}

/// A share in percent with a tenth: `0.4 %`.
pub fn percent_fine(share: f64) -> String {
    if share > 0.0 && share < 0.0005 { "<0.1\u{a0}%".to_owned() } else { format!("{:.1}\u{a0}%", share * 100.0) }
}

/// An interval of shares: `61–100 %`.
pub fn interval(interval: &Interval) -> String {
    format!("{}–{}\u{a0}%", whole(interval.low), whole(interval.high))
}

/// A difference of shares as signed whole percentage points: `+50`, `−8`, `0`.
pub fn points(difference: f64) -> String {
    let points = (difference * 100.0).round();
    if points > 0.0 {
        format!("+{points:.0}")
    } else if points < 0.0 {
        format!("−{:.0}", -points)
    } else {
        "0".to_owned()
    }
}

/// What a median rests on: the number of values and its interval, `n = 6, 3.90 s to 5.02 s`.
pub fn median_detail(median: &Median, show: impl Fn(f64) -> String) -> String {
    let range = median
        .interval
        .map_or(String::new(), |interval| format!(", {} to {}", show(interval.low), show(interval.high)));
    format!("n\u{a0}=\u{a0}{}{range}", median.n)
}

/// A median of counts: `4`, `10.5`.
pub fn number(value: f64) -> String {
    format!("{value}")
}

/// A p-value: `p = 0.031`, `p < 0.001`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 {
        "p\u{a0}<\u{a0}0.001".to_owned()
    } else if p < 0.1 {
        format!("p\u{a0}=\u{a0}{p:.3}")
    } else {
        format!("p\u{a0}=\u{a0}{p:.2}")
    }
}

/// A size: `64 MiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 10.0);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A count with its noun: `1 trial`, `2 trials`.
pub fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
