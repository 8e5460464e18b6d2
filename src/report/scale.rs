//! Scales of a picture.

use super::timeline::Slice;

/// More slices than this are drawn in groups.
const POINTS: usize = 360;

/// Joins neighbouring slices so that there are at most [`POINTS`].
pub(super) fn grouped(slices: &[Slice]) -> Vec<Slice> {
    slices
        .chunks(slices.len().div_ceil(POINTS).max(1))
        .filter_map(|group| {
            let last = group.last()?;
            Some(Slice {
                end_us: last.end_us,
                length_us: group.iter().map(|slice| slice.length_us).sum(),
                total: group.iter().map(|slice| slice.total).sum(),
                ok: group.iter().map(|slice| slice.ok).sum(),
                p99_us: group.iter().filter_map(|slice| slice.p99_us).max(),
            })
        })
        .collect()
}

/// Seconds between two ticks: a round number that gives about ten of them.
pub(super) fn step(seconds: f64) -> f64 {
    const STEPS: [f64; 12] = [0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
    STEPS.into_iter().find(|step| seconds / step <= 12.0).unwrap_or(3600.0)
}

/// A power of ten of microseconds in words.
pub(super) fn decade_label(decade: f64) -> String {
    match decade as i64 {
        0 => "1 µs".to_owned(),
        1 => "10 µs".to_owned(),
        2 => "0.1 ms".to_owned(),
        exponent @ 3..=5 => format!("{} ms", 10_u64.pow((exponent - 3) as u32)),
        exponent => format!("{} s", 10_u64.pow((exponent - 6).clamp(0, 9) as u32)),
    }
}
