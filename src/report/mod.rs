//! Reports of a run: one view model, four formats.
//!
//! [`build`] reads the event log of a run, scores every trial anew and sums up; the result, [`View`],
//! holds every number and sentence of a report and is itself the JSON report. Markdown, HTML and `JUnit`
//! only lay it out, so two reports of one run never disagree. What an operator or a subject wrote is
//! hostile text everywhere: see `text`. Nothing here writes to the database.

mod build;
mod compare;
mod error;
pub mod format;
pub mod gates;
mod headline;
mod html;
mod junit;
mod layout;
mod markdown;
mod plan;
mod scale;
mod summary;
mod svg;
pub mod terminal;
pub mod text;
mod timeline;
mod trial;
mod view;
mod write;

pub use build::{build, build_trial, scores};
pub use error::ReportError;
pub use gates::GateResult;
pub use timeline::{Mark, MarkKind, NodeMark, Slice, Span, Timeline};
pub use trial::{FaultView, SnapshotView, TicketView, TrialView};
pub use view::{
    Cell, Comparison, Control, Counts, Headline, Lost, Rate, RunFacts, ScenarioSummary, ScenarioWords, Shares,
    VariantSummary, View, Warning,
};
pub use write::{Format, render, write};
