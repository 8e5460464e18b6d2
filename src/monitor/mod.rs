//! The monitor: probes the subject, watches its invariants, opens the ticket.
//!
//! Each invariant is observed on its own interval and never overlaps itself. An observation says
//! `ok`, `broken`, or `unknown`: a refused connection or a timeout is the subject's doing and
//! `broken`; a probe that the harness could not run is `unknown` and never counts against the
//! subject. What is broken without a break for the invariant's grace time is a violation; the
//! first one opens the ticket, later ones are folded into it.
//!
//! Neighbours: everything goes through [`Lab`](crate::runtime::Lab) and
//! [`Figures`](crate::workload::Figures); `runner` waits for tickets and held windows. Nothing in
//! here knows the fault, and no text that it writes may name one.

mod condition;
mod expect;
mod held;
mod ready;
mod survey;
mod tracker;
mod watch;

pub use condition::{Observation, observe};
pub use held::Health;
pub use ready::{NotReady, ready};
pub use survey::{leader, snapshot};
pub use tracker::Ticket;
pub use watch::Monitor;
