//! Exit codes. Scripts rely on them: they never change their meaning.

/// Everything was done, and every gate holds.
pub const SUCCESS: u8 = 0;
/// A gate does not hold, or no trial was completed, so nothing was measured.
pub const GATE_FAILED: u8 = 1;
/// The command line or a YAML file is wrong. Nothing was started.
pub const USAGE: u8 = 2;
/// This machine lacks something that the runtime needs. Nothing was started.
pub const ENVIRONMENT: u8 = 3;
/// Something of a lab was left behind.
pub const LEFTOVERS: u8 = 4;
/// The harness failed: a trial ended with an error, or the database could not be written.
pub const INTERNAL: u8 = 5;
/// The user stopped it; what was finished is kept and reported.
pub const INTERRUPTED: u8 = 130;
