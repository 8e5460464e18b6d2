//! Which trials a campaign has, in which order, with which seeds.

use crate::model::id::RunId;
use crate::model::trial::TrialKey;
use crate::spec::plan::Plan;

/// All trials in fair order: every repeat of everything before the next one, variants next to each other, and a
/// different variant first each time. So drift of the machine hits all variants alike.
pub fn schedule(plan: &Plan, run: &RunId) -> Vec<TrialKey> {
    let mut trials = Vec::new();
    let variants = plan.variants.len();
    for repeat in 1..=plan.repeats {
        for (row, scenario) in plan.scenarios.iter().enumerate() {
            let shift = (repeat as usize - 1) * plan.scenarios.len() + row;
            for column in 0..variants {
                let variant = &plan.variants[(column + shift) % variants];
                let number = trials.len() as u32 + 1;
                trials.push(TrialKey {
                    id: run.trial(number),
                    number,
                    scenario: scenario.name.clone(),
                    variant: variant.name.clone(),
                    repeat,
                    seed: trial_seed(plan.seed, &scenario.name, repeat),
                });
            }
        }
    }
    trials
}

/// The seed of a scenario's repeat: 64-bit FNV-1a over the campaign's seed (little-endian), the scenario's name, a zero
/// byte and the repeat (little-endian). The variant has no part in it, so all variants face the same draw.
pub fn trial_seed(campaign: u64, scenario: &str, repeat: u32) -> u64 {
    // Parameters: draft-eastlake-fnv, section 5.
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = campaign.to_le_bytes().into_iter().chain(scenario.bytes()).chain([0]).chain(repeat.to_le_bytes());
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}
