//! What a certificate says of itself, as far as a deployer wants to know before HAProxy has it. Whether it is a good one,
//! HAProxy says.

use std::time::SystemTime;

use crate::base64;

/// Tags of DER, as X.509 uses them.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALISED_TIME: u8 = 0x18;

/// A certificate, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its serial number, in hexadecimal digits without leading zeros.
    pub serial: String,
    /// From when it holds.
    pub from: SystemTime,
    /// Until when.
    pub until: SystemTime,
}

/// Reads the base64 of a PEM block; none where it holds no certificate.
pub fn read(block: &str) -> Option<Facts> {
    let der = base64::decode(block)?;
    let (certificate, _) = take(SEQUENCE, &der)?;
    let (signed, _) = take(SEQUENCE, certificate)?;
    let signed = take(VERSION, signed).map_or(signed, |(_, rest)| rest);
    let (serial, rest) = take(INTEGER, signed)?;
    let (_algorithm, rest) = take(SEQUENCE, rest)?;
    let (_issuer, rest) = take(SEQUENCE, rest)?;
    let (validity, _) = take(SEQUENCE, rest)?;
    let (from, rest) = element(validity).and_then(|(tag, text, rest)| Some((time(tag, text)?, rest)))?;
    let until = element(rest).and_then(|(tag, text, _)| time(tag, text))?;
    let serial: String = serial.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(Facts { serial: plain(&serial), from, until })
}

/// A number in hexadecimal digits, however it was written.
pub(super) fn plain(hexadecimal: &str) -> String {
    hexadecimal.trim().trim_start_matches('0').to_ascii_uppercase()
}

/// The contents of the first element, if it has this tag, and what follows it.
fn take(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, contents, rest)| (contents, rest))
}

/// The first element: its tag, its contents, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    const LONG: u8 = 0x80;
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first.checked_sub(LONG) {
        None => (usize::from(*first), rest),
        Some(digits @ 1..=3) => {
            let (digits, rest) = rest.split_at_checked(usize::from(digits))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        // Nothing that long goes through the proxy's socket.
        Some(_) => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((*tag, contents, rest))
}

/// `YYMMDDhhmmssZ`, of the years 1950 to 2049, or with four digits of the year.
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let text = match tag {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALISED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let date = format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let rest = text.get(14..).filter(|rest| *rest == "Z")?;
    humantime::parse_rfc3339(&format!("{date}T{}:{}:{}{rest}", part(8, 10)?, part(10, 12)?, part(12, 14)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CERTIFICATE;

    fn base64() -> String {
        CERTIFICATE.lines().filter(|line| !line.starts_with('-')).collect()
    }

    #[test]
    fn a_certificate_tells_its_number_and_its_days() {
        let facts = read(&base64()).unwrap();
        assert_eq!(facts.serial, "5C1A7E0000000000000000000000000000000001");
        assert_eq!(humantime::format_rfc3339_seconds(facts.from).to_string(), "2026-11-27T00:00:00Z");
        assert_eq!(humantime::format_rfc3339_seconds(facts.until).to_string(), "2056-11-19T00:00:00Z");
    }

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        let read = |tag, text: &str| {
            time(tag, text.as_bytes()).map(|time| humantime::format_rfc3339_seconds(time).to_string())
        };
        assert_eq!(read(UTC_TIME, "491231235959Z").as_deref(), Some("2049-12-31T23:59:59Z"));
        assert_eq!(read(UTC_TIME, "700101000000Z").as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(read(GENERALISED_TIME, "20500101000000Z").as_deref(), Some("2050-01-01T00:00:00Z"));
        for text in ["", "49", "4912312359Z", "491231235959+0100", "49123123595\u{e4}"] {
            assert_eq!(read(UTC_TIME, text), None, "{text}");
        }
        assert_eq!(read(INTEGER, "20500101000000Z"), None);
    }

    #[test]
    fn what_was_cut_off_or_changed_is_no_certificate_and_no_panic() {
        let whole = base64();
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
        }
        for place in 0..whole.len() {
            let _ = read(&format!("{}/{}", &whole[..place], &whole[place + 1..]));
        }
        assert_eq!(read(&whole[..100]), None);
    }
}
