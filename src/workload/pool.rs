//! Keep-alive connections, a few per node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::model::event::NodeAddress;
use crate::runtime::Lab;
use crate::runtime::http::{Answer, Connection, HttpError, HttpRequest};

/// Most idle connections per node.
const MAX_IDLE: usize = 8;

/// Connections to the nodes of one lab.
pub(super) struct Pool {
    lab: Arc<dyn Lab>,
    idle: Mutex<HashMap<String, Vec<Connection>>>,
}

impl Pool {
    pub(super) fn new(lab: Arc<dyn Lab>) -> Self {
        Self { lab, idle: Mutex::default() }
    }

    /// Sends a request once. An idle connection that turns out to be closed before anything was
    /// written is replaced; a request that may have been received is never sent again.
    pub(super) async fn send(
        &self,
        node: &NodeAddress,
        request: &HttpRequest,
        deadline: Instant,
    ) -> Result<Answer, HttpError> {
        while let Some(connection) = self.take(&node.name) {
            match self.over(connection, node, request, deadline).await {
                Err(HttpError::NotSent) => {}
                result => return result,
            }
        }
        let connection = Connection::open(self.lab.as_ref(), &node.name, node.port, deadline).await?;
        self.over(connection, node, request, deadline).await
    }

    async fn over(
        &self,
        mut connection: Connection,
        node: &NodeAddress,
        request: &HttpRequest,
        deadline: Instant,
    ) -> Result<Answer, HttpError> {
        let answer = connection.send(request, deadline).await?;
        self.put_back(&node.name, connection);
        Ok(answer)
    }

    /// The connection that was used last: the least likely to be stale.
    fn take(&self, node: &str) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.get_mut(node)?.pop()
    }

    fn put_back(&self, node: &str, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = idle.entry(node.to_owned()).or_default();
        idle.retain(Connection::is_alive);
        if connection.is_alive() && idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }
}
