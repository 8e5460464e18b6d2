//! Operators that follow a fixed list of commands: the controls.

use async_trait::async_trait;

use super::{Brief, Close, Operator, OperatorError, Toolbox};

/// Runs its commands in order, whatever each returns, and says that it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptOperator {
    commands: Vec<String>,
}

impl ScriptOperator {
    /// These commands, as they are.
    pub fn new(commands: Vec<String>) -> Self {
        Self { commands }
    }

    /// The `restart-all` control: every node, one after the other.
    pub fn restart_all<'a>(nodes: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(nodes.into_iter().map(|node| format!("lab restart {node}")).collect())
    }

    /// The `oracle` control: each remedy for each target, in the order of the faults.
    pub fn oracle<'a>(remedies: impl IntoIterator<Item = (&'a [String], &'a [String])>) -> Self {
        let mut commands = Vec::new();
        for (lines, targets) in remedies {
            for line in lines {
                for target in targets {
                    let command = line.replace("{target}", target);
                    // A remedy that does not name its target is for all of them.
                    if !commands.contains(&command) {
                        commands.push(command);
                    }
                }
            }
        }
        Self::new(commands)
    }
}

#[async_trait]
impl Operator for ScriptOperator {
    fn kind(&self) -> &'static str {
        "script"
    }

    async fn operate(&mut self, _: &Brief, tools: &mut Toolbox) -> Result<(), OperatorError> {
        for command in &self.commands {
            tools.shell(command, "").await?;
        }
        let count = self.commands.len();
        tools.close_ticket(Close::Resolved, &format!("the script has run its {count} commands"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().copied().map(String::from).collect()
    }

    #[test]
    fn remedies_are_repeated_for_each_target_they_name() {
        let (lines, targets) = (strings(&["lab start {target}", "lab net clear"]), strings(&["a", "b"]));
        let oracle = ScriptOperator::oracle([(lines.as_slice(), targets.as_slice())]);
        assert_eq!(oracle.commands, ["lab start a", "lab start b", "lab net clear"]);
    }
}
