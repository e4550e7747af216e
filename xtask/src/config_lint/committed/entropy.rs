//! Whether a value looks random, by its Shannon entropy: the bits that each of its characters tells, judged by how often
//! each one occurs in it. TruffleHog brought the method to repositories, detect-secrets and gitleaks use it.
//!
//! The entropy of so short a text falls behind that of what made it: 16 random digits of base64 have at most 4 bits each,
//! not 6. Where the key says that the value is secret, the limits are therefore these:
//!
//! | the value has | limit | whose |
//! | --- | --- | --- |
//! | hexadecimal digits alone | 3.0 bits | detect-secrets, `HexHighEntropyString` |
//! | other characters, a digit among them | 3.5 bits | gitleaks, `generic-api-key` |
//! | no digit: it may well be words | 4.5 bits | detect-secrets, `Base64HighEntropyString` |

const HEX: f64 = 3.0;
const MIXED: f64 = 3.5;
const LETTERS: f64 = 4.5;

/// The least for what follows the prefix of a known format, in bits: the usual `entropy` of gitleaks' rules.
pub(super) const OF_FORMAT: f64 = 3.0;

/// Bits that each byte tells, from 0.0 to 8.0.
pub(super) fn shannon(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    text.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let length = text.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    shares.map(|share| -share * share.log2()).sum()
}

/// Whether the value of a key that names a secret looks random.
pub(super) fn looks_random(value: &[u8]) -> bool {
    let has_digit = value.iter().any(u8::is_ascii_digit);
    let is_number = value.iter().all(u8::is_ascii_digit);
    let limit = match value.iter().all(u8::is_ascii_hexdigit) {
        true => HEX,
        false if has_digit => MIXED,
        false => LETTERS,
    };
    !is_number && shannon(value) >= limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_in_bits_a_byte() {
        for (text, expected) in [("", 0.0), ("aaaa", 0.0), ("abab", 1.0), ("abcd", 2.0), ("0123456789abcdef", 4.0)] {
            assert!((shannon(text.as_bytes()) - expected).abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn what_is_made_at_random_looks_it_and_what_people_write_does_not() {
        for random in ["9f86d081884c7d65", "b1946ac92492d2347c6235b4d2611184", "kJ8sPq2VxW7mZr4T", "uV7!pQ2#xL9@rT4$"] {
            assert!(looks_random(random.as_bytes()), "{random}");
        }
        for written in
            ["0000000011111111", "20261127084628001", "aaaabbbbccccdddd", "authenticatedSession", "prod-prod-prod-1"]
        {
            assert!(!looks_random(written.as_bytes()), "{written}");
        }
    }
}
