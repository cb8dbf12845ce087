//! Tests of what leaves at the memory limit, and of what does not.

use larder_proto::time::Deadline;

use super::testing::{Rig, value_of};
use super::{DATABASES, Database, Eviction, OutOfMemory};

const MB: usize = 1 << 20;

/// Policies under which any key may leave.
const ALL_KEYS: [&str; 5] =
    ["segment-merge", "segment-merge-use", "allkeys-lru", "allkeys-lfu", "allkeys-random"];

/// Policies under which keys with a deadline may leave.
const VOLATILE: [&str; 4] = ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"];

/// Writes keys of these sizes, in turn, so many bytes in all.
fn pour(rig: &mut Rig, name: &str, sizes: &[usize], bytes: usize) {
    let (mut written, mut number) = (0, 0);
    while written < bytes {
        let size = sizes[number % sizes.len()];
        rig.put(&format!("{name}{number}"), size).unwrap();
        written += size + 30;
        number += 1;
    }
}

#[test]
fn the_limit_holds_and_is_used_whatever_the_sizes() {
    for limit in [MB, 4 * MB] {
        for sizes in [&[20][..], &[100], &[1_000], &[5_000], &[30_000], &[60_000], &[20, 60_000, 300]] {
            let mut rig = Rig::new(limit, "segment-merge");
            pour(&mut rig, "k", sizes, limit * 2);
            rig.assert_counted();
            rig.assert_limited();
            let live = rig.live_percent();
            assert!(live > 90, "{live} % of {limit} bytes are live with sizes {sizes:?}");
        }
    }
}

#[test]
fn the_limit_holds_while_sizes_drift() {
    let mut rig = Rig::new(4 * MB, "segment-merge");
    for (turn, size) in [50, 500, 5_000, 60_000, 1_000_000, 5_000, 500, 50].into_iter().enumerate() {
        pour(&mut rig, &format!("{turn}:"), &[size], 5 * MB);
        rig.assert_counted();
        rig.assert_limited();
        // Three blocks of a megabyte fit, four do not.
        let wanted = if size > 100_000 { 70 } else { 90 };
        let live = rig.live_percent();
        assert!(live > wanted, "{live} % is live after values of {size} bytes");
    }
}

#[test]
fn a_store_of_large_values_only_lets_some_leave() {
    for policy in ALL_KEYS {
        let mut rig = Rig::new(4 * MB, policy);
        for number in 0..200 {
            rig.put(&format!("k{number}"), 100_000).unwrap_or_else(|_| panic!("write {number}, {policy}"));
        }
        assert!(rig.keys() > 30, "{} keys are left, {policy}", rig.keys());
        rig.assert_counted();
        rig.assert_limited();
    }
}

#[test]
fn every_policy_by_which_any_key_leaves_keeps_writing() {
    for policy in ALL_KEYS {
        let mut rig = Rig::new(2 * MB, policy);
        pour(&mut rig, "k", &[40, 400, 4_000, 150_000], 8 * MB);
        assert!(rig.evicted() > 0 && rig.live_percent() > 80, "{policy}: {} %", rig.live_percent());
        rig.assert_counted();
        rig.assert_limited();
    }
}

#[test]
fn what_is_used_often_outlives_a_scan() {
    for policy in ["segment-merge", "segment-merge-use", "allkeys-lfu"] {
        let mut rig = Rig::new(4 * MB, policy);
        let hot = |number: usize| format!("hot{number}");
        (0..1_000).for_each(|number| rig.put(&hot(number), 300).unwrap());
        for _ in 0..3 {
            (0..1_000).for_each(|number| assert!(rig.get(&hot(number)).is_some()));
        }
        // Nobody reads them while ten times the memory passes by.
        pour(&mut rig, "scan", &[300], 40 * MB);
        let left = (0..1_000).filter(|&number| rig.get(&hot(number)).is_some()).count();
        assert!(left > 950, "{left} of 1000 are left, {policy}");
        rig.assert_counted();
    }
}

#[test]
fn without_eviction_writes_are_refused_and_no_key_is_lost() {
    for policy in ["none", "noeviction"] {
        let mut rig = Rig::new(2 * MB, policy);
        let mut kept = Vec::new();
        for number in 0..40_000 {
            let (key, size) = (format!("k{number}"), [30, 300, 3_000, 70_000][number % 4]);
            if rig.put(&key, size).is_ok() {
                kept.push((key, size));
            }
        }
        assert!(rig.live_percent() > 92 && kept.len() > 40, "{} % are live", rig.live_percent());
        assert_eq!((rig.evicted(), rig.keys()), (0, kept.len()));
        for (key, size) in &kept {
            assert_eq!(rig.get(key), Some(value_of(key, *size)), "{key}");
        }
        rig.assert_counted();
        rig.assert_limited();
    }
}

#[test]
fn what_deletes_free_in_one_part_is_there_for_another() {
    let mut rig = Rig::new(8 * MB, "noeviction");
    let mut number = 0;
    while rig.put(&format!("k{number}"), 500).is_ok() {
        number += 1;
    }
    // Holes of a few per cent, everywhere; what is written then is all in one partition.
    for key in (0..number).step_by(20).map(|number| format!("k{number}")) {
        assert!(rig.write(key.as_bytes(), |keys| keys.delete(key.as_bytes())));
    }
    rig.highest = 0;
    let more = (0..).take_while(|more| rig.put(&format!("{{t}}{more}"), 500).is_ok()).count();
    assert!(more > number / 25, "{more} more beside {number}");
    rig.assert_counted();
    rig.assert_limited();
}

#[test]
fn volatile_policies_evict_keys_with_a_deadline_and_no_others() {
    for policy in VOLATILE {
        let mut rig = Rig::new(2 * MB, policy);
        (0..2_000).for_each(|number| rig.put(&format!("forever{number}"), 300).unwrap());
        (0..20_000).for_each(|number| rig.put_for(&format!("brief{number}"), 300, 1_000_000).unwrap());
        assert!(rig.evicted() > 10_000);
        assert!((0..2_000).all(|number| rig.get(&format!("forever{number}")).is_some()), "{policy}");
        // As long as one with a deadline is left, room is made.
        let more = (0..100_000).find(|number| rig.put(&format!("more{number}"), 300).is_err()).unwrap();
        let size = rig.store.size(Database::default());
        assert_eq!((size.keys, size.deadlines), (2_000 + more, 0), "{policy}");
        assert!(rig.live_percent() > 90, "{} %, {policy}", rig.live_percent());
        rig.assert_counted();
        rig.assert_limited();
    }
}

#[test]
fn a_store_without_keys_that_may_leave_says_so_without_looking_at_all() {
    let mut rig = Rig::new(8 * MB, "volatile-ttl");
    let filled = (0..).find(|number| {
        let key = format!("k{number}");
        let done = rig.put_for(&key, 20, 1_000_000).is_err();
        // It had a deadline once.
        rig.write(key.as_bytes(), |keys| keys.set_deadline(key.as_bytes(), Deadline::NEVER));
        done || rig.evicted() > 0
    });
    while rig.put("{t}x", 20_000).is_ok() && rig.put(&format!("{{t}}{}", rig.keys()), 3_000).is_ok() {}
    // Read in full each time, the items would take seconds.
    let keys = rig.keys();
    (0..2_000).for_each(|_| assert_eq!(rig.room(20_000), Err(OutOfMemory)));
    assert_eq!(
        (rig.keys(), rig.store.timed_segments()),
        (keys, 0),
        "no segment is looked through, of {filled:?}"
    );
}

#[test]
fn the_nearest_deadline_leaves_first() {
    let mut rig = Rig::new(2 * MB, "volatile-ttl");
    for number in 0..4_000 {
        let far = number % 2 == 0;
        rig.put_for(
            &format!("{}{number}", if far { "far" } else { "near" }),
            200,
            if far { 900_000 } else { 10_000 },
        )
        .unwrap();
    }
    pour(&mut rig, "k", &[200], MB * 3 / 2);
    let left = |rig: &Rig, name: &str| {
        (0..4_000).filter(|number| rig.get(&format!("{name}{number}")).is_some()).count()
    };
    let (near, far) = (left(&rig, "near"), left(&rig, "far"));
    assert!(far > near + 1_000, "{far} far and {near} near ones are left");
}

#[test]
fn collections_leave_one_by_one_and_not_all_at_once() {
    for bytes in [2_000, 150_000] {
        let mut rig = Rig::new(4 * MB, "segment-merge");
        let (fields, mut lowest) = (bytes / 1_000, usize::MAX);
        for number in 0..10 * MB / bytes {
            let key = format!("h{number}");
            for field in 0..fields {
                rig.room(1_000).unwrap();
                rig.write(key.as_bytes(), |keys| {
                    keys.hash_set(key.as_bytes(), format!("f{field}").as_bytes(), &[b'v'; 1_000]).unwrap()
                });
            }
            if rig.evicted() > 0 {
                lowest = lowest.min(rig.live_percent());
            }
        }
        rig.assert_counted();
        rig.assert_limited();
        assert!(lowest > 85, "{lowest} % were live at a moment with hashes of {bytes} bytes");
        assert!(rig.evicted() > 0);
    }
}

#[test]
fn a_large_collection_that_leaves_makes_the_room_it_took() {
    let mut rig = Rig::new(8 * MB, "segment-merge");
    for key in ["a", "b", "c"] {
        for field in 0..2_000 {
            rig.room(1_000).unwrap();
            rig.write(key.as_bytes(), |keys| {
                keys.hash_set(key.as_bytes(), format!("f{field}").as_bytes(), &[b'v'; 1_000]).unwrap()
            });
        }
    }
    for number in 0..2_000 {
        rig.put(&format!("k{number}"), 600).unwrap();
    }
    // Deleted, one of them is more than is asked for: nobody has to leave.
    let evicted = rig.evicted();
    rig.write(b"a", |keys| keys.delete(b"a"));
    rig.room(1_000_000).unwrap();
    assert_eq!(rig.evicted(), evicted, "nobody left for what was deleted already");
    assert!(rig.keys() > 1_000, "{} keys", rig.keys());
    rig.assert_counted();
}

#[test]
fn a_limit_lowered_far_is_reached_by_requests_and_in_the_background() {
    let mut rig = Rig::new(8 * MB, "segment-merge");
    pour(&mut rig, "k", &[200], 12 * MB);
    rig.store.memory().set_limit(2 * MB);
    while rig.store.shrink(rig.now, &mut rig.random) > 0 {}
    assert!(rig.resident() <= 2 * MB && rig.live_percent() > 80, "{} %", rig.live_percent());
    rig.store.memory().set_limit(MB);
    let before = rig.resident();
    rig.put("x", 200).unwrap();
    assert!(rig.resident() < before, "a request pays a part of the debt");
    while rig.store.shrink(rig.now, &mut rig.random) > 0 {}
    assert!(rig.resident() <= MB + MB / 50);
    rig.assert_counted();
}

#[test]
fn buffers_take_the_room_of_keys() {
    let mut rig = Rig::new(4 * MB, "segment-merge");
    pour(&mut rig, "k", &[200], 8 * MB);
    rig.store.memory().count_buffers(2 * MB as i64);
    rig.put("x", 200).unwrap();
    while rig.store.shrink(rig.now, &mut rig.random) > 0 {}
    assert!(rig.resident() <= 4 * MB + MB / 50, "{}", rig.resident());
    let keys = rig.keys();
    assert_eq!(rig.room(3 * MB), Err(OutOfMemory), "beside the buffers there is no room for so much");
    assert_eq!(rig.keys(), keys, "and nobody left for it");
    rig.assert_counted();
}

#[test]
fn every_name_of_a_policy_is_known_and_is_what_redis_calls_it() {
    for name in [
        "noeviction",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    ] {
        let policy = Eviction::named(name).unwrap();
        assert_eq!((policy.name(), policy.redis_name()), (name, name));
        assert_eq!(Eviction::named(&name.to_uppercase()), Some(policy));
    }
    assert_eq!(Eviction::named("volatile"), None);
    assert!(Eviction::names().all(|name| Eviction::named(name).is_some()));
}

#[test]
fn a_policy_may_change_while_the_store_is_full() {
    let mut rig = Rig::new(2 * MB, "noeviction");
    for turn in 0..3 {
        for name in Eviction::names() {
            rig.store.set_eviction(Eviction::named(name).unwrap());
            for number in 0..300 {
                let key = format!("{name}{turn}:{number}");
                let size = [100, 3_000, 90_000][number % 3];
                let done =
                    if number % 2 == 0 { rig.put(&key, size) } else { rig.put_for(&key, size, 60_000) };
                assert!(
                    done.is_ok() || !name.starts_with("allkeys-") && !name.starts_with("segment"),
                    "{name}"
                );
            }
            rig.assert_counted();
            rig.assert_limited();
        }
    }
    assert_eq!(Database::all().count(), DATABASES);
}

#[test]
fn where_addresses_run_out_others_leave_and_the_newest_stays() {
    let mut rig = Rig::new(MB, "segment-merge");
    // Many times what the addresses were reserved for.
    rig.store.memory().set_limit(1 << 30);
    for number in 0..600 {
        let key = format!("k{number}");
        rig.put(&key, 150_000).unwrap();
        assert!(rig.get(&key).is_some(), "key {number}");
    }
    assert!(rig.keys() > 100);
    rig.assert_counted();
}
