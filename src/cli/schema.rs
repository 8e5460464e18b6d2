//! `harness schema`.
