//! The commands, one file each.

pub mod list;
pub mod report;
pub mod schema;
pub mod show;
pub mod validate;
