//! The command line.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

/// Options of the key-value server.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of this node, unique in the cluster
    #[arg(long)]
    pub name: String,

    /// Address to serve clients and peers on
    #[arg(long, default_value = "0.0.0.0:7400")]
    pub listen: SocketAddr,

    /// Data directory; created when missing
    #[arg(long)]
    pub data: PathBuf,

    /// Founding members in order: NAME or NAME=HOST:PORT (default: host NAME, port of --listen)
    #[arg(long, value_delimiter = ',', value_name = "MEMBER")]
    pub initial_cluster: Vec<Founder>,

    /// Start empty and wait to be added to a running cluster
    #[arg(long, conflicts_with = "initial_cluster")]
    pub join: bool,

    /// Interval of the leader's heartbeats
    #[arg(long, default_value = "100ms", value_parser = parse_duration)]
    pub heartbeat: Duration,

    /// How long a follower waits for its leader before it campaigns, drawn anew each time
    #[arg(long, default_value = "400ms..800ms", value_name = "MIN..MAX")]
    pub election: ElectionTimeout,

    /// Free disk space under which the NOSPACE alarm is raised
    #[arg(long, default_value = "1MiB", value_parser = parse_bytes)]
    pub reserve: u64,

    /// Most bytes the data directory may take; default: as much as the file system has
    #[arg(long, value_parser = parse_bytes)]
    pub quota: Option<u64>,

    /// Log entries after which a snapshot is taken and the log is purged
    #[arg(long, default_value_t = 10_000)]
    pub snapshot_entries: u64,

    /// Size of the log after which a snapshot is taken and the log is purged
    #[arg(long, default_value = "8MiB", value_parser = parse_bytes)]
    pub snapshot_bytes: u64,

    /// Bound of each client request
    #[arg(long, default_value = "1000ms", value_parser = parse_duration)]
    pub request_timeout: Duration,
}

/// One entry of `--initial-cluster`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founder {
    /// Name of the member.
    pub name: String,
    /// `HOST:PORT`, when it is not the name and the port of `--listen`.
    pub address: Option<String>,
}

impl FromStr for Founder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = match text.split_once('=') {
            Some((name, address)) => (name.trim(), Some(address.trim().to_owned())),
            None => (text.trim(), None),
        };
        if name.is_empty() {
            return Err("a member needs a name".into());
        }
        if let Some(address) = &address
            && !address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        {
            return Err(format!("{address:?} is not HOST:PORT"));
        }
        Ok(Self { name: name.to_owned(), address })
    }
}

/// Range the election timeout is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElectionTimeout {
    /// Shortest wait; also the time for which followers of a live leader refuse other candidates.
    pub min: Duration,
    /// Longest wait.
    pub max: Duration,
}

impl FromStr for ElectionTimeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once("..").ok_or("expected MIN..MAX, such as 400ms..800ms")?;
        let (min, max) = (parse_duration(min)?, parse_duration(max)?);
        if min < Duration::from_millis(50) || min >= max {
            return Err("MIN must be at least 50ms and less than MAX".into());
        }
        Ok(Self { min, max })
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..unit_at].parse().map_err(|_| format!("{text:?} is not a duration such as 100ms"))?;
    let millis = match &text[unit_at..] {
        "" | "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        unit => return Err(format!("unknown unit {unit:?}; use ms, s or m")),
    };
    match millis {
        Some(millis) if (1..=86_400_000).contains(&millis) => Ok(Duration::from_millis(millis)),
        _ => Err("a duration is between 1ms and one day".into()),
    }
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..unit_at].parse().map_err(|_| format!("{text:?} is not a size such as 1MiB"))?;
    let shift = match text[unit_at..].trim() {
        "" | "B" => 0,
        "KiB" | "K" => 10,
        "MiB" | "M" => 20,
        "GiB" | "G" => 30,
        unit => return Err(format!("unknown unit {unit:?}; use B, KiB, MiB or GiB")),
    };
    number.checked_mul(1 << shift).ok_or_else(|| "too large".into())
}

impl Args {
    /// Checks what no single option can tell.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.join != self.initial_cluster.is_empty() {
            return Err("give either --initial-cluster or --join".into());
        }
        if !self.join && self.founder_id().is_none() {
            return Err(format!("--name {} is not in --initial-cluster", self.name));
        }
        let mut names: Vec<_> = self.initial_cluster.iter().map(|f| &f.name).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() != self.initial_cluster.len() {
            return Err("--initial-cluster names a member twice".into());
        }
        if self.heartbeat * 2 > self.election.min {
            return Err("--heartbeat must be at most half of the shortest --election".into());
        }
        if self.snapshot_entries == 0 {
            return Err("--snapshot-entries must be positive".into());
        }
        Ok(())
    }

    /// The id of this node among the founders: its position, from 1.
    pub(crate) fn founder_id(&self) -> Option<u64> {
        self.initial_cluster.iter().position(|founder| founder.name == self.name).map(|position| position as u64 + 1)
    }

    /// The founders with their ids.
    pub(crate) fn founders(&self) -> std::collections::BTreeMap<u64, crate::types::Member> {
        (1..)
            .zip(&self.initial_cluster)
            .map(|(id, founder)| {
                let address =
                    founder.address.clone().unwrap_or_else(|| format!("{}:{}", founder.name, self.listen.port()));
                let name = founder.name.clone();
                (id, crate::types::Member { name, address })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, String> {
        let words = std::iter::once("kv").chain(line.split_whitespace());
        let args = Cli::try_parse_from(words).map_err(|e| e.to_string())?.args;
        args.check()?;
        Ok(args)
    }

    #[test]
    fn founders_get_ids_and_addresses_by_position() {
        let args = parse("--name b --data d --initial-cluster a,b=10.0.0.2:99 --listen 0.0.0.0:5").unwrap();
        assert_eq!(args.founder_id(), Some(2));
        let addresses: Vec<_> = args.founders().into_values().map(|m| m.address).collect();
        assert_eq!(addresses, ["a:5", "10.0.0.2:99"]);
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "--name a --data d",
            "--name a --data d --initial-cluster b",
            "--name a --data d --initial-cluster a,a",
            "--name a --data d --initial-cluster a --join",
            "--name a --data d --join --heartbeat 300",
            "--name a --data d --join --election 800..400",
            "--name a --data d --join --reserve 1XB",
            "--name a --data d --join --heartbeat 99999999999999999s",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn durations_and_sizes_have_units() {
        let args = parse("--name a --data d --join --heartbeat 50 --election 1s..2s --reserve 2KiB").unwrap();
        assert_eq!(args.heartbeat, Duration::from_millis(50));
        assert_eq!(args.election.max, Duration::from_secs(2));
        assert_eq!(args.reserve, 2048);
    }
}
