//! Requests in parts of given sizes, the same key always in the same part: on every machine, and in every version.

/// A number for these words, which stays the same.
///
/// FNV-1a of 64 bits (draft-eastlake-fnv) with a mixer behind it, because its upper bits alone are no good (MurmurHash3's finalizer).
pub(crate) fn hash(words: &[&[u8]]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for word in words {
        // What ends a word is no byte of UTF-8.
        for byte in word.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// Which part a number falls into; parts are percentages.
pub(crate) fn part(percentages: impl Iterator<Item = f64>, number: u64) -> usize {
    let at = number as f64 / u64::MAX as f64 * 100.0;
    let (mut sum, mut last) = (0.0, 0);
    for (index, percent) in percentages.enumerate() {
        sum += percent;
        if percent > 0.0 {
            last = index;
        }
        if at < sum {
            return index;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_their_sizes() {
        let mut counts = [0u32; 3];
        for user in 0..20_000u32 {
            let number = hash(&[b"model", user.to_string().as_bytes()]);
            counts[part([90.0, 10.0, 0.0].into_iter(), number)] += 1;
        }
        assert!(counts[1].abs_diff(2_000) < 150, "{counts:?}");
        assert_eq!(counts[2], 0);
    }

    #[test]
    fn a_key_stays_where_it_is_in_every_version() {
        assert_eq!(hash(&[b"model", b"ann"]), 0x4a3c_2ecd_9dfa_a958);
        assert_ne!(hash(&[b"mo", b"delann"]), hash(&[b"model", b"ann"]));
        for (number, expected) in [(0, 0), (u64::MAX / 2, 0), (u64::MAX, 1)] {
            assert_eq!(part([50.1, 49.9].into_iter(), number), expected);
        }
    }
}
