//! What several tests need.

pub(crate) mod log;
pub(crate) mod redact;
pub(crate) mod runs;
