//! Where what a fixture starts is reached.

use std::net::SocketAddr;

use super::Fixture;

impl Fixture {
    /// The service of the development environment.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(0)
    }

    pub fn blue_address(&self) -> SocketAddr {
        self.ports.address(1)
    }

    pub fn green_address(&self) -> SocketAddr {
        self.ports.address(2)
    }

    /// The service of the staging environment.
    pub fn staging_address(&self) -> SocketAddr {
        self.ports.address(3)
    }

    pub fn staging_blue_address(&self) -> SocketAddr {
        self.ports.address(4)
    }

    /// A Prometheus; nothing of the project listens there unless it is told to.
    pub fn metrics_address(&self) -> SocketAddr {
        self.ports.address(9)
    }

    /// The same of the staging environment.
    pub fn staging_metrics_address(&self) -> SocketAddr {
        self.ports.address(11)
    }

    /// Nothing of the project.
    pub fn spare_address(&self) -> SocketAddr {
        self.ports.address(15)
    }

    /// The proxy with TLS, where it is told to listen so.
    pub fn tls_address(&self) -> SocketAddr {
        self.ports.address(16)
    }
}
