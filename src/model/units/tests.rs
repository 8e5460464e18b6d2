//! Quantities as people write them.

use super::{Bytes, Millis, PerSecond};

#[test]
fn durations() {
    for (text, millis, printed) in [
        ("0s", 0, "0s"),
        ("250ms", 250, "250ms"),
        ("1.5s", 1500, "1.5s"),
        ("90 s", 90_000, "90s"),
        ("1h30m", 5_400_000, "90m"),
        ("1h 30m 5s", 5_405_000, "5405s"),
        ("0.5h", 1_800_000, "30m"),
        ("3600000ms", 3_600_000, "1h"),
    ] {
        assert_eq!(text.parse(), Ok(Millis(millis)), "{text}");
        assert_eq!(Millis(millis).to_string(), printed);
    }
    assert_eq!(Millis(1500).duration(), std::time::Duration::from_millis(1500));
}

#[test]
fn sizes_and_rates() {
    for (text, bytes) in [("64MiB", 64 << 20), ("10kB", 10_000), ("1.5KiB", 1536), ("7 B", 7)] {
        assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
    }
    assert_eq!(Bytes(64 << 20).to_string(), "64MiB");
    assert_eq!("1200/min".parse(), Ok(PerSecond(20.0)));
    assert_eq!(PerSecond(20.0).to_string(), "20/s");
    assert_eq!(PerSecond(1.0 / 60.0).to_string(), "1/min");
}

#[test]
fn errors_say_what_is_wrong() {
    let duration = |text: &str| text.parse::<Millis>().unwrap_err().to_string();
    assert_eq!(duration(""), "an empty duration");
    assert_eq!(duration("-5s"), "a negative duration");
    assert_eq!(duration("30"), "a unit is missing: 30s, 30ms or 30m?");
    assert_eq!(duration("5 fortnights"), "unknown unit `fortnights` (known: ms, s, m, h)");
    assert_eq!(duration("soon"), "a number is missing, as in 30s");
    assert_eq!(duration("5s1m"), "the larger unit comes first, each once: 1h30m");
    assert_eq!(duration("0.1ms"), "finer than one millisecond");
    assert_eq!(duration("1..5s"), "a number is missing, as in 30s");
    assert_eq!(duration("99999999999999999999s"), "too large");
    let size = |text: &str| text.parse::<Bytes>().unwrap_err().to_string();
    assert_eq!(size("64"), "a unit is missing: 64MiB, 64kB or 64B?");
    assert_eq!(size("99999999TiB"), "too large");
    let rate = |text: &str| text.parse::<PerSecond>().unwrap_err().to_string();
    assert_eq!(rate("50"), "a unit is missing: 50/s or 50/min?");
    assert_eq!(rate("-1/s"), "a negative rate");
    assert_eq!(rate("1/day"), "unknown unit `/day` (known: /s, /min)");
    assert_eq!(rate("9999999999/s"), "too large");
}
