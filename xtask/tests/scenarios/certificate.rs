//! A certificate, and another in its place while the proxy serves.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::door::ask;
use crate::support::{Fixture, On, docker, eventually, on_both, service};

on_both! {
    a_renewed_certificate_is_taken_over_under_load_without_losing_a_connection,
}

fn a_renewed_certificate_is_taken_over_under_load_without_losing_a_connection(on: On) {
    let fixture = Fixture::beside_two(on);
    let address = fixture.tls_address();
    let settings = format!(
        "listen_tls = \"{address}\"\ntls = {{ certificate = {{ file = \"site.pem\" }} }}\nproxy_metrics = \"{}\"",
        fixture.spare_address()
    );
    fixture.edit_delivery("preview = true", &format!("preview = true\n{settings}"));
    let key = "environments.development.tls.certificate";
    fixture.release("up", "v1", &[]).refused(78, &[key, "the file site.pem is missing"]);
    let (first, second) = (issue(fixture.root(), "0A01"), issue(fixture.root(), "0A02"));
    fixture.write("site.pem", &(first.0.clone() + &second.1));
    fixture.release("up", "v1", &[]).refused(78, &[key, "inconsistencies between private key and certificate"]);
    fixture.write("site.pem", &(first.0.clone() + &first.1));
    let up = fixture.release("up", "v1", &[]).ok();
    assert!(up.stdout.contains(&format!("https://{address}")), "{}", up.stdout);
    what_is_said_in_the_clear_leads_there(&fixture, address);
    the_metrics_are_within(&fixture);

    let load = [Curl::start(fixture.root(), address, true), Curl::start(fixture.root(), address, false)];
    let mut held = Held::open(address);
    assert_eq!((held.get(), serial(address)), (200, "0A01".into()));
    let unchanged = fixture.run(&["certificate"]).ok();
    assert!(unchanged.stdout.contains("nothing has changed"), "{}", unchanged.stdout);
    fixture.write("site.pem", &(second.0.clone() + &first.1));
    fixture.run(&["certificate"]).refused(78, &[key, "inconsistencies between private key and certificate"]);
    assert_eq!(serial(address), "0A01");
    load.iter().for_each(|load| load.wait_for(200));
    fixture.write("site.pem", &(second.0 + &second.1));
    let taken = fixture.run(&["certificate"]).ok();
    assert!(taken.stdout.contains("shown the certificate A02, valid until"), "{}", taken.stdout);
    assert_eq!((held.get(), serial(address)), (200, "0A02".into()));
    load.iter().for_each(|load| load.wait_for(200));
    // A worker that comes later has it from the disk.
    let worker = fixture.proxy_worker();
    fixture.edit_delivery("file = \"site.pem\" }", "file = \"site.pem\" }, hsts = \"1h\"");
    fixture.run(&["up", "--binary", service().to_str().unwrap()]).ok();
    assert!(fixture.proxy_worker() != worker);
    assert_eq!((held.get(), serial(address)), (200, "0A02".into()));
    load.into_iter().for_each(Curl::stop);
    fixture.edit_delivery(&format!("listen_tls = \"{address}\""), "listen_tls = \"127.0.0.1:1\"");
    let moved = fixture.run(&["up", "--binary", service().to_str().unwrap()]);
    moved.refused(78, &["environments.development.listen_tls: ", "became 127.0.0.1:1"]);
}

fn what_is_said_in_the_clear_leads_there(fixture: &Fixture, address: SocketAddr) {
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example:80\r\nConnection: close\r\n\r\n");
        ask(fixture.address(), request).to_lowercase()
    };
    let answer = get("/api/v1/info?a=b");
    let location = format!("location: https://shop.example:{}/api/v1/info?a=b\r\n", address.port());
    assert!(answer.starts_with("http/1.1 308 ") && answer.contains(&location), "{answer}");
    assert!(!answer.contains("strict-transport-security"), "{answer}");
    assert!(get("/.well-known/acme-challenge/token").starts_with("http/1.1 404 "), "the service answers");
    assert_eq!(fixture.status()["url"], format!("https://{address}"));
    let healthy = fixture.run(&["health-check"]).ok();
    assert!(
        healthy.stdout.starts_with(&format!("healthy: https://{address}/readyz answered HTTP 200")),
        "{}",
        healthy.stdout
    );
    let mut curl = Command::new("curl");
    curl.args(["--insecure", "--silent", "--include", &format!("https://{address}/api/v1/info")]);
    let answer = String::from_utf8(curl.output().unwrap().stdout).unwrap();
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
}

/// As a process where it was told; in containers for those in their network, and published nowhere.
fn the_metrics_are_within(fixture: &Fixture) {
    let request = "GET /metrics HTTP/1.0\r\n\r\n";
    let told = match fixture.on() {
        On::Process => ask(fixture.spare_address(), request),
        On::Compose => {
            assert!(ask(fixture.spare_address(), request).is_empty());
            let edge = fixture.container("edge");
            assert!(!docker(&["port", &edge]).unwrap().contains("8404"));
            // The edge's is the one before blue's.
            let IpAddr::V4(blue) = fixture.colour_address("blue").ip() else { panic!("no address of a network's") };
            let within = Ipv4Addr::from_bits(blue.to_bits() - 1);
            let script = format!("printf '{}' | socat -t5 - TCP:{within}:8404", request.escape_default());
            docker(&["exec", &edge, "sh", "-c", &script]).unwrap()
        }
    };
    for colour in ["blue", "green"] {
        assert!(told.contains(&format!("haproxy_backend_status{{proxy=\"{colour}\"")), "{told}");
    }
}

/// A certificate of its own making with that serial number, and its key.
fn issue(folder: &Path, serial: &str) -> (String, String) {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "90",
    ]);
    openssl.args([
        "-subj",
        "/CN=shop.example",
        "-set_serial",
        &format!("0x{serial}"),
        "-keyout",
        "key",
        "-out",
        "cert",
    ]);
    assert!(openssl.current_dir(folder).stderr(Stdio::null()).status().unwrap().success());
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    (read("cert"), read("key"))
}

/// The serial number that a new connection is shown.
fn serial(address: SocketAddr) -> String {
    let script = format!("openssl s_client -connect {address} </dev/null 2>/dev/null | openssl x509 -noout -serial");
    let told = Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().trim_start_matches("serial=").to_owned()
}

/// One connection, kept open.
struct Held {
    openssl: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Held {
    fn open(address: SocketAddr) -> Held {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-quiet", "-connect", &address.to_string()]);
        let pipes = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut openssl = pipes.spawn().unwrap();
        let (to, from) = (openssl.stdin.take().unwrap(), BufReader::new(openssl.stdout.take().unwrap()));
        Held { openssl, to, from }
    }

    /// The status of one more answer.
    fn get(&mut self) -> u16 {
        self.to.write_all(b"HEAD /api/v1/info HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.from.read_line(&mut head).unwrap() > 0, "it was closed: {head}");
        }
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.openssl.kill().unwrap();
        self.openssl.wait().unwrap();
    }
}

/// Requests one after the other, each by a connection of its own or all by one.
struct Curl {
    curl: Child,
    told: std::path::PathBuf,
}

impl Curl {
    fn start(folder: &Path, address: SocketAddr, anew: bool) -> Curl {
        let told = folder.join(format!("told-{anew}"));
        let mut curl = Command::new("curl");
        curl.args(["--insecure", "--silent", "--output", "/dev/null", "--write-out"]);
        // What goes to a file by standard output comes late.
        curl.arg("%{stderr}%{http_code}\\n");
        if anew {
            curl.args(["--http1.1", "--header", "Connection: close"]);
        }
        curl.arg(format!("https://{address}/api/v1/info?[1-1000000]")).stdin(Stdio::null());
        let curl = curl.stdout(Stdio::null()).stderr(File::create(&told).unwrap()).spawn().unwrap();
        let load = Curl { curl, told };
        load.wait_for(20);
        load
    }

    fn answers(&self) -> usize {
        fs::read_to_string(&self.told).unwrap().lines().count()
    }

    /// Waits until so many more were answered.
    fn wait_for(&self, more: usize) {
        let goal = self.answers() + more;
        eventually("the load flows", || self.answers() >= goal);
    }

    /// Fails unless every answer was a good one.
    fn stop(mut self) {
        self.curl.kill().unwrap();
        self.curl.wait().unwrap();
        let told = fs::read_to_string(&self.told).unwrap();
        // The last may be torn.
        let whole: Vec<_> = told.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
        let lost = whole.iter().filter(|line| line.trim() != "200").count();
        println!("{lost} of {} requests failed ({})", whole.len(), self.told.display());
        assert!(lost == 0 && whole.len() > 400);
    }
}
