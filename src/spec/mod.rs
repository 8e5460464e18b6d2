//! YAML to a checked, resolved [`Plan`].
//!
//! Three stages, each reporting all it finds before the next begins:
//!
//! 1. [`tree`] reads the text into a tree in which every key and value knows its place;
//! 2. `walk` compares the tree with the JSON Schema of the raw types, which then deserialize;
//! 3. `check` looks at what a schema cannot say, across files too.
//!
//! The raw types ([`campaign`], [`subject`], [`variant`], [`fault`]) are what people write; their doc
//! comments are the descriptions in `schemas/`. Nothing here starts, connects to or changes anything:
//! only the files that are named are read.

pub mod campaign;
pub mod diagnostic;
pub mod fault;
mod load;
mod nodes;
pub mod plan;
mod scalar;
pub mod subject;
pub mod tree;
pub mod variant;

pub use campaign::{Campaign, RuntimeKind};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use load::load_campaign;
pub use plan::{NodePlan, Plan};
pub use subject::Subject;
pub use variant::Variant;
