//! The JSON Schemas of the three kinds of file, generated from the raw types.

use std::fmt;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::campaign::Campaign;
use super::subject::Subject;
use super::variant::Variant;

/// The kinds of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// `campaigns/NAME.yaml`.
    Campaign,
    /// `subjects/NAME.yaml`.
    Subject,
    /// `variants/NAME.yaml`.
    Variant,
}

impl FileKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Campaign, Self::Subject, Self::Variant];

    /// Its name in text: `campaign`, `subject` or `variant`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Subject => "subject",
            Self::Variant => "variant",
        }
    }

    /// The folder that such files are looked up in.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Campaign => "campaigns",
            Self::Subject => "subjects",
            Self::Variant => "variants",
        }
    }

    /// The name of the schema's file.
    pub fn schema_file(self) -> String {
        format!("{self}.schema.json")
    }

    /// The schema that files of this kind follow.
    pub fn schema(self) -> Value {
        match self {
            Self::Campaign => generate::<Campaign>(),
            Self::Subject => generate::<Subject>(),
            Self::Variant => generate::<Variant>(),
        }
    }

    /// The schema as the text of a file.
    pub fn schema_text(self) -> String {
        format!("{:#}\n", self.schema())
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn generate<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    if let Value::Object(root) = &mut schema {
        root.remove("$id");
        if let Some(Value::Object(definitions)) = root.get_mut("$defs") {
            definitions.sort_keys();
        }
    }
    schema
}

/// Makes the schema say what people may write: an optional key is left out, never `null`; formats that
/// only name Rust's number types go.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(map) => {
            tidy_object(map);
            for (key, value) in map.iter_mut() {
                if !matches!(key.as_str(), "default" | "examples" | "const" | "enum") {
                    tidy(value);
                }
            }
        }
        _ => {}
    }
}

fn tidy_object(map: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(options)) = map.get_mut("anyOf") {
        options.retain(|option| option.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = options.as_slice() {
            let only = only.clone();
            map.remove("anyOf");
            for (key, value) in only {
                map.entry(key).or_insert(value);
            }
        }
    }
    match map.get_mut("default") {
        Some(Value::Null) => {
            map.remove("default");
        }
        Some(Value::Object(defaults)) => {
            defaults.retain(|_, value| !value.is_null());
            if defaults.is_empty() {
                map.remove("default");
            }
        }
        _ => {}
    }
    bounds(map);
}

/// Puts the bounds of a Rust number type in place of the format that names it.
fn bounds(map: &mut Map<String, Value>) {
    let (least, most): (Option<i64>, Option<i64>) = match map.get("format").and_then(Value::as_str) {
        Some("uint8") => (Some(0), Some(u8::MAX.into())),
        Some("uint16") => (Some(0), Some(u16::MAX.into())),
        Some("uint32") => (Some(0), Some(u32::MAX.into())),
        Some("int32") => (Some(i32::MIN.into()), Some(i32::MAX.into())),
        Some("uint64" | "int64" | "double") => (None, None),
        _ => return,
    };
    map.remove("format");
    for (key, bound) in [("minimum", least), ("maximum", most)] {
        if let Some(bound) = bound {
            map.entry(key).or_insert_with(|| bound.into());
        }
    }
}
