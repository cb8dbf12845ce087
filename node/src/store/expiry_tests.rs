//! Tests of what ends at its deadline, of what a flush leaves behind, and of items that change where they lie.

use std::collections::BTreeMap;

use fastrand::Rng;
use larder_proto::time::{Deadline, Millis};

use super::testing::{Rig, START, value_of};

const MB: usize = 1 << 20;

#[test]
fn no_key_is_seen_past_its_deadline_and_after_a_sweep_its_memory_is_back() {
    let mut rig = Rig::new(8 * MB, "noeviction");
    let mut random = Rng::with_seed(1);
    let mut ends = BTreeMap::new();
    for number in 0..6_000 {
        let ms = random.u64(1..20_000);
        let size = if number % 100 == 0 { 80_000 } else { random.usize(1..600) };
        if rig.put_for(&format!("k{number}"), size, ms).is_ok() {
            ends.insert(number, ms);
        }
    }
    assert!(ends.len() > 5_000);
    while rig.now.0 < START.0 + 20_000 {
        rig.wait(977);
        let passed = rig.now.0 - START.0;
        let check = |rig: &Rig, when: &str| {
            for (number, ms) in &ends {
                let there = rig.get(&format!("k{number}")).is_some();
                assert_eq!(there, *ms >= passed, "k{number}, {when} the sweep at {passed}, ends at {ms}");
            }
        };
        check(&rig, "before");
        rig.store.sweep_all(rig.now);
        check(&rig, "after");
        assert_eq!(rig.keys(), ends.values().filter(|ms| **ms >= passed).count(), "what has passed is gone");
        rig.assert_counted();
    }
    assert_eq!((rig.store.memory().used(), rig.store.memory().snapshot().data), (0, 0));
    assert_eq!(rig.store.expiry_lag().keys as usize, ends.len());
    assert!(rig.resident() <= MB / 2, "{} bytes stay resident", rig.resident());
}

#[test]
fn deadlines_that_move_often_are_kept() {
    let mut rig = Rig::new(4 * MB, "noeviction");
    let mut random = Rng::with_seed(2);
    let mut ends: BTreeMap<usize, Deadline> = BTreeMap::new();
    for _ in 0..400 {
        for _ in 0..50 {
            let number = random.usize(..500);
            let key = format!("session{number}");
            // Earlier, later, none, beyond what six bytes hold.
            let deadline = match random.u8(..20) {
                0 => Deadline::NEVER,
                1 => Deadline::at(Millis(1 << 50)),
                _ => rig.after(random.u64(1..3_000)),
            };
            if rig.write(key.as_bytes(), |keys| keys.set_deadline(key.as_bytes(), deadline)) {
                assert!(!ends[&number].passed(rig.now), "{key} was there past its deadline");
            } else {
                rig.set(key.as_bytes(), &value_of(&key, number), deadline).unwrap();
            }
            ends.insert(number, deadline);
        }
        rig.wait(random.u64(1..200));
        if random.bool() {
            rig.store.sweep_all(rig.now);
            let alive = ends.values().filter(|deadline| !deadline.passed(rig.now)).count();
            assert_eq!(rig.keys(), alive);
        }
        for (number, deadline) in &ends {
            let key = format!("session{number}");
            let wanted = (!deadline.passed(rig.now)).then(|| value_of(&key, *number));
            assert_eq!(rig.get(&key), wanted, "{key}");
        }
        rig.assert_counted();
    }
}

#[test]
fn what_a_flush_left_goes_even_while_other_segments_close() {
    let mut rig = Rig::new(8 * MB, "noeviction");
    // Segments that close in the midst of the sweep: those in front first, since their keys end.
    for number in 0..12_000 {
        rig.put_for(&format!("brief{number}"), 100, 1_000 + number / 12).unwrap();
        if number % 400 == 0 {
            rig.put_for(&format!("large{number}"), 70_000, 1_500).unwrap();
        }
    }
    for number in 0..20_000 {
        rig.put(&format!("k{number}"), 150).unwrap();
    }
    rig.flush();
    rig.put("stays", 100).unwrap();
    for _ in 0..60 {
        rig.wait(40);
        for part in 0..rig.store.sweep_parts() {
            rig.store.sweep(part, rig.now);
        }
    }
    rig.store.sweep_all(rig.now);
    assert_eq!(rig.get("stays"), Some(value_of("stays", 100)));
    let items = rig.store.memory().snapshot().items;
    assert!(items < 200, "{items} bytes of flushed items are left");
    rig.assert_counted();
}

#[test]
fn a_large_item_that_closes_during_a_purge_hides_no_segment_from_it() {
    let mut rig = Rig::new(3 * MB, "noeviction");
    for number in 0..4 {
        rig.put(&format!("large{number}"), 100_000).unwrap();
    }
    for number in 0..9_000 {
        rig.put(&format!("k{number}"), 150).unwrap();
    }
    rig.flush();
    rig.put("stays", 100_000).unwrap();
    // A step of the purge, then a key that leaves takes its segment out of the row, over and over.
    for turn in 0..40 {
        rig.put(&format!("x{turn}"), 100_000).unwrap();
        rig.store.sweep(0, rig.now);
        for key in [format!("x{turn}"), "stays".to_owned()] {
            rig.write(key.as_bytes(), |keys| keys.delete(key.as_bytes()));
            rig.store.sweep(0, rig.now);
        }
    }
    rig.store.sweep_all(rig.now);
    assert_eq!(rig.store.memory().snapshot().data, 0);
    rig.assert_counted();
}

#[test]
fn a_deadline_of_a_large_value_takes_no_memory_even_where_there_is_none_left() {
    let mut rig = Rig::new(2 * MB, "noeviction");
    // Of sizes with which a few bytes more take a page more.
    let keys: Vec<(String, usize)> =
        (10..99).map(|number| (format!("large{number}"), 139_246 + number % 6)).collect();
    let keys: Vec<(String, usize)> =
        keys.into_iter().take_while(|(key, bytes)| rig.put(key, *bytes).is_ok()).collect();
    assert!(keys.len() > 10);
    let before = rig.resident();
    for deadline in [rig.after(1 << 30), Deadline::NEVER, rig.after(1 << 49), rig.after(1 << 30)] {
        for (key, bytes) in &keys {
            assert!(rig.write(key.as_bytes(), |keys| keys.set_deadline(key.as_bytes(), deadline)));
            assert_eq!(rig.get(key), Some(value_of(key, *bytes)));
        }
        assert_eq!(rig.resident(), before);
        rig.assert_counted();
    }
}

/// Writes, grows, shrinks and deletes strings at random, in small memory; what can be read is what was written.
fn random_strings(policy: &str, sizes: impl Fn(&mut Rng) -> usize, seed: u64) {
    let mut rig = Rig::new(2 * MB, policy);
    let (mut random, mut model) = (Rng::with_seed(seed), BTreeMap::<String, Vec<u8>>::new());
    for step in 0..6_000 {
        let key = format!("k{}", random.u8(..60));
        let size = sizes(&mut random);
        let piece = vec![random.u8(..); size];
        let there = rig.get(&key);
        if rig.evicted() == 0 {
            assert_eq!(there.as_ref(), model.get(&key), "{key} in step {step}");
        } else {
            assert!(there.is_none() || there.as_ref() == model.get(&key), "{key} in step {step}");
        }
        let mut text = there.unwrap_or_default();
        match random.u8(..10) {
            0 => {
                rig.write(key.as_bytes(), |keys| keys.delete(key.as_bytes()));
                model.remove(&key);
                continue;
            }
            1 => {
                let deadline = if random.bool() { Deadline::NEVER } else { rig.after(1 << 45) };
                rig.write(key.as_bytes(), |keys| keys.set_deadline(key.as_bytes(), deadline));
                continue;
            }
            2..5 if rig.room(size).is_ok() => {
                rig.write(key.as_bytes(), |keys| keys.set(key.as_bytes(), &piece, Deadline::NEVER));
                text = piece;
            }
            5..10 if text.len() + size < 300_000 && rig.room(2 * (text.len() + size)).is_ok() => {
                let offset = if random.bool() { text.len() } else { random.usize(..=text.len()) };
                // Made anew if it left to make the room.
                let there = rig.get(&key).is_some();
                if !there {
                    text.clear();
                }
                let length =
                    rig.write(key.as_bytes(), |keys| keys.patch(key.as_bytes(), offset, &piece)).unwrap();
                text.resize(length.max(text.len()), 0);
                text[offset..offset + size].copy_from_slice(&piece);
            }
            _ => continue,
        }
        model.insert(key, text);
        if step % 50 == 0 {
            rig.assert_counted();
        }
    }
    rig.assert_counted();
    rig.assert_limited();
}

#[test]
fn small_strings_grow_and_shrink_within_their_segments() {
    for seed in 0..4 {
        random_strings("noeviction", |random| random.usize(..40), seed);
        random_strings("segment-merge", |random| random.usize(..3_000), seed);
    }
}

#[test]
fn large_strings_grow_and_shrink_and_are_replaced_by_small_ones() {
    for seed in 0..4 {
        random_strings("segment-merge", |random| random.usize(..90_000), seed);
        random_strings("noeviction", |random| if random.bool() { 10 } else { random.usize(..90_000) }, seed);
    }
}
