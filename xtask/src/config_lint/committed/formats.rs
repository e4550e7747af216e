//! Secrets that tell what they are by how they begin.
//!
//! Where nothing else is said, prefix, alphabet and length are those of gitleaks' rules (`config/gitleaks.toml` of
//! github.com/gitleaks/gitleaks). Where the issuer has put in a checksum, or the text can be decoded, that is asked too.

use std::ops::RangeInclusive;

use super::encoding;
use super::entropy;
use super::kind::Kind;
use super::placeholder;
use super::private_key;

/// One way for a secret to look.
struct Format {
    kind: Kind,
    prefix: &'static str,
    /// What follows the prefix, up to a byte that is no letter, digit or underscore.
    alphabet: fn(u8) -> bool,
    length: RangeInclusive<usize>,
    /// Whether what follows the prefix can be of that kind.
    holds: fn(&[u8]) -> bool,
}

const fn format(
    kind: Kind,
    prefix: &'static str,
    alphabet: fn(u8) -> bool,
    length: RangeInclusive<usize>,
    holds: fn(&[u8]) -> bool,
) -> Format {
    Format { kind, prefix, alphabet, length, holds }
}

const FORMATS: [Format; 36] = [
    // A key in PEM as Kubernetes keeps it: base64 once more.
    format(Kind::PrivateKey, "LS0tLS1CRUdJTi", base64, 64..=32_768, is_pem_after_its_beginning),
    // An id is base32: a letter or 2 to 7 (the IAM user guide lists the prefixes).
    format(Kind::AwsAccessKeyId, "AKIA", base32, 16..=16, any),
    format(Kind::AwsAccessKeyId, "ASIA", base32, 16..=16, any),
    format(Kind::AwsAccessKeyId, "ABIA", base32, 16..=16, any),
    format(Kind::AwsAccessKeyId, "ACCA", base32, 16..=16, any),
    // "Behind GitHub's new authentication token formats" (github.blog, 2021) has the checksum. An app's tokens have become
    // as long as the JSON Web Token in them (github.blog/changelog, April 2026).
    format(Kind::GithubToken, "ghp_", base62, 36..=36, encoding::has_base62_checksum),
    format(Kind::GithubToken, "gho_", base62, 36..=36, any),
    format(Kind::GithubToken, "ghu_", dotted, 36..=1024, any),
    format(Kind::GithubToken, "ghs_", dotted, 36..=1024, any),
    format(Kind::GithubToken, "ghr_", dotted, 36..=1024, any),
    format(Kind::GithubToken, "github_pat_", word, 82..=82, |rest| rest[22] == b'_'),
    // Routable ones are longer; what follows their dot is not needed to know them.
    format(Kind::GitlabToken, "glpat-", base64url, 20..=300, any),
    format(Kind::GitlabToken, "gldt-", base64url, 20..=20, any),
    format(Kind::GitlabToken, "glrt-", base64url, 20..=300, any),
    format(Kind::GitlabToken, "glptt-", base64url, 40..=40, any),
    // Parts of digits and letters with hyphens between them, whose number and lengths differ by age and kind.
    format(Kind::SlackToken, "xoxb-", hyphened, 20..=255, has_digits),
    format(Kind::SlackToken, "xoxp-", hyphened, 20..=255, has_digits),
    format(Kind::SlackToken, "xoxa-", hyphened, 20..=255, has_digits),
    format(Kind::SlackToken, "xoxr-", hyphened, 20..=255, has_digits),
    format(Kind::SlackToken, "xoxs-", hyphened, 20..=255, has_digits),
    format(Kind::SlackToken, "xoxo-", hyphened, 20..=255, has_digits),
    format(Kind::SlackToken, "xoxe-", hyphened, 20..=255, has_digits),
    format(Kind::SlackToken, "xapp-", hyphened, 20..=255, has_digits),
    format(Kind::SlackWebhook, "hooks.slack.com/services/", base64, 43..=56, any),
    format(Kind::SlackWebhook, "hooks.slack.com/workflows/", base64, 43..=56, any),
    format(Kind::SlackWebhook, "hooks.slack.com/triggers/", base64, 43..=56, any),
    format(Kind::StripeKey, "sk_live_", base62, 16..=99, any),
    format(Kind::StripeKey, "rk_live_", base62, 16..=99, any),
    format(Kind::GoogleApiKey, "AIza", base64url, 35..=35, any),
    // Said to end in a checksum as GitHub's do; no published token shows of what, so that shape alone decides.
    format(Kind::NpmToken, "npm_", base62, 36..=36, any),
    // A macaroon whose location is pypi.org or test.pypi.org, in base64.
    format(Kind::PypiToken, "pypi-AgEIcHlwaS5vcmc", base64url, 50..=1000, any),
    format(Kind::PypiToken, "pypi-AgENdGVzdC5weXBpLm9yZw", base64url, 50..=1000, any),
    // 32 random letters and digits (noseyparker's `np.cratesio.1`; rust-lang/crates.io, `util/token.rs`).
    format(Kind::CratesToken, "cio", base62, 32..=32, is_mixed),
    // An id of 22 and a secret of 43 (noseyparker's `np.sendgrid.1`).
    format(Kind::SendgridKey, "SG.", dotted, 66..=66, |rest| rest[22] == b'.'),
    // Bech32 of BIP 173 (C2SP, `age.md`).
    format(Kind::AgeSecretKey, "AGE-SECRET-KEY-1", encoding::is_bech32_digit, 58..=58, |rest| {
        encoding::has_bech32_checksum("AGE-SECRET-KEY-", rest)
    }),
    // Three parts of base64, the first two JSON objects (RFC 7515, RFC 7519).
    format(Kind::Jwt, "eyJ", dotted, 32..=8192, is_jwt_after_its_beginning),
];

/// Whether a secret of a known format can begin with this byte.
pub(super) fn can_begin_with(byte: u8) -> bool {
    FORMATS.iter().any(|format| format.prefix.as_bytes()[0] == byte)
}

/// The secret that begins here, and where it ends.
pub(super) fn find(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    let rest = &text[at..];
    let mut alike = FORMATS.iter().filter(|format| format.prefix.as_bytes()[0] == rest[0]);
    alike.find_map(|format| format.find(rest).map(|length| (format.kind, at + length)))
}

impl Format {
    /// How long the secret at the beginning of a text is.
    fn find(&self, text: &[u8]) -> Option<usize> {
        let rest = text.strip_prefix(self.prefix.as_bytes())?;
        let most = self.length.end() + 1;
        let run = rest.iter().take(most).take_while(|byte| (self.alphabet)(**byte)).count();
        let follows = rest.get(run).is_some_and(|byte| word(*byte));
        // The stop after a sentence is none of the secret.
        let stops = rest[..run].iter().rev().take_while(|byte| **byte == b'.').count();
        let secret = &rest[..run - stops];
        let fits = !follows && self.length.contains(&secret.len());
        let found = fits && entropy::shannon(secret) >= entropy::OF_FORMAT && !placeholder::is_example(secret);
        (found && (self.holds)(secret)).then(|| self.prefix.len() + secret.len())
    }
}

fn any(_: &[u8]) -> bool {
    true
}

fn base62(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn base32(byte: u8) -> bool {
    byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte)
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

fn base64url(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

fn hyphened(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn dotted(byte: u8) -> bool {
    base64url(byte) || byte == b'.'
}

/// A byte of a name: a secret neither begins after one nor ends before one.
pub(super) fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn has_digits(text: &[u8]) -> bool {
    text.iter().filter(|byte| byte.is_ascii_digit()).count() >= 4
}

/// Has letters of both cases and digits, as base64 of any length worth the name does.
pub(super) fn is_mixed(text: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| text.iter().any(is);
    has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}

/// Whether what follows `LS0tLS1CRUdJTi`, which is `-----BEGIN `, makes it a private key.
fn is_pem_after_its_beginning(rest: &[u8]) -> bool {
    let decoded = encoding::base64(&[b"LS0tLS1CRUdJTi", rest].concat());
    decoded.is_some_and(|text| private_key::find(&text, 0).is_some())
}

/// Whether what follows `eyJ`, which is `{"`, makes it a token that somebody has signed.
fn is_jwt_after_its_beginning(rest: &[u8]) -> bool {
    let mut parts = rest.split(|byte| *byte == b'.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let object = |part: &[u8]| {
        let decoded = encoding::base64(part)?;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&decoded).ok()
    };
    let header = object(&[b"eyJ", header].concat());
    header.is_some_and(|header| header.contains_key("alg")) && object(claims).is_some() && !signature.is_empty()
}
