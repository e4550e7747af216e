use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use app::{
    configuration::{Environment, Sources},
    startup::Application,
};
use tokio::{runtime::Runtime, sync::oneshot};

use super::{Client, Response, TOKEN, shipped_configuration, wait_for};

/// The application in this process, on a free port.
pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<anyhow::Result<()>>,
}

/// Serves with the shipped configuration and these settings, `KEY=VALUE` each.
pub(crate) fn spawn_app(set: &[&str]) -> TestApp {
    let flags = set.iter().map(ToString::to_string).collect();
    spawn(&Sources { flags, ..Sources::files(Environment::Development, shipped_configuration()) })
}

/// Serves with the shipped configuration, and shows its metrics to whoever presents [`TOKEN`].
pub(crate) fn spawn_app_with_token() -> TestApp {
    spawn_app_in(Environment::Development, &[])
}

/// As [`spawn_app`], as `environment` has it and with a token for the metrics.
pub(crate) fn spawn_app_in(environment: Environment, set: &[&str]) -> TestApp {
    spawn(&Sources {
        variables: vec![("APP__METRICS__TOKEN".to_owned(), TOKEN.to_owned())],
        flags: set.iter().map(ToString::to_string).collect(),
        ..Sources::files(environment, shipped_configuration())
    })
}

fn spawn(sources: &Sources) -> TestApp {
    let (mut settings, explanation) = sources.load_explained().unwrap();
    // Behind the back of validation, which wants a known port where a proxy is.
    settings.server.port = 0;
    let (stop, stopped) = oneshot::channel::<()>();
    let (listening, port) = mpsc::channel();
    let serving = thread::spawn(move || {
        Runtime::new()?.block_on(async {
            let application = Application::build(settings, explanation).await?;
            listening.send(application.port())?;
            application.run_until_stopped(async { drop(stopped.await) }).await
        })
    });
    TestApp { address: (Ipv4Addr::LOCALHOST, port.recv().unwrap()).into(), stop: Some(stop), serving }
}

impl TestApp {
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    /// Asks on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.client().get(path).unwrap()
    }

    /// Asks with these headers, on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        self.client().request(method, path, headers, b"").unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Response {
        self.client().request("POST", path, &[], body).unwrap()
    }

    /// What SIGTERM does.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// How serving ended, which it must do by itself before the deadline.
    pub(crate) fn outcome(self) -> anyhow::Result<()> {
        wait_for("the end", || self.serving.is_finished().then_some(()));
        self.serving.join().unwrap()
    }

    /// The value of a metric, `name` or `name{label="value",…}`: of the first series that has these labels, whatever more.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let (name, labels) = parted(series);
        let response = self.get("/metrics");
        response.text().lines().find_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (other, others) = parted(series);
            (other == name && labels.iter().all(|label| others.contains(label))).then(|| value.parse().ok())?
        })
    }

    /// Waits until this many requests are under way, the question itself not counted.
    pub(crate) fn wait_for_in_flight(&self, requests: f64) {
        wait_for(format_args!("{requests} requests in flight"), || {
            let counted = self.metric("http_requests_in_flight")?;
            (counted >= requests + 1.0).then_some(())
        });
    }
}

/// A series' name and its labels; no value in these tests has a comma.
fn parted(series: &str) -> (&str, Vec<&str>) {
    let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
    (name, labels.split(',').filter(|label| !label.is_empty()).collect())
}
