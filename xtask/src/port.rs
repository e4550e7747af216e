//! The addresses of this machine: whether one can be listened at, and who does.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::delivery::FILE;
use crate::problem::{ExitCode, Problem};

/// Looks whether something could listen at an address, which is the value of `key` in `delivery.toml`.
///
/// # Errors
/// A [`Problem`] with exit code 69 that says why not, and who is there.
pub fn require_free(address: SocketAddr, key: &str) -> anyhow::Result<()> {
    let Err(error) = TcpListener::bind(address) else { return Ok(()) };
    let message = match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = holder(address.port()).unwrap_or_else(|| "another program".into());
            format!("{address} is taken by {holder}. End it, or give `{key}` in {FILE} an address that is free.")
        }
        io::ErrorKind::PermissionDenied => {
            format!("this user may not listen at {address}. Give `{key}` in {FILE} a port from 1024 on.")
        }
        _ => format!("cannot listen at {address}: {error}. `{key}` in {FILE} has to be an address of this machine."),
    };
    Err(Problem::new(ExitCode::Unavailable, message).next("cargo xtask doctor").into())
}

/// `name (pid N)` of the process that listens at a TCP port, where this user may see it.
pub fn holder(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listeners(&table, port))
        .collect();
    let sockets: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let pid = fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let mut files = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        let holds = files.any(|file| {
            fs::read_link(file.path())
                .is_ok_and(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
        });
        holds.then_some(pid)
    })?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(format!("{} (pid {pid})", name.trim()))
}

/// The inodes of the sockets that listen at `port`, from a table as `/proc/net/tcp` has it.
fn listeners(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let address = format!(":{port:04X}");
    let fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields
        .filter(|fields| fields.get(1).is_some_and(|local| local.ends_with(&address)) && fields.get(3) == Some(&LISTEN))
        .filter_map(|fields| fields.get(9).map(|inode| (*inode).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn names_the_process_that_listens_and_nobody_when_nobody_does() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(holder(port).unwrap().contains(&format!("(pid {})", std::process::id())));
        drop(listener);
        assert_eq!(holder(port), None);
    }

    #[test]
    fn an_established_connection_at_the_port_is_not_a_listener() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 111 1\n\
                     1: 0100007F:1F90 0100007F:AAAA 01 0:0 00:0 0 0 0 222 1\n";
        assert_eq!(listeners(table, 8080), ["111"]);
        assert_eq!(listeners(table, 80), Vec::<String>::new());
    }
}
