//! Ids of assessments.

use crate::signals::key::HashKey;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::{Builder, Uuid};

/// A new UUID of version 7 (RFC 9562): the time in milliseconds, and 74 bits
/// that keep apart what is of the same one, on this server and on others.
///
/// The bits are a hash of a count under a secret of this process: drawing them
/// from the operating system takes two system calls, which cost a comment in a
/// batch more than its answer does.
pub(super) fn assessment_id() -> Uuid {
    static SECRET: LazyLock<HashKey> = LazyLock::new(HashKey::random);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed).to_le_bytes();
    let half = |domain| SECRET.hash(domain, [&count[..]]).to_le_bytes();
    let ([a, b, c, d, e, f, g, h], [i, j, ..]) = (half(0), half(1));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use uuid::{Variant, Version};

    #[test]
    fn ids_differ_and_say_when() {
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ids: Vec<Uuid> = (0..10_000).map(|_| assessment_id()).collect();
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        // No bit that is not the time's, the version's or the variant's stays.
        let (all, any) =
            ids.iter().fold((u128::MAX, 0), |(all, any), id| (all & id.as_u128(), any | id.as_u128()));
        assert_eq!((any & !all) & 0x0fff_3fff_ffff_ffff_ffff, 0x0fff_3fff_ffff_ffff_ffff);
        for id in ids {
            assert_eq!((id.get_version(), id.get_variant()), (Some(Version::SortRand), Variant::RFC4122));
            let millis = id.as_u128() >> 80;
            assert!((before.as_millis()..=after.as_millis()).contains(&millis), "{millis}");
        }
    }
}
