//! All integration tests, in one binary.

mod lab;
mod sandbox;
mod support;
