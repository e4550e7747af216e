//! Base64, as RFC 4648 has it. Pure.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes as text, in one line, filled up with `=`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let chunks = bytes.chunks(3).flat_map(|chunk| {
        let bits = (0..3).fold(0_u32, |bits, place| bits << 8 | u32::from(chunk.get(place).copied().unwrap_or(0)));
        let digit = move |place: usize| DIGITS.get((bits >> (18 - 6 * place)) as usize & 63).copied();
        // A byte more than it has is none.
        (0..4).map(move |place| digit(place).filter(|_| place <= chunk.len()).map_or('=', char::from))
    });
    chunks.collect()
}

/// What a text stands for, whatever white space is in it and however it ends; none where it is no base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=');
    let digits: Vec<u32> = digits.map(digit).collect::<Option<_>>()?;
    let bytes = digits.chunks(4).flat_map(|chunk| {
        let bits = (0..4).fold(0, |bits, place| bits << 6 | chunk.get(place).copied().unwrap_or(0));
        // Each digit but the first of a chunk completes a byte.
        bits.to_be_bytes().into_iter().skip(1).take(chunk.len().saturating_sub(1))
    });
    Some(bytes.collect())
}

fn digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob\u{ff}", "Zm9vYsO/")] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
        for (text, expected) in [("Zm9v\nYg==", "foob"), ("Zm9vYmE", "fooba")] {
            assert_eq!(decode(text).unwrap(), expected.as_bytes(), "{text}");
        }
        assert_eq!(decode("Zm9-"), None);
    }
}
