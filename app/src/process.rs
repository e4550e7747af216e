//! What the system says of this process, under the names that every client of Prometheus gives it:
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>.

use std::{
    fmt, fs,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use rustix::{
    param::page_size,
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// Adds what is looked at anew at each scrape.
pub(crate) fn register(registry: &mut Registry) {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    registry.register_collector(Box::new(Process { started }));
}

/// This process; what the system does not tell of it is left out.
#[derive(Debug)]
struct Process {
    /// In seconds since the epoch.
    started: f64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut write = |name, help, unit: Option<&Unit>, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        let started = ConstGauge::new(self.started);
        write("process_start_time", "When the process was started", Some(&Unit::Seconds), &started)?;
        write("process_cpu", "Processor time taken", Some(&Unit::Seconds), &ConstCounter::new(processor_seconds()))?;
        if let Some(bytes) = resident_bytes() {
            write("process_resident_memory", "Memory resident", Some(&Unit::Bytes), &ConstGauge::new(bytes))?;
        }
        if let Some(count) = open_files() {
            write("process_open_fds", "File descriptors open", None, &ConstGauge::new(count))?;
        }
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            write("process_max_fds", "File descriptors that may be open", None, &ConstGauge::new(limit))?;
        }
        Ok(())
    }
}

fn processor_seconds() -> f64 {
    const NANOS: f64 = 1e9;
    let taken = clock_gettime(ClockId::ProcessCPUTime);
    taken.tv_sec as f64 + taken.tv_nsec as f64 / NANOS
}

fn resident_bytes() -> Option<i64> {
    let told = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = told.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(i64::try_from(page_size()).ok()?)
}

fn open_files() -> Option<i64> {
    // The folder itself is open while it is read.
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()?.checked_sub(1)
}
