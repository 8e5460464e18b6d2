//! What is replicated: operations, alarms, members, and the type parameters of the Raft library.

use std::io::Cursor;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

openraft::declare_raft_types!(
    /// The types this server replicates.
    pub(crate) TypeConfig:
        D = Request,
        R = Response,
        NodeId = u64,
        Node = Member,
);

/// The consensus engine.
pub(crate) type Raft = openraft::Raft<TypeConfig>;
/// One entry of the replicated log.
pub(crate) type Entry = openraft::Entry<TypeConfig>;
/// Position of an entry: term and index.
pub(crate) type LogId = openraft::LogId<u64>;
/// The term a node is in and whom it votes for.
pub(crate) type Vote = openraft::Vote<u64>;
/// Membership together with the log entry that set it.
pub(crate) type Membership = openraft::StoredMembership<u64, Member>;
/// What the Raft library is told when the disk fails.
pub(crate) type RaftStorageError = openraft::StorageError<u64>;
/// A snapshot's position, membership and id.
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<u64, Member>;
/// The Raft library's live view of itself.
pub(crate) type RaftMetrics = openraft::RaftMetrics<u64, Member>;

/// A member of the cluster as recorded in the membership log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Unique name, as given with `--name`.
    pub(crate) name: String,
    /// `HOST:PORT`, resolved anew at each connect.
    pub(crate) address: String,
}

/// One replicated command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Client operations that were waiting at the same time; they share one entry and one fsync.
    Batch(Vec<Op>),
    /// The disk of a member is full.
    AlarmRaise {
        /// Whose disk.
        node: u64,
    },
    /// An operator declares the alarms of these members over.
    AlarmClear {
        /// Whose alarms.
        nodes: Vec<u64>,
    },
}

/// One client operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Op {
    /// Sets `key`.
    Put {
        /// The key.
        key: String,
        /// The new value.
        value: Value,
    },
    /// Removes `key`.
    Delete {
        /// The key.
        key: String,
    },
}

impl Op {
    /// Roughly how many bytes the operation adds to the log.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Put { key, value } => key.len() + value.0.len() + 64,
            Self::Delete { key } => key.len() + 64,
        }
    }
}

/// The outcome of a [`Request`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Response {
    /// For a batch: whether each operation's key existed before.
    pub(crate) existed: Vec<bool>,
}

/// Any bytes, written in JSON as `=text` when they are UTF-8 and as `#hex` otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(pub(crate) Bytes);

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = if let Ok(text) = std::str::from_utf8(&self.0) {
            format!("={text}")
        } else {
            let mut hex = String::with_capacity(1 + self.0.len() * 2);
            hex.push('#');
            for byte in &self.0 {
                hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
                hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
            }
            hex
        };
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some(plain) = text.strip_prefix('=') {
            return Ok(Self(Bytes::copy_from_slice(plain.as_bytes())));
        }
        let hex = text
            .strip_prefix('#')
            .filter(|hex| hex.len() % 2 == 0)
            .ok_or_else(|| D::Error::custom("a value starts with '=' or '#'"))?;
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(|| D::Error::custom("not a hexadecimal digit"));
        hex.as_bytes()
            .chunks_exact(2)
            .map(|pair| Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8))
            .collect::<Result<Vec<u8>, _>>()
            .map(|bytes| Self(Bytes::from(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::Value;
    use bytes::Bytes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_survive_json(bytes: Vec<u8>) {
            let value = Value(Bytes::from(bytes));
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
