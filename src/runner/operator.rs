//! From a variant to the operator that works on the ticket.

use super::steps::Steps;
use crate::agent::{Operator, ScriptOperator};
use crate::spec::variant::{Script, Variant};

impl Steps<'_> {
    /// `None` for the baseline: nobody.
    pub(super) async fn operator(&self, variant: &Variant) -> Option<Box<dyn Operator>> {
        let script = match variant.script.as_ref()? {
            Script::RestartAll => ScriptOperator::restart_all(self.lab.nodes().iter().map(|node| node.name.as_str())),
            Script::Commands(commands) => ScriptOperator::new(commands.clone()),
            Script::Oracle => {
                let faults = self.chaos.targets().await;
                let remedies = &self.plan.subject.remedies;
                ScriptOperator::oracle(faults.iter().filter_map(|(kind, targets)| {
                    remedies.get(kind).map(|lines| (lines.as_slice(), targets.as_slice()))
                }))
            }
        };
        Some(Box::new(script))
    }
}
