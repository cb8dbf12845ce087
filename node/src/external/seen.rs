//! Which regions gateways have said that they are in, and when last.

use std::collections::BTreeMap;

use larder_proto::time::Millis;

use super::entry::UseFrom;

/// Regions of gateways. A bounded number: the one that was seen longest ago gives its place to a new one.
#[derive(Debug, Default)]
pub struct SeenRegions {
    last: BTreeMap<String, Millis>,
}

impl SeenRegions {
    /// A gateway of this region asked; whether it is the first one.
    pub fn note(&mut self, region: &UseFrom, now: Millis) -> bool {
        if let Some(last) = self.last.get_mut(region.as_str()) {
            *last = now;
            return false;
        }
        if self.last.len() >= REGIONS_MAX {
            let oldest = self.last.iter().min_by_key(|(_, at)| **at).map(|(name, _)| name.clone());
            oldest.map(|name| self.last.remove(&name));
        }
        self.last.insert(region.as_str().to_owned(), now);
        true
    }

    /// Each region with the milliseconds since a gateway of it asked.
    #[must_use]
    pub fn ages_ms(&self, now: Millis) -> BTreeMap<String, u64> {
        self.last.iter().map(|(region, at)| (region.clone(), now.since(*at))).collect()
    }
}

const REGIONS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_region_gives_way() {
        let mut seen = SeenRegions::default();
        let region = |number: u64| UseFrom::parse(&format!("region-{number}")).unwrap();
        for number in 0..=1_000 {
            assert!(seen.note(&region(number), Millis(10 + number)));
        }
        assert!(!seen.note(&region(1), Millis(2_000)));
        let ages = seen.ages_ms(Millis(2_010));
        assert_eq!(ages.len(), 1_000);
        assert_eq!((ages.get("region-0"), ages.get("region-1")), (None, Some(&10)));
    }
}
