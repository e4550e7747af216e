//! The service from outside: in process over real sockets, and as the binary.

#[cfg(test)]
mod support;

#[cfg(test)]
mod broken;
mod command_line;
mod cors;
mod drain;
mod explain;
mod faults;
#[cfg(test)]
mod generated;
mod headers;
mod healthcheck;
mod limits;
mod metrics;
mod metrics_token;
mod process;
mod request_timeout;
mod routes;
#[cfg(test)]
mod secrecy;
