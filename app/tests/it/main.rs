//! The service from outside: in process over real sockets, and as the binary.

#[cfg(test)]
mod support;

#[cfg(test)]
mod broken;
mod command_line;
mod drain;
mod explain;
mod faults;
#[cfg(test)]
mod generated;
mod headers;
mod healthcheck;
mod limits;
mod metrics;
mod process;
mod routes;
#[cfg(test)]
mod secrecy;
