//! Counters and histograms of this process, in the Prometheus text format.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Upper bounds of the histogram buckets, in seconds.
const BOUNDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// A cumulative histogram of durations.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub(crate) fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            if seconds <= bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(duration.as_nanos() as u64, Ordering::Relaxed);
    }

    fn render(&self, out: &mut Page, name: &str, label: &str) {
        let comma = if label.is_empty() { "" } else { "," };
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            let labels = format!("{label}{comma}le=\"{bound}\"");
            out.sample(&format!("{name}_bucket"), &labels, bucket.load(Ordering::Relaxed));
        }
        let count = self.count.load(Ordering::Relaxed);
        let seconds = self.nanos.load(Ordering::Relaxed) as f64 / 1e9;
        let labels = format!("{label}{comma}le=\"+Inf\"");
        out.sample(&format!("{name}_bucket"), &labels, count);
        out.sample(&format!("{name}_sum"), label, seconds);
        out.sample(&format!("{name}_count"), label, count);
    }
}

/// What clients can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Reads a key.
    Get,
    /// Writes a key.
    Put,
    /// Removes a key.
    Delete,
}

impl Operation {
    const ALL: [(Self, &'static str); 3] = [(Self::Get, "get"), (Self::Put, "put"), (Self::Delete, "delete")];
}

/// The counters of this process.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Duration of log syncs.
    pub(crate) fsync: Histogram,
    /// Proposals that were committed and applied.
    pub(crate) proposals_ok: AtomicU64,
    /// Proposals that failed or whose outcome is unknown.
    pub(crate) proposals_failed: AtomicU64,
    /// Changes of the known leader, including to and from none.
    pub(crate) leader_changes: AtomicU64,
    requests: [Histogram; 3],
    responses: Mutex<BTreeMap<u16, u64>>,
    started: f64,
}

impl Default for Metrics {
    fn default() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            fsync: Histogram::default(),
            proposals_ok: AtomicU64::new(0),
            proposals_failed: AtomicU64::new(0),
            leader_changes: AtomicU64::new(0),
            requests: Default::default(),
            responses: Mutex::default(),
            started: since_epoch.map_or(0.0, |duration| duration.as_secs_f64()),
        }
    }
}

impl Metrics {
    /// Counts one client request.
    pub(crate) fn request(&self, operation: Operation, duration: Duration) {
        self.requests[operation as usize].observe(duration);
    }

    /// Counts one HTTP response.
    pub(crate) fn response(&self, status: u16) {
        let mut responses = self.responses.lock().unwrap_or_else(PoisonError::into_inner);
        *responses.entry(status).or_default() += 1;
    }

    /// Adds the counters of this process to `page`.
    pub(crate) fn render(&self, page: &mut Page) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.counter("kv_leader_changes_total", "Changes of the known leader.", load(&self.leader_changes));
        page.head("kv_proposals_total", "counter", "Proposals by result.");
        page.sample("kv_proposals_total", "result=\"ok\"", load(&self.proposals_ok));
        page.sample("kv_proposals_total", "result=\"failed\"", load(&self.proposals_failed));
        page.head("kv_fsync_duration_seconds", "histogram", "Duration of log syncs.");
        self.fsync.render(page, "kv_fsync_duration_seconds", "");
        page.head("kv_request_duration_seconds", "histogram", "Duration of client requests by operation.");
        for (operation, name) in Operation::ALL {
            let label = format!("op=\"{name}\"");
            self.requests[operation as usize].render(page, "kv_request_duration_seconds", &label);
        }
        page.head("kv_http_responses_total", "counter", "HTTP responses by status code.");
        let responses = self.responses.lock().unwrap_or_else(PoisonError::into_inner);
        for (status, count) in responses.iter() {
            page.sample("kv_http_responses_total", &format!("code=\"{status}\""), count);
        }
        page.gauge(
            "kv_process_start_time_seconds",
            "Start of the process in seconds since the Unix epoch.",
            self.started,
        );
    }
}

/// A page in the Prometheus text format.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// The finished text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// Describes the metric `name`.
    pub(crate) fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One value; `labels` without braces.
    pub(crate) fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }

    /// A gauge without labels.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.sample(name, "", value);
    }

    /// A counter without labels.
    pub(crate) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "counter", help);
        self.sample(name, "", value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_cumulative() {
        let metrics = Metrics::default();
        for millis in [1, 30, 9000] {
            metrics.request(Operation::Put, Duration::from_millis(millis));
        }
        let mut page = Page::default();
        metrics.render(&mut page);
        let text = page.into_text();
        let name = "kv_request_duration_seconds_bucket";
        assert!(text.contains(&format!("{name}{{op=\"put\",le=\"0.001\"}} 1\n")));
        assert!(text.contains(&format!("{name}{{op=\"put\",le=\"5\"}} 2\n")));
        assert!(text.contains(&format!("{name}{{op=\"put\",le=\"+Inf\"}} 3\n")));
    }
}
