//! What a report needs of a run's plan; the rest of it is not looked at, so that reports of old runs
//! can still be made when plans have grown.

use serde::{Deserialize, Serialize};

use super::view::Control;
use crate::model::units::Millis;
use crate::spec::campaign::Gate;

#[derive(Debug, Deserialize)]
pub(super) struct PlanFacts {
    #[serde(default)]
    pub(super) description: Option<String>,
    pub(super) subject: Named,
    pub(super) runtime: String,
    pub(super) scenarios: Vec<Named>,
    pub(super) variants: Vec<VariantFacts>,
    pub(super) repeats: u32,
    #[serde(default)]
    pub(super) seed: u64,
    #[serde(default)]
    pub(super) timeouts: serde_json::Map<String, serde_json::Value>,
    pub(super) windows: WindowFacts,
    #[serde(default)]
    pub(super) gates: Vec<Gate>,
}

/// Something with a name and maybe a description.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct VariantFacts {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    baseline: Option<bool>,
    #[serde(default)]
    script: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WindowFacts {
    pub(super) healthy: Millis,
    pub(super) hold: Millis,
}

impl VariantFacts {
    /// Which control it is, if one.
    pub(super) fn control(&self) -> Option<Control> {
        let script = self.script.as_ref().and_then(serde_json::Value::as_str);
        match (self.baseline, script) {
            (Some(true), _) => Some(Control::Baseline),
            (_, Some("oracle")) => Some(Control::Oracle),
            (_, Some("restart-all")) => Some(Control::RestartAll),
            _ => None,
        }
    }
}
