//! `variants/NAME.yaml`: an operator configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::units::{Bytes, Millis};

/// An operator configuration. Exactly one of `baseline` and `script` is given.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Unique name: lower-case letters, digits and dashes. The same as the file's name.
    #[schemars(extend("format" = "name", "pattern" = "^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
    /// `true`: nobody works on the ticket; shows what heals by itself.
    #[serde(default)]
    pub baseline: Option<bool>,
    /// A fixed sequence of shell commands.
    #[serde(default)]
    pub script: Option<Script>,
    /// The tools' limits.
    #[serde(default)]
    pub tools: Tools,
    /// When the session is cut off, besides the campaign's `timeouts.operate`.
    #[serde(default)]
    pub budget: Budget,
}

/// A fixed sequence of shell commands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Script {
    /// The subject's remedies for the scenario's faults: shows that a repair from inside is possible.
    Oracle,
    /// Restarts every node, one after the other: shows what a blind restart repairs.
    RestartAll,
    /// These commands, each for `sh -c`; then the ticket is closed as resolved.
    Commands(Vec<String>),
}

/// The tools' limits.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    /// The shell.
    #[serde(default)]
    pub shell: Shell,
}

/// Limits of one shell command.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shell {
    /// A command that runs longer is killed with its whole process group.
    #[serde(default = "shell_timeout")]
    pub timeout: Millis,
    /// Output beyond this is cut in the middle; the record says how much is missing.
    #[serde(default = "shell_output")]
    pub max_output: Bytes,
}

/// When a session is cut off.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Working time.
    #[serde(default)]
    pub wall: Option<Millis>,
    /// Number of shell commands.
    #[serde(default)]
    pub commands: Option<u32>,
}

impl Default for Shell {
    fn default() -> Self {
        Self { timeout: shell_timeout(), max_output: shell_output() }
    }
}
fn shell_timeout() -> Millis {
    Millis(120_000)
}
fn shell_output() -> Bytes {
    Bytes(16 * 1024)
}
