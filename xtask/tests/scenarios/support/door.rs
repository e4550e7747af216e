//! The proxy alone, with the project's own configuration, before a service that only writes down what it is sent.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use xtask::delivery::Delivery;
use xtask::router::config::{Addresses, Config};

use super::engine::{PROXY_IMAGE, docker};
use super::fixture::{On, eventually, repository};
use super::turns::{Part, Ports, Turn};

/// HAProxy of this machine, or that of the image for containers.
pub struct Door {
    on: On,
    name: String,
    folder: PathBuf,
    ports: Ports,
    haproxy: Child,
    seen: Arc<Mutex<Vec<String>>>,
    _turn: Turn,
}

impl Door {
    /// Opens it with this in the development environment of `delivery.toml`.
    pub fn open(on: On, settings: &str) -> Door {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("switchyard-door-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (ports, folder) = (Ports::take(), std::env::temp_dir().join(&name));
        fs::create_dir_all(folder.join("maps")).unwrap();
        fs::write(folder.join("maps/split.map"), "green 0\n").unwrap();
        let settings = settings.replace("METRICS", &ports.address(15).to_string());
        let delivery = fs::read_to_string(repository().join("config/delivery.toml")).unwrap();
        let delivery = ports.put_into(&delivery.replacen("preview = true", &format!("preview = true\n{settings}"), 1));
        fs::write(folder.join("haproxy.cfg"), configuration(&Delivery::parse(&delivery).unwrap())).unwrap();
        let seen = Arc::default();
        serve(ports.address(1), Arc::clone(&seen));
        let haproxy = start(on, &name, &folder);
        let door = Door { on, name, folder, ports, haproxy, seen, _turn: Turn::new(Part::Share) };
        eventually("the service is served", || door.ask("GET / HTTP/1.0\r\n\r\n").contains(" 200 "));
        door.seen.lock().unwrap().clear();
        door
    }

    /// Where everybody comes in.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(0)
    }

    /// Where it tells its metrics, if anywhere.
    pub fn metrics_address(&self) -> SocketAddr {
        self.ports.address(15)
    }

    /// What is answered to these bytes, until the connection is closed or two seconds have passed.
    pub fn ask(&self, request: impl AsRef<[u8]>) -> String {
        ask(self.address(), request)
    }

    /// The requests that have come to the service.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// What the proxy has written.
    pub fn log(&self) -> String {
        String::from_utf8(fs::read(self.folder.join("log")).unwrap()).unwrap()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if self.on == On::Compose {
            docker(&["rm", "--force", &self.name]);
        }
        let _ = self.haproxy.kill();
        let _ = self.haproxy.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What is answered to these bytes, until the connection is closed or two seconds have passed.
pub fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut answer = Vec::new();
    // One that has heard enough may be gone.
    if stream.write_all(request.as_ref()).is_ok() {
        let _ = stream.read_to_end(&mut answer);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn configuration(delivery: &Delivery) -> String {
    let environment = &delivery.environments["development"];
    let addresses = Addresses::of_processes(environment);
    let named = ("development", environment);
    Config::read(repository(), &delivery.proxy.config, &delivery.service, named, &addresses, None).unwrap().whole()
}

/// One process, which ends when it is killed.
fn start(on: On, name: &str, folder: &std::path::Path) -> Child {
    let haproxy = ["haproxy", "-db", "-f", "haproxy.cfg"];
    let mut command = match on {
        On::Process => Command::new(haproxy[0]),
        On::Compose => {
            // The image's user is nobody's here.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
            let mut docker = Command::new("docker");
            docker.args(["run", "--rm", "--pull=never", "--network=host", "--name", name, "--workdir=/door"]);
            docker.arg(format!("--volume={}:/door", folder.display())).args([PROXY_IMAGE, haproxy[0]]);
            docker
        }
    };
    let log = File::create(folder.join("log")).unwrap();
    command.args(&haproxy[1..]).current_dir(folder).stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Answers everything, and writes down what it was.
fn serve(address: SocketAddr, seen: Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || while stream.as_ref().is_ok_and(|stream| answer(stream, &seen).is_ok()) {});
        }
    });
}

fn answer(mut stream: &TcpStream, seen: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = request.to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    if head.contains("transfer-encoding: chunked") {
        while !body.ends_with(b"0\r\n\r\n") {
            reader.read_until(b'\n', &mut body)?;
        }
    }
    if !head.starts_with("get /readyz ") {
        seen.lock().unwrap().push(request + &String::from_utf8_lossy(&body));
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nX-Colour: blue\r\nX-Release: v\"1\r\nContent-Length: 2\r\n\r\nok")
}
