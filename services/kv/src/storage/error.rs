//! What can go wrong with the data directory.

use std::{
    io,
    path::{Path, PathBuf},
};

/// A failure of the data directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Bytes that were once durable no longer match their checksum.
    #[error(
        "{} is damaged at byte {offset}: {what}; remove this member from the cluster, empty its data \
         directory and add it again",
        path.display()
    )]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Where, in bytes from its start.
        offset: u64,
        /// What does not fit.
        what: String,
    },
    /// Another process works on the directory.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The directory belongs to a different node.
    #[error("{} belongs to node {found}, not to {wanted}", path.display())]
    ForeignData {
        /// The data directory.
        path: PathBuf,
        /// Who wrote it.
        found: String,
        /// Who opens it.
        wanted: String,
    },
    /// An earlier failure left the log in an unknown state.
    #[error("the log is closed after an earlier failure")]
    Closed,
}

impl StoreError {
    /// For `map_err`: adds what was being done, and to what.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// As an [`io::Error`], keeping the kind where there is one.
    pub(crate) fn to_io(&self) -> io::Error {
        let kind = match self {
            Self::Io { source, .. } => source.kind(),
            Self::Corrupt { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self.to_string())
    }
}
