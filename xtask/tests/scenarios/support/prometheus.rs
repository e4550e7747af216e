//! A Prometheus, as tests ask it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use xtask::http::{self, Probe};
use xtask::url::encoded;

use super::{Background, eventually};

/// Where one listens.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    pub address: SocketAddr,
}

impl Server {
    /// Starts it, and waits until it answers; it ends with what this gives.
    pub fn start(&self, command: &mut Command) -> Background {
        let running = Background::start(command);
        eventually("Prometheus is ready", || self.get("/-/ready").is_some());
        running
    }

    /// The body of a good answer.
    pub fn get(&self, path: &str) -> Option<String> {
        match http::get(self.address, path, Duration::from_secs(10)) {
            Probe::Answered(answer) if answer.status == 200 => Some(answer.body),
            _ => None,
        }
    }

    /// What the API has for a path below `/api/v1/`.
    pub fn api(&self, path: &str) -> Option<Value> {
        let answer: Value = serde_json::from_str(&self.get(&format!("/api/v1/{path}"))?).unwrap();
        (answer["status"] == "success").then(|| answer["data"].clone())
    }

    /// The series that a query finds by now, each with `metric` and `value`.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let data = self.api(&format!("query?query={}", encoded(query)));
        data.and_then(|data| data["result"].as_array().cloned()).unwrap_or_default()
    }

    /// How many numbers a query finds between a point in time and now, each second; none where it is refused.
    pub fn samples_since(&self, start: SystemTime, query: &str) -> Option<usize> {
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let (start, end) = (seconds(start), seconds(SystemTime::now()));
        let data = self.api(&format!("query_range?query={}&start={start}&end={end}&step=1", encoded(query)))?;
        let series = data["result"].as_array()?;
        let values = series.iter().flat_map(|series| series["values"].as_array().unwrap());
        Some(values.filter(|value| value[1] != "NaN").count())
    }
}
