//! Writes entries of sorted sets.

use larder_proto::resp::{Out, Version};

use crate::store::Entry;

/// Writes so many entries: their members, or members and scores, which are pairs of their own in RESP3.
pub(super) fn write_entries<'e>(
    entries: impl Iterator<Item = Entry<'e>>,
    count: usize,
    with_scores: bool,
    out: &mut Out<'_>,
) {
    let pairs_apart = out.version() == Version::Resp3;
    out.array(if with_scores && !pairs_apart { count * 2 } else { count });
    entries.for_each(|entry| write_entry(entry, with_scores, pairs_apart, out));
}

/// Writes one entry of a reply whose header was written before.
pub(super) fn write_entry(entry: Entry<'_>, with_score: bool, apart: bool, out: &mut Out<'_>) {
    if with_score && apart {
        out.array(2);
    }
    out.bulk(entry.member);
    if with_score {
        out.double(entry.score.get());
    }
}
