//! Real repositories, in which secrets are planted. None of them stands here in one piece, so that nobody's search, this
//! one's included, takes them for committed ones.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use super::*;
use crate::delivery::Delivery;
use crate::problem::exit_code;
use crate::testing::{DELIVERY, Repository, TempDir};

/// 16 characters that look random.
const RANDOM: &str = "kJ8sPq2VxW7mZr4T";
/// As many digits of base32, and of hexadecimal.
const BASE32: &str = "K4QZ7XN2WJ5RT3VM";
const HEX: &str = "b1946ac92492d2347c6235b4d2611184";

/// A line for each kind and way, with the secret in it.
fn planted() -> Vec<(Kind, String)> {
    let long = |length: usize| [RANDOM, "aB3dE6fG9hJ2kL5n", "Qp0oYt1uIw8e"].concat().repeat(9)[..length].to_owned();
    let encoded = |text: &str| base64(text.as_bytes());
    let pem = |label: &str| format!("-----BEGIN {label}-----\nMIIEpA{}\n-----END {label}-----", long(58));
    let jwt = format!("{}.{}.{}", encoded(r#"{"alg":"HS256"}"#), encoded(r#"{"sub":"1","x":"y"}"#), long(43));
    let age = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN";
    let mut planted: Vec<(Kind, String)> =
        ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
            .map(|label| (Kind::PrivateKey, pem(label)))
            .into();
    planted.extend([
        (Kind::PrivateKey, format!("tls.key: {}", encoded(&pem("EC PRIVATE KEY")))),
        (Kind::PrivateKey, format!("\"key\": \"{}\"", pem("PRIVATE KEY").replace('\n', "\\n"))),
        (Kind::AwsAccessKeyId, format!("id = {}{BASE32}", "AKIA")),
        (Kind::AwsAccessKeyId, format!("id: \"{}{BASE32}\"", "ASIA")),
        (Kind::AwsSecretKey, format!("aws_secret_access_key = {}/{}", long(20), long(19))),
        // Revoked, and published with that: its checksum is right.
        (Kind::GithubToken, ["ghp", "_zQWBuTSOoRi4A9sp", "HcVY5ncnsDkxkJ", "0mLq17"].concat()),
        (Kind::GithubToken, format!("{}_{}", "gho", long(36))),
        (Kind::GithubToken, format!("{}_{}", "ghu", long(36))),
        (Kind::GithubToken, format!("{}_123456_{jwt}", "ghs")),
        (Kind::GithubToken, format!("{}_{}", "ghr", long(76))),
        (Kind::GithubToken, format!("{}_{}_{}", "github_pat", long(22), long(59))),
        (Kind::GitlabToken, format!("{}-{}", "glpat", long(20))),
        (Kind::GitlabToken, format!("{}-{}.01.0z{}", "glpat", long(27), "1a2b3c4")),
        (Kind::SlackToken, format!("{}-893582989554-899326518131-{}", "xoxb", long(24))),
        (Kind::SlackToken, format!("{}-523423487643-234243876543-234233876543-{HEX}", "xoxp")),
        (Kind::SlackToken, format!("{}-1-A08J3K9QZ-4827159360412-{HEX}", "xapp")),
        (Kind::SlackWebhook, format!("https://{}.com/services/TKV3YQVGA/BLR8BRS0Z/{}", "hooks.slack", long(24))),
        (Kind::StripeKey, format!("{}_live_{}", "sk", long(24))),
        (Kind::StripeKey, format!("{}_live_{}", "rk", long(99))),
        (Kind::GoogleApiKey, format!("{}{}", "AIza", long(35))),
        (Kind::NpmToken, format!("//registry.npmjs.org/:_authToken={}_{}", "npm", long(36))),
        (Kind::PypiToken, format!("password = {}-AgEIcHlwaS5vcmc{}", "pypi", long(60))),
        (Kind::PypiToken, format!("{}-AgENdGVzdC5weXBpLm9yZw{}", "pypi", long(60))),
        (Kind::CratesToken, format!("{}{}", "cio", long(32))),
        (Kind::Jwt, format!("Authorization: Bearer {jwt}")),
        (Kind::RegistryAuth, format!("\"auth\": \"{}\"", encoded("deployer:hunter2hunter3"))),
        (Kind::RegistryAuth, format!("_auth={}", encoded("deployer:hunter2hunter3"))),
        (Kind::SendgridKey, format!("{}.{}.{}", "SG", long(22), long(43))),
        (Kind::AgeSecretKey, format!("{}-SECRET-KEY-1{age}{}", "AGE", "QEPTQ2")),
        (Kind::UrlPassword, format!("DATABASE_URL={}://shop:hunter2@db.internal:5432/shop", "postgres")),
        (Kind::UrlPassword, format!("url: \"{}://:s3cr3tly@cache/0\"", "redis")),
    ]);
    planted
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..=three.len())
            .map(move |place| char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63]))
            .collect::<String>()
    };
    bytes.chunks(3).map(four).collect()
}

fn lint(repository: &Repository, allow: &str) -> Vec<Finding> {
    let text = format!("{allow}\n{DELIVERY}");
    repository.write(FILE, &text);
    findings(&Project { root: repository.root().to_owned(), delivery: Delivery::parse(&text).unwrap() }).unwrap()
}

fn scanned(text: &str) -> Vec<(Kind, &str)> {
    scan(text.as_bytes()).into_iter().map(|found| (found.kind, &text[found.range])).collect()
}

#[test]
fn every_kind_is_found_at_its_line_and_not_shown() {
    let repository = Repository::with(&[("README.md", "a shop")]);
    for (kind, text) in planted() {
        repository.write("deploy/settings", &format!("first\n\n{text}\nlast"));
        let found = lint(&repository, "");
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        let told = found[0].to_string();
        assert!(told.starts_with("deploy/settings:3: ") && told.contains(kind.name()), "{told}");
        let [(_, secret)] = scanned(&text)[..] else { panic!("{text}") };
        assert!(told.contains(&digest::of(secret)) && !told.contains(&secret[5..secret.len().min(12)]), "{told}");
    }
}

#[test]
fn what_only_resembles_a_secret_is_none() {
    let misses = [
        format!("{}{BASE32}A", "AKIA"),
        format!("x{}{BASE32}", "AKIA"),
        format!("{}IOSFODNN7{}", "AKIA", "EXAMPLE"),
        format!("{}{}", "AKIA", "A".repeat(16)),
        ["ghp", "_zQWBuTSOoRi4A9sp", "HcVY5ncnsDkxkJ", "0mLq18"].concat(),
        format!("{}_{}", "gho", "x".repeat(36)),
        format!("{}_{RANDOM}{RANDOM}", "npm"),
        format!("{}-your-bot-token-goes-in-here", "xoxb"),
        format!("{}_test_{RANDOM}aB3dE6fG", "sk"),
        format!("https://{}.com/services/T00000000/B00000000/{}", "hooks.slack", "X".repeat(24)),
        format!("{}{}", "AIza", "0".repeat(35)),
        format!("{}-SECRET-KEY-1{}", "AGE", "QPZRY9X8GF".repeat(6)),
        format!("{}.{}.{RANDOM}", base64(br#"{"typ":"x","n":1}"#), base64(br#"{"sub":"1","x":"y"}"#)),
        format!("{}.notes.eyJ", base64(br#"{"alg":"HS256"}"#)),
        format!("\"auth\": \"{}\"", base64(b"user:password")),
        format!("\"auth\": \"{}\"", base64(b"no colon in it")),
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----".into(),
        format!("-----BEGIN CERTIFICATE-----\nMIIEpA{RANDOM}{RANDOM}{RANDOM}\n"),
        format!("{}://user:password@db", "postgres"),
        format!("{}://user:${{PASSWORD}}@db", "postgres"),
        format!("{}://user:<password>@db", "postgres"),
        format!("{}://user:***@db", "postgres"),
        format!("{}://user:hunter2@example.com", "https"),
        format!("{}://host:8080/path@12", "http"),
        format!("{}://git@host:22/a", "ssh"),
    ];
    for miss in misses {
        assert_eq!(scanned(&miss), [], "{miss}");
    }
}

#[test]
fn a_random_value_is_found_under_a_secret_key_however_it_is_written() {
    for line in [
        format!("api_key = \"{RANDOM}\""),
        format!("password: {RANDOM}"),
        format!("{{\"clientSecret\": \"{HEX}\"}}"),
        format!("APP_TOKEN={RANDOM}"),
        format!("export APP_TOKEN='{HEX}'"),
        format!("const SIGNING_KEY: &str = \"{RANDOM}\";"),
        format!("let token = b\"{RANDOM}\";"),
        format!("ENV APP_PASSWORD {RANDOM}"),
        format!("ARG APP_PASSWORD={RANDOM}"),
        format!("command.env(\"APP_TOKEN\", \"{RANDOM}\")"),
        format!("\"{{\\\"token\\\": \\\"{RANDOM}\\\"}}\""),
        format!("credentials => '{RANDOM}'"),
        format!("db.passphrase = \"{}#xL9@rT4$\"", "uV7!pQ2"),
    ] {
        let [(Kind::HighEntropy, secret)] = scanned(&line)[..] else { panic!("{line}: {:?}", scanned(&line)) };
        assert!(secret.len() >= 16 && line.contains(secret), "{secret}");
    }
}

#[test]
fn what_is_random_and_open_or_secret_and_elsewhere_is_left_alone() {
    for line in [
        format!("\"app-1.0.whl\" = \"{HEX}{HEX}\""),
        format!("checksum = \"{HEX}{HEX}\""),
        format!("token_sha256 = \"{HEX}{HEX}\""),
        format!("uses: actions/checkout@{HEX}00112233 # v4"),
        format!("image: haproxy:3.0@sha256:{HEX}{HEX}"),
        format!("public_key = \"{RANDOM}\""),
        format!("token = \"{}\"", &RANDOM[..15]),
        "token = \"${APP_TOKEN_OF_PRODUCTION_1}\"".into(),
        "password_file = \"/run/secrets/db9f86d081884c7d\"".into(),
        "secret = \"/run/secrets/a9f86d081884c7d\"".into(),
        "let token = read_token_1(path_2, 0x9f86d081884c);".into(),
        "let token = Token::<'_, A1b2C3d4E5f6G7h8>::new();".into(),
        "token: ${{ secrets.REGISTRY_TOKEN_2 }}".into(),
        "password = \"correct horse battery staple 9\"".into(),
        "token = \"session-token-v2-2026\"".into(),
        "secret = \"xxxxxxxxxxxxxxxxxxxx1234\"".into(),
        format!("label = \"{RANDOM}\""),
    ] {
        assert_eq!(scanned(&line), [], "{line}");
    }
}

#[test]
fn what_is_allowed_stays_and_a_second_one_beside_it_is_found() {
    let (one, two) = (format!("{}{BASE32}", "AKIA"), format!("{}{}2", "AKIA", &BASE32[1..]));
    let repository = Repository::with(&[("docs/keys.md", &one)]);
    let allow = |rest: &str| format!("[[committed_secrets.allow]]\nreason = \"of the manual\"\n{rest}\n");
    let by_digest = allow(&format!("path = \"docs/keys.md\"\nsha256 = \"{}\"", digest::of(&one)));
    let (whole, pattern) = (allow("path = \"docs/keys.md\""), allow("path = \"docs/*\"\nkind = \"aws-access-key-id\""));
    for allow in [&by_digest, &whole, &pattern] {
        assert_eq!(lint(&repository, allow), [], "{allow}");
    }
    repository.write("docs/keys.md", &format!("{one}\n{two}\n"));
    assert_eq!(lint(&repository, &whole), []);
    let found = lint(&repository, &by_digest);
    assert!(found.len() == 1 && found[0].to_string().starts_with("docs/keys.md:2: "), "{found:?}");
}

#[test]
fn an_allowance_that_is_not_needed_is_found_where_it_stands() {
    let key = format!("{}{BASE32}", "AKIA");
    let repository = Repository::with(&[("a", &key)]);
    let allow = "[[committed_secrets.allow]]\nreason = \"of the manual\"\npath = ";
    for (rest, count) in [("\"gone\"", 2), ("\"a\"\nkind = \"jwt\"", 2), ("\"a\"", 0)] {
        let found = lint(&repository, &format!("{allow}{rest}\n"));
        assert_eq!(found.len(), count, "{found:?}");
        let stale = found.iter().map(ToString::to_string).filter(|told| told.starts_with("config/delivery.toml:3: "));
        assert_eq!(stale.filter(|told| told.contains("remove it")).count(), count / 2, "{found:?}");
    }
}

#[test]
fn every_file_is_searched_that_is_or_could_be_committed_and_can_be_read() {
    let key = format!("{}{BASE32}", "AKIA");
    let repository = Repository::with(&[("gone", &key), ("folder/gone", &key), (".gitignore", "ignored\n")]);
    let (root, elsewhere) = (repository.root(), TempDir::new());
    fs::remove_file(root.join("gone")).unwrap();
    fs::remove_dir_all(root.join("folder")).unwrap();
    repository.write("folder", "a file where a folder was");
    repository.write("ignored", &key);
    repository.write("binary", &format!("\0{key}"));
    repository.write("large", &format!("{key}{}", " ".repeat(1 << 20)));
    fs::write(elsewhere.path().join("file"), &key).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("file"), root.join("link")).unwrap();
    assert_eq!(lint(&repository, ""), []);

    repository.write("untracked", &key);
    fs::write(root.join("latin1"), [b"\xe4\xff\n", key.as_bytes()].concat()).unwrap();
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"n\xe4me")), &key).unwrap();
    let found: Vec<_> = lint(&repository, "").iter().map(|found| found.place.clone().unwrap()).collect();
    let found: Vec<_> = found.iter().map(|place| (place.file.as_str(), place.line.unwrap())).collect();
    assert_eq!(found, [("latin1", 2), ("n\u{fffd}me", 1), ("untracked", 1)]);
}

#[test]
fn outside_a_checkout_nothing_is_searched() {
    let folder = TempDir::new();
    fs::write(folder.path().join("a"), format!("{}{BASE32}", "AKIA")).unwrap();
    let project = Project { root: folder.path().to_owned(), delivery: Delivery::parse(DELIVERY).unwrap() };
    assert_eq!(findings(&project).unwrap(), []);
}

#[test]
fn a_checkout_that_git_cannot_read_and_a_path_outside_the_project_are_refused() {
    let folder = TempDir::new();
    fs::write(folder.path().join(".git"), "gitdir: /nowhere").unwrap();
    let broken = Project { root: folder.path().to_owned(), delivery: Delivery::parse(DELIVERY).unwrap() };
    assert_eq!(exit_code(&findings(&broken).unwrap_err()), ExitCode::Unavailable);

    let repository = Repository::with(&[("a", "")]);
    let text = format!("[[committed_secrets.allow]]\npath = \"../a\"\nreason = \"r\"\n{DELIVERY}");
    let project = Project { root: repository.root().to_owned(), delivery: Delivery::parse(&text).unwrap() };
    let error = findings(&project).unwrap_err();
    assert_eq!(exit_code(&error), ExitCode::Configuration);
    assert!(error.to_string().contains("committed_secrets.allow: `../a`"), "{error}");
}

#[test]
fn at_most_four_characters_are_shown_and_of_a_short_secret_fewer() {
    for (secret, expected) in [
        ("sk_live_0", ", sk…,"),
        (RANDOM, ", kJ8s…,"),
        ("abc", ""),
        ("-----BEGIN PRIVATE", ""),
        ("\x1b[0m-----------", ""),
    ] {
        assert_eq!(shown(secret.as_bytes()), expected, "{secret}");
    }
}

#[test]
fn a_note_names_some_of_the_files_that_were_not_searched() {
    let file = |name: &str, why: &str| (PathBuf::from(name), why.to_owned());
    let all = [file("a", "binary"), file("b", "binary"), file("c", "binary"), file("d", "binary"), file("e", "gone")];
    assert_eq!(
        notes(&all),
        ["not searched for secrets, binary: a, b, c and 1 more", "not searched for secrets, gone: e"]
    );
}

#[test]
fn what_delivery_toml_calls_a_kind_is_what_a_finding_does() {
    for (kind, _) in planted() {
        let read: Kind = toml::Value::from(kind.name()).try_into().unwrap();
        assert_eq!(read, kind);
    }
    assert_eq!(toml::Value::from(Kind::HighEntropy.name()).try_into(), Ok(Kind::HighEntropy));
}
