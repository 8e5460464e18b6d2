//! The HTML report: one file, no script, nothing loaded from anywhere.
//!
//! Every string of the page goes through [`text::visible`] and then through the template engine's
//! escaping; only the style sheet and the pictures, which are made here, are put in as they are.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use super::error::ReportError;
use super::layout;
use super::text;
use super::view::View;

const STYLE: &str = include_str!("templates/style.css");

/// Lays a report out as HTML.
pub(super) fn render(view: &View) -> Result<String, ReportError> {
    page(view).map_err(|error| ReportError::Layout { format: "HTML", problem: format!("{error:#}") })
}

fn page(view: &View) -> Result<String, minijinja::Error> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    templates.add_template("report.html", include_str!("templates/report.html"))?;
    templates.add_template("trial.html", include_str!("templates/trial.html"))?;
    let page = serde_json::to_value(layout::page(view, true))
        .map_err(|error| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, error.to_string()))?;
    templates.get_template("report.html")?.render(context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        page => Value::from(Serde(visible(page))),
    })
}

/// Makes every string printable.
fn visible(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Json::String(string) => Json::String(text::visible(&string)),
        Json::Array(items) => Json::Array(items.into_iter().map(visible).collect()),
        Json::Object(fields) => Json::Object(fields.into_iter().map(|(name, field)| (name, visible(field))).collect()),
        other => other,
    }
}
