//! Quantities from and to text.

use std::fmt;
use std::str::FromStr;

use super::{Bytes, Millis, PerSecond, UnitError};

/// Unit names of durations with their milliseconds, largest first.
const DURATIONS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Unit names of sizes with their bytes, largest first.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1000),
    ("B", 1),
];

/// The greatest rate that is accepted, per second.
const MAX_RATE: f64 = 1e9;

impl FromStr for Millis {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = unsigned(text, "duration")?;
        let (mut rest, mut total, mut smallest) = (text, 0_u64, u64::MAX);
        while !rest.is_empty() {
            let (number, tail) = split_number(rest);
            let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(end);
            if number.is_empty() {
                return Err(UnitError::NoNumber { example: "30s" });
            }
            let factor = match unit.trim() {
                "" => {
                    return Err(UnitError::NoUnit(format!("{number}s, {number}ms or {number}m")));
                }
                unit => factor(&DURATIONS, unit)
                    .ok_or_else(|| UnitError::UnknownUnit { found: unit.into(), known: "ms, s, m, h" })?,
            };
            if factor >= smallest {
                return Err(UnitError::Order);
            }
            smallest = factor;
            let part = scaled(number, factor, "30s", "millisecond")?;
            total = total.checked_add(part).ok_or(UnitError::TooLarge)?;
            rest = tail;
        }
        Ok(Self(total))
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = unsigned(text, "size")?;
        let (number, unit) = split_number(text);
        if number.is_empty() {
            return Err(UnitError::NoNumber { example: "64MiB" });
        }
        let factor = match unit.trim() {
            "" => {
                return Err(UnitError::NoUnit(format!("{number}MiB, {number}kB or {number}B")));
            }
            unit => factor(&SIZES, unit).ok_or_else(|| UnitError::UnknownUnit {
                found: unit.into(),
                known: "B, KiB, MiB, GiB, TiB, kB, MB, GB, TB",
            })?,
        };
        scaled(number, factor, "64MiB", "byte").map(Self)
    }
}

impl FromStr for PerSecond {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = unsigned(text, "rate")?;
        let (number, unit) = split_number(text);
        let invalid = || UnitError::NoNumber { example: "50/s" };
        if number.is_empty() {
            return Err(invalid());
        }
        let value: f64 = number.parse().map_err(|_| invalid())?;
        let seconds = match unit.replace(' ', "").as_str() {
            "" => return Err(UnitError::NoUnit(format!("{number}/s or {number}/min"))),
            "/s" => 1.0,
            "/min" => 60.0,
            _ => {
                return Err(UnitError::UnknownUnit { found: unit.trim().into(), known: "/s, /min" });
            }
        };
        let rate = value / seconds;
        if rate > MAX_RATE { Err(UnitError::TooLarge) } else { Ok(Self(rate)) }
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut forms = vec![whole(self.0, &DURATIONS)];
        let (mut rest, mut parts) = (self.0, String::new());
        for (unit, factor) in DURATIONS {
            if rest >= factor {
                parts = format!("{parts}{}{unit}", rest / factor);
                rest %= factor;
            }
        }
        forms.push(parts);
        let fraction = format!("{:03}", self.0 % 1000);
        forms.push(format!("{}.{}s", self.0 / 1000, fraction.trim_end_matches('0')));
        f.write_str(&shortest(forms.into_iter().filter(|form| !form.contains(".s"))))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0B");
        }
        let forms = SIZES.iter().filter(|(_, factor)| self.0.is_multiple_of(*factor));
        f.write_str(&shortest(forms.map(|(unit, factor)| format!("{}{unit}", self.0 / factor))))
    }
}

impl fmt::Display for PerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut forms = vec![format!("{}/s", self.0)];
        let per_minute = self.0 * 60.0;
        #[expect(clippy::float_cmp, reason = "only a form that parses back to the very same value will do")]
        if per_minute / 60.0 == self.0 {
            forms.push(format!("{per_minute}/min"));
        }
        f.write_str(&shortest(forms.into_iter()))
    }
}

/// The text without surrounding space, when it is neither empty nor negative.
fn unsigned<'a>(text: &'a str, what: &'static str) -> Result<&'a str, UnitError> {
    let text = text.trim();
    match text.chars().next() {
        None => Err(UnitError::Empty(what)),
        Some('-') => Err(UnitError::Negative(what)),
        Some(_) => Ok(text),
    }
}

/// Splits behind the leading decimal number.
fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

fn factor(units: &[(&str, u64)], name: &str) -> Option<u64> {
    units.iter().find(|(unit, _)| *unit == name).map(|(_, factor)| *factor)
}

/// `number` times `factor`, exactly; a fraction must come out whole.
fn scaled(number: &str, factor: u64, example: &'static str, atom: &'static str) -> Result<u64, UnitError> {
    let invalid = || UnitError::NoNumber { example };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(invalid());
    }
    let whole: u64 = whole.parse().map_err(|_| UnitError::TooLarge)?;
    let fraction = fraction.trim_end_matches('0');
    let scale = u32::try_from(fraction.len()).ok().and_then(|digits| 10_u128.checked_pow(digits));
    let parts: u128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| UnitError::TooFine(atom))? };
    let parts = parts.checked_mul(factor.into()).ok_or(UnitError::TooFine(atom))?;
    let scale = scale.ok_or(UnitError::TooFine(atom))?;
    if parts % scale != 0 {
        return Err(UnitError::TooFine(atom));
    }
    let total = u128::from(whole) * u128::from(factor) + parts / scale;
    u64::try_from(total).map_err(|_| UnitError::TooLarge)
}

/// The value as a whole number of the largest unit that divides it.
fn whole(value: u64, units: &[(&str, u64)]) -> String {
    let (unit, factor) = units.iter().find(|(_, factor)| value.is_multiple_of(*factor)).unwrap_or(&("", 1));
    format!("{}{unit}", value / factor)
}

/// The first of the shortest texts.
fn shortest(forms: impl Iterator<Item = String>) -> String {
    forms.min_by_key(String::len).unwrap_or_default()
}
