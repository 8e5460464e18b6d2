//! `harness validate`.
