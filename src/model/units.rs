//! Human-written quantities: durations, sizes and rates.
//!
//! They are strings in YAML and JSON (`30s`, `64MiB`, `50/s`) and each prints the shortest text that
//! parses back to exactly the same value. Zero can be expressed; whether it makes sense is for the
//! place that uses it to say.

#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Nothing but white space.
    #[error("an empty {0}")]
    Empty(&'static str),
    /// It starts with a minus sign.
    #[error("a negative {0}")]
    Negative(&'static str),
    /// A number without a unit.
    #[error("a unit is missing: {0}?")]
    NoUnit(String),
    /// The unit is not one of ours.
    #[error("unknown unit `{found}` (known: {known})")]
    UnknownUnit {
        /// The text after the number.
        found: String,
        /// The known units.
        known: &'static str,
    },
    /// There is no number where one belongs.
    #[error("a number is missing, as in {example}")]
    NoNumber {
        /// A valid text.
        example: &'static str,
    },
    /// Units of a duration repeat or grow, as in `5s1m`.
    #[error("the larger unit comes first, each once: 1h30m")]
    Order,
    /// Finer than the type can hold.
    #[error("finer than one {0}")]
    TooFine(&'static str),
    /// Greater than the type can hold.
    #[error("too large")]
    TooLarge,
}

/// A length of time in whole milliseconds: `250ms`, `1.5s`, `10m`, `1h30m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

/// A size in bytes: `512B`, `64MiB`, `10kB`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A rate in events per second, finite and not negative when parsed: `50/s`, `1200/min`.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct PerSecond(pub f64);

impl Millis {
    /// The same length as the standard library's type.
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// Serde as a string and the schema of such a string, the same for all quantities.
macro_rules! as_string {
    ($type:ident, $format:literal, $pattern:literal, $examples:tt, $about:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "format": $format,
                    "pattern": $pattern,
                    "description": $about,
                    "examples": $examples,
                })
            }
        }
    };
}

as_string!(Millis, "duration-text", r"^\s*([0-9.]+\s*(ms|s|m|h))+\s*$", ["30s", "250ms", "1h30m"], "A duration");
as_string!(Bytes, "size-text", r"^\s*[0-9.]+\s*([KMGT]iB|[kMGT]?B)\s*$", ["64MiB", "10kB"], "A size");
as_string!(PerSecond, "rate-text", r"^\s*[0-9.]+\s*/\s*(s|min)\s*$", ["50/s", "1200/min"], "A rate");
