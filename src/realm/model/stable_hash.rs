//! The 64-bit FNV-1a hash, which is the same in all versions.

/// Returns the FNV-1a hash of bytes. Results are stored in the command log and sent as ROW_REF, so
/// the constants must never change.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_those_of_the_published_test_vectors() {
        let expected = [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ];
        for (text, hash) in expected {
            assert_eq!(fnv1a(text.as_bytes()), hash, "{text}");
        }
    }
}
