//! The fault catalogue: what is broken, where, and how that is proven.
//!
//! Every fault goes the same way: targets are drawn from the trial's seed, the undo record is written,
//! the fault is applied, its effect is measured on the affected nodes and links and its absence on the
//! others, it is watched, healed in any case, and the heal is proven. `runner` drives a [`Chaos`];
//! everything goes through [`Lab`](crate::runtime::Lab). To add a fault: its YAML in `spec::fault`,
//! its [`Action`](action::Action) here.

mod action;
mod armed;
mod links;
mod nodes;
mod queue;
mod target;

pub use armed::{Chaos, NotLanded};
pub use queue::Queue;
pub use target::{TargetError, resolve};
