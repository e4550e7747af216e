//! Every setting there is, and nothing else: to add one, add it here.

use std::{net::IpAddr, ops::RangeInclusive, time::Duration};

use super::{
    names::{Colour, Environment, LogFormat, LogLevel},
    setting::{
        Definition, Rule,
        define::settings,
        kind::Kind,
        refusal::{Refusal, Refused},
        secret::Secret,
    },
};

/// The settings of this service, and the rules across them.
pub static DEFINITION: Definition = Definition { sections: SECTIONS, settings: SETTINGS, rules: RULES };

settings! {
    /// Everything that can be set, complete and valid.
    Settings;

    /// How the service listens, answers and stops.
    server: Server {
        /// Address to listen on; 0.0.0.0 listens on every IPv4 address.
        host: IpAddr = Kind::Address, default("127.0.0.1"), refused(NOT_EXPOSED);
        /// TCP port to listen on; 0 takes a free one and names it in the log, in development only.
        port: u16 = Kind::Integer(0..=65_535), default("8081"), refused(A_KNOWN_PORT);
        /// How long to go on accepting after SIGTERM, not ready any more: two check intervals of the proxy.
        drain_delay: Duration = Kind::Duration(milliseconds(0, MINUTE)), default("1s"), refused(A_DRAIN);
        /// How long requests in flight may take once nothing more is accepted; then they are cut.
        shutdown_grace: Duration = Kind::Duration(milliseconds(0, 10 * MINUTE)), default("10s"), refused(A_GRACE);
        /// How long a client may take to send a request's head; an idle connection is closed after it too, so it stays
        /// above the proxy's own idle time-out.
        header_read_timeout: Duration =
            Kind::Duration(milliseconds(10, 10 * MINUTE)), default("45s"), refused(LONGER_THAN_THE_PROXY);
        /// How long the service may take to answer a request; then it answers 503.
        request_timeout: Duration = Kind::Duration(milliseconds(10, 10 * MINUTE)), default("10s");
        /// How many connections are open at once; further ones wait in the kernel's queue.
        max_connections: usize = Kind::Integer(1..=1_000_000), default("4096"), unit("connections");
    }

    /// Which pages of other origins a browser lets call the service.
    cors: Cors {
        /// Origins that may call it, such as `https://shop.example`; `*` is every one, refused in production.
        allowed_origins: Vec<String> = Kind::List(&Kind::Origin), default(""), refused(NO_WILDCARD);
        /// Whether they may send cookies along; never together with `*`.
        allow_credentials: bool = Kind::Boolean, default("false");
    }

    /// What is logged, and how.
    log: Log {
        /// Least severe event that is logged: error, warn, info, debug or trace.
        level: LogLevel = Kind::Word(LogLevel::WORDS), default("info"), refused(NO_CHATTER);
        /// Layout of the log: json, one object a line, or pretty for people.
        format: LogFormat = Kind::Word(LogFormat::WORDS), default("json");
    }

    /// Who may read the metrics.
    metrics: Metrics {
        /// Bearer token that a scraper of /metrics presents; without one, whoever reaches the port may read them.
        token: Option<Secret> =
            Kind::Secret, required(&[Environment::Staging, Environment::Production]), refused(NOT_GUESSED);
    }

    /// Which release this process runs.
    release: Release {
        /// Release that runs, as responses, metrics and the page name it; set by the deployer.
        name: String = Kind::Name, default("unreleased");
        /// Side of the blue/green pair: blue, green or none; set by the deployer.
        colour: Colour = Kind::Word(Colour::WORDS), default("none");
    }

    /// What goes wrong on purpose, to rehearse a bad release; production refuses it.
    faults: Faults {
        /// Share of requests answered 500, from 0.0 to 1.0; health and metrics are spared.
        error_rate: f64 = Kind::Ratio, default("0.0"), refused(NO_FAULTS);
        /// Time added to each request, before its time-out starts; health and metrics are spared.
        latency: Duration = Kind::Duration(milliseconds(0, 5 * MINUTE)), default("0s"), refused(NO_FAULTS);
        /// Whether readiness stays 503 for ever.
        never_ready: bool = Kind::Boolean, default("false"), refused(NO_FAULTS);
        /// Time from start until it listens at all.
        start_delay: Duration = Kind::Duration(milliseconds(0, 5 * MINUTE)), default("0s"), refused(NO_FAULTS);
        /// Memory it takes and keeps once it serves, to meet its limit.
        allocate: usize = Kind::Integer(0..=TEBIBYTE), default("0"), unit("bytes"), refused(NO_FAULTS);
        /// Time from start to a crash with exit code 1; 0s crashes before listening, unset never.
        crash_after: Option<Duration> = Kind::Duration(milliseconds(0, DAY)), refused(NO_FAULTS);
    }
}

static RULES: &[Rule] = &[
    Rule {
        settings: &["server.request_timeout", "server.shutdown_grace"],
        holds: |values| Some(values.duration("server.request_timeout")? <= values.duration("server.shutdown_grace")?),
        reason: "a release would cut requests that may still be answered",
        valid: "a server.request_timeout of at most server.shutdown_grace",
    },
    Rule {
        settings: &["cors.allowed_origins", "cors.allow_credentials"],
        holds: |values| {
            let every = values.list("cors.allowed_origins")?.iter().any(|origin| origin == "*");
            Some(!(every && values.boolean("cors.allow_credentials")?))
        },
        reason: "browsers refuse cookies to an answer that is for every origin",
        valid: "the origins by name, or no credentials",
    },
];

const PRODUCTION: &[Environment] = &[Environment::Production];

const NOT_EXPOSED: &[Refusal] =
    &[Refusal { environments: PRODUCTION, values: Refused::Exposed, reason: "only the proxy may reach the service" }];

const A_KNOWN_PORT: &[Refusal] = &[Refusal {
    environments: &[Environment::Staging, Environment::Production],
    values: Refused::These(&["0"]),
    reason: "a proxy must know the port beforehand",
}];

const A_DRAIN: &[Refusal] = &[Refusal {
    environments: PRODUCTION,
    values: Refused::Outside(milliseconds(500, MINUTE)),
    reason: "the proxy has to see that the service is not ready before it stops",
}];

const A_GRACE: &[Refusal] = &[Refusal {
    environments: PRODUCTION,
    values: Refused::Outside(milliseconds(SECOND, 5 * MINUTE)),
    reason: "a release must neither cut requests at once nor wait for ever",
}];

const LONGER_THAN_THE_PROXY: &[Refusal] = &[Refusal {
    environments: PRODUCTION,
    values: Refused::Outside(milliseconds(31 * SECOND, 5 * MINUTE)),
    reason: "the proxy keeps an idle connection for 30 s, and slow clients must not hold one for ever",
}];

const NO_WILDCARD: &[Refusal] = &[Refusal {
    environments: PRODUCTION,
    values: Refused::These(&["*"]),
    reason: "every page on the web could call the service in its visitor's name",
}];

const NO_CHATTER: &[Refusal] = &[Refusal {
    environments: PRODUCTION,
    values: Refused::These(&["debug", "trace"]),
    reason: "it floods the log and slows every request",
}];

const NOT_GUESSED: &[Refusal] = &[Refusal {
    environments: &[Environment::Staging, Environment::Production],
    values: Refused::Weak(32),
    reason: "it can be guessed",
}];

const NO_FAULTS: &[Refusal] =
    &[Refusal { environments: PRODUCTION, values: Refused::AnyButDefault, reason: "faults are for rehearsals" }];

const fn milliseconds(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}

const TEBIBYTE: u64 = 1 << 40;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 60 * MINUTE;
