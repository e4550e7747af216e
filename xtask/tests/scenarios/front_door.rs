//! What the proxy does before a request comes to anybody: by HAProxy of this machine, and by that of the image.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::door::ask;
use crate::support::{Door, On, eventually, on_both};

on_both! {
    a_slow_client_is_told_so_while_others_are_served,
    one_client_cannot_have_all_connections,
    what_is_too_large_or_can_be_read_in_two_ways_comes_to_nobody,
    the_service_learns_from_the_connection_where_a_request_comes_from,
    whom_the_project_trusts_is_believed,
    every_line_about_a_request_is_json_whatever_was_sent,
    metrics_are_told_within_and_nowhere_else,
}

fn get(headers: &str) -> String {
    format!("GET /a?secret HTTP/1.1\r\nHost: shop.example:81\r\n{headers}Connection: close\r\n\r\n")
}

fn a_slow_client_is_told_so_while_others_are_served(on: On) {
    let door = Door::open(on, "limits = { request_timeout = \"1s\" }");
    let began = Instant::now();
    let mut slow = TcpStream::connect(door.address()).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: t\r\n").unwrap();
    let mut dripping = slow.try_clone().unwrap();
    let drops = std::thread::spawn(move || {
        while dripping.write_all(b"X-A: b\r\n").is_ok() && began.elapsed() < Duration::from_secs(8) {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let mut served = 0;
    while !drops.is_finished() && began.elapsed() < Duration::from_secs(1) {
        assert!(door.ask(get("")).starts_with("HTTP/1.1 200 "));
        served += 1;
    }
    assert!(served > 5, "{served} others were served");
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!((1..4).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    drops.join().unwrap();
}

fn one_client_cannot_have_all_connections(on: On) {
    let door = Door::open(on, "limits = { connections = 100, connections_per_client = 5 }");
    // The last answers before it may still be counted.
    let held: Vec<_> = (0..10).map(|_| TcpStream::connect(door.address()).unwrap()).collect();
    eventually("one more is closed", || door.ask(get("")).is_empty());
    drop(held);
    eventually("those that were closed do not count", || door.ask(get("")).starts_with("HTTP/1.1 200 "));
}

fn what_is_too_large_or_can_be_read_in_two_ways_comes_to_nobody(on: On) {
    let door = Door::open(on, "limits = { max_body = \"1kB\" }");
    let long = "a".repeat(20_000);
    let many: String = (0..150).map(|number| format!("X-{number}: a\r\n")).collect();
    let post = |headers: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: t\r\n{headers}\r\n{body}");
    let chunks = "0\r\n\r\n";
    let refused = [
        ("a header", get(&format!("X-A: {long}\r\n")), 400),
        ("many headers", get(&many), 400),
        ("a path", get("").replace("secret", &long[..9000]), 414),
        ("a body", post("Content-Length: 1001\r\nConnection: close\r\n", ""), 413),
        ("a negative length", post("Content-Length: -1\r\n", ""), 400),
        ("two lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400),
        ("a list of lengths", post("Content-Length: 3, 4\r\n", "abcd"), 400),
        ("an unknown coding", post("Transfer-Encoding: xchunked\r\n", chunks), 400),
        ("a space in a name", post("Transfer-Encoding : chunked\r\n", chunks), 400),
        ("a coding after the last", post("Transfer-Encoding: chunked, identity\r\n", chunks), 400),
        ("a coding twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks), 400),
    ];
    for (what, request, status) in refused {
        let answer = door.ask(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
    }
    assert_eq!(door.seen(), [""; 0]);

    // What says its length in both ways has the one that both sides must read, and its end is the connection's.
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n";
    let both = post("Content-Length: 44\r\nTransfer-Encoding: chunked\r\n", &format!("{chunks}{smuggled}"));
    let answer = door.ask(both);
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    let [seen] = &door.seen()[..] else { panic!("{:?}", door.seen()) };
    assert!(seen.starts_with("POST / ") && !seen.to_lowercase().contains("content-length"), "{seen}");
}

/// The headers of that name that the last request has come with.
fn came_with(door: &Door, name: &str) -> Vec<String> {
    let seen = door.seen().pop().unwrap().to_lowercase();
    let values = seen.lines().filter_map(|line| line.strip_prefix(&format!("{name}: ")));
    values.map(str::to_owned).collect()
}

const OF_A_CLIENT: &str = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
                           X-Forwarded-Port: 1\r\nX-Forwarded-Server: evil\r\nForwarded: for=192.0.2.1\r\n";

fn the_service_learns_from_the_connection_where_a_request_comes_from(on: On) {
    let door = Door::open(on, "");
    door.ask(get(OF_A_CLIENT));
    let port = door.address().port().to_string();
    for (name, expected) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example:81"),
        ("x-forwarded-port", &port),
    ] {
        assert_eq!(came_with(&door, name), [expected], "{name}");
    }
    for name in ["x-forwarded-server", "forwarded"] {
        assert_eq!(came_with(&door, name), [""; 0], "{name}");
    }

    let kept = door.ask(get("X-Request-Id: Kept-1.2/3@4\r\n"));
    assert!(kept.to_lowercase().contains("x-request-id: kept-1.2/3@4\r\n"), "{kept}");
    assert_eq!(came_with(&door, "x-request-id"), ["kept-1.2/3@4"]);
    let long = "a".repeat(129);
    for given in ["", "a b", "a\"", "a, b", "\u{e4}", &long, "a\r\nX-Request-Id: b"] {
        let answer = door.ask(get(&format!("X-Request-Id: {given}\r\n")));
        let [made] = &came_with(&door, "x-request-id")[..] else { panic!("{answer}") };
        assert!(
            made.len() == 36 && made.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()),
            "{given}: {made}"
        );
        assert!(answer.to_lowercase().contains(&format!("x-request-id: {made}\r\n")), "{answer}");
    }
}

fn whom_the_project_trusts_is_believed(on: On) {
    let door = Door::open(on, "trusted_proxies = [\"127.0.0.0/8\"]\naccess_log = true");
    door.ask(get(OF_A_CLIENT));
    assert_eq!(came_with(&door, "x-forwarded-for"), ["192.0.2.1", "127.0.0.1"]);
    assert_eq!(came_with(&door, "x-forwarded-proto"), ["https"]);
    assert_eq!(came_with(&door, "x-forwarded-host"), ["evil"]);
    eventually("the client's own address is logged", || door.log().contains("\"client\":\"192.0.2.1\""));
    door.ask(get(""));
    assert_eq!(came_with(&door, "x-forwarded-for"), ["127.0.0.1"]);
}

fn every_line_about_a_request_is_json_whatever_was_sent(on: On) {
    let door = Door::open(on, "access_log = true\nlimits = { request_timeout = \"1s\" }");
    let odd = "/\"a\"\\b/%00%22\u{7e}{}[]".repeat(40);
    let requests: [&[u8]; 8] = [
        b"GET /a?password=geheim HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
        format!("GET {odd}?q=\" HTTP/1.0\r\n\r\n").as_bytes(),
        format!("GET /{} HTTP/1.0\r\n\r\n", "\"".repeat(8000)).as_bytes(),
        b"GET /\xff\xfe\xc3\xa4 HTTP/1.0\r\n\r\n",
        b"GET /a\x01\x7f HTTP/1.0\r\n\r\n",
        b"F\"O\\O / HTTP/1.0\r\n\r\n",
        b"GET /id HTTP/1.0\r\nX-Request-Id: \"\xff\\\r\n\r\n",
        b"\x16\x03\x01\x00\xee\r\n\r\n",
    ]
    .map(|request| &*request.to_vec().leak());
    requests.iter().for_each(|request| drop(door.ask(request)));
    let lines = || door.log().lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect::<Vec<_>>();
    // Others asked whether it serves. Lines come when a request is over, and not in the order of the requests.
    let of_these = || lines().into_iter().filter(|line| !line.contains("\"path\":\"\\/\"")).collect::<Vec<_>>();
    eventually("there is a line for each", || of_these().len() == requests.len());
    assert!(!door.log().contains("geheim"), "{}", door.log());
    let lines: Vec<serde_json::Value> = of_these().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut statuses: Vec<_> = lines.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 400, 400, 400, 400]);
    let paths: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&odd.as_str()) && paths.contains(&format!("/{}", "\"".repeat(1023)).as_str()), "{paths:?}");
    let first = lines.iter().find(|line| line["path"] == "/a").unwrap();
    for (field, expected) in [
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("path", "/a"),
        ("ended", "--"),
        ("retries", "0"),
        ("colour", "blue"),
        ("server", "blue/service"),
        ("release", "v\"1"),
        ("tls", "-"),
    ] {
        assert_eq!(first[field], expected, "{first}");
    }
    assert_eq!(first["request_id"].as_str().unwrap().len(), 36);
    assert!(humantime::parse_rfc3339(first["at"].as_str().unwrap()).is_ok(), "{first}");
    for number in ["bytes", "tq", "tw", "tc", "tr", "ta"] {
        assert!(first[number].is_i64(), "{first}");
    }
}

fn metrics_are_told_within_and_nowhere_else(on: On) {
    let door = Door::open(on, "proxy_metrics = \"METRICS\"");
    let within = ask(door.metrics_address(), "GET /metrics HTTP/1.0\r\n\r\n");
    for colour in ["blue", "green"] {
        assert!(within.contains(&format!("haproxy_backend_status{{proxy=\"{colour}\"")), "{within}");
    }
    assert!(ask(door.metrics_address(), "GET / HTTP/1.0\r\n\r\n").contains("Statistics Report for HAProxy"));
    for path in ["/metrics", "/stats", "/haproxy?stats"] {
        let answer = door.ask(format!("GET {path} HTTP/1.0\r\n\r\n"));
        assert!(answer.ends_with("ok"), "the service answers: {answer}");
    }
    let quiet = Door::open(on, "");
    assert!(ask(quiet.metrics_address(), "GET /metrics HTTP/1.0\r\n\r\n").is_empty());
}
