//! YAML to a checked, resolved [`Plan`].
//!
//! Three stages, each reporting all it finds at once:
//!
//! 1. [`tree`] reads the text into a tree in which every key and value knows its place;
//! 2. `walk` compares the tree with the JSON Schema of the raw types, which then deserialize;
//! 3. `check` looks at what a schema cannot say, across files too; of a file with structural mistakes it
//!    looks at what is left without them.
//!
//! The raw types ([`campaign`], [`subject`], [`variant`], [`fault`]) are what people write; their doc
//! comments are the descriptions in `schemas/`. Nothing here starts, connects to or changes anything:
//! only the files that are named are read.

mod ad_hoc;
pub mod campaign;
mod check;
pub mod diagnostic;
mod excerpt;
pub mod fault;
mod files;
mod load;
mod name;
mod nodes;
pub mod plan;
mod probe;
mod reader;
pub mod render;
mod scalar;
pub mod schema;
pub mod subject;
mod suggest;
mod syntax;
pub mod tree;
mod validate;
pub mod variant;
mod walk;

pub use ad_hoc::{AdHoc, ad_hoc};
pub use campaign::{Campaign, RuntimeKind};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use load::load_campaign;
pub use plan::{NodePlan, Plan};
pub use render::Style;
pub use schema::FileKind;
pub use subject::Subject;
pub use validate::{Checked, check_files, validate_files};
pub use variant::Variant;
