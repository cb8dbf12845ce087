//! Dividing a request whose keys lie on several nodes: which words go where, and how the replies become one again.

use std::collections::BTreeMap;

use larder_proto::slot::Partition;

use super::calls::{Call, Manner, written_frame};
use super::merge::Merge;
use super::messages::Errand;
use super::part::Part;
use super::region::{Place, Region};
use crate::commands::perform::Request;
use crate::commands::spec::{Flags, Keys};

/// The parts of a request, each with the keys that lie in one place; `None` if its row does not allow that.
pub(super) fn divide(
    request: &Request<'_>,
    manner: Manner,
    region: &dyn Region,
) -> Option<(Merge, Vec<Part>)> {
    let Keys::From { first, step } = request.spec.keys else { return None };
    let merge = merge_of(request, request.keys().count())?;
    let mut groups: BTreeMap<Place, Vec<u32>> = BTreeMap::new();
    for (at, key) in request.keys().enumerate() {
        groups.entry(region.place(Partition::of(key))).or_default().push(at as u32);
    }
    let parts = groups.into_values().map(|places| {
        let mut part = Part::again(part_call(request, (first, step), manner, &places));
        part.places = places;
        part
    });
    Some((merge, parts.collect()))
}

/// A command on all keys, a part for each place that has some of its partitions.
pub(super) fn divide_whole(call: &Call, region: &dyn Region) -> Vec<Part> {
    let mut groups: BTreeMap<Place, Vec<Partition>> = BTreeMap::new();
    for &partition in call.partitions() {
        groups.entry(region.place(partition)).or_default().push(partition);
    }
    let part =
        |partitions: Vec<Partition>| Part::again(Call { partitions: partitions.into(), ..call.clone() });
    groups.into_values().map(part).collect()
}

fn merge_of(request: &Request<'_>, keys: usize) -> Option<Merge> {
    let flags = request.spec.flags;
    if flags.has(Flags::SPLIT_VALUES) {
        Some(Merge::Values { keys })
    } else if flags.has(Flags::SPLIT_SUM) {
        Some(Merge::Sum)
    } else if flags.has(Flags::SPLIT_ALL) {
        Some(Merge::All)
    } else {
        None
    }
}

/// The same command with the keys at these places, and the words that belong to them.
fn part_call(request: &Request<'_>, (first, step): (usize, usize), manner: Manner, places: &[u32]) -> Call {
    let word = |at: usize| request.words.get(at).map(|word| word.of(request.frame)).unwrap_or_default();
    let of_key = |place: &u32| {
        let at = first + *place as usize * step;
        at..(at + step).min(request.words.len())
    };
    let words = (0..first).chain(places.iter().flat_map(of_key));
    let mut partitions: Vec<Partition> =
        places.iter().map(|place| Partition::of(word(first + *place as usize * step))).collect();
    partitions.sort_unstable();
    partitions.dedup();
    Call {
        errand: Errand::Request,
        frame: written_frame(words.clone().count(), words.map(word)),
        partitions: partitions.into(),
        manner,
        writes: request.spec.writes(),
        watched: None,
    }
}
