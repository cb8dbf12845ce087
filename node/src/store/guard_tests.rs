//! Tests of single partitions: what they count, how they are emptied, what is refused when effects are applied.

use fastrand::Rng;
use larder_proto::effect::{DecodeError, Effect, Order, encode};
use larder_proto::slot::{Partition, Slot};
use larder_proto::time::{Deadline, Millis};

use super::testing::{Rig, START, value_of};
use super::{Access, ApplyError, Database, PartitionSet, Walker, Watch, Writer};

const KEY: &[u8] = b"{t}key";

fn partition() -> Partition {
    Partition::of(KEY)
}

fn set(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(0, &Effect::Set { key, value, deadline: Deadline::NEVER }, &mut bytes);
    bytes
}

fn sequence(rig: &Rig) -> u64 {
    rig.store.lock_partition(partition(), Access::Read, rig.now).sequence()
}

impl Rig {
    fn apply(&mut self, first: u64, bytes: &[u8]) -> Result<(), ApplyError> {
        self.store.apply(partition(), first, bytes, (self.now, &mut self.random))
    }
}

#[test]
fn effects_are_applied_in_their_order_or_not_at_all() {
    let mut rig = Rig::new(8 << 20, "segment-merge");
    rig.apply(1, &[set(KEY, b"a"), set(KEY, b"b")].concat()).unwrap();
    assert_eq!((rig.get("{t}key"), sequence(&rig)), (Some(b"b".to_vec()), 2));
    for first in [0, 1, 2, 4] {
        assert_eq!(rig.apply(first, &set(KEY, b"c")), Err(ApplyError::Gap { have: 2, got: first }));
    }
    let broken = [set(KEY, b"c"), vec![0x0a]].concat();
    assert_eq!(rig.apply(3, &broken), Err(ApplyError::Malformed(DecodeError::Malformed)));
    let elsewhere = [set(KEY, b"c"), set(b"elsewhere", b"c")].concat();
    assert_eq!(rig.apply(3, &elsewhere), Err(ApplyError::Malformed(DecodeError::Malformed)));
    let unknown = [set(KEY, b"c"), vec![0x0a, 2, 8, 99]].concat();
    assert_eq!(rig.apply(3, &unknown), Err(ApplyError::Malformed(DecodeError::Unknown { number: 99 })));
    assert_eq!((rig.get("{t}key"), sequence(&rig)), (Some(b"b".to_vec()), 2));
    // Nothing is nothing, and a piece has no number.
    rig.apply(3, &[]).unwrap();
    rig.store.fill(partition(), &set(KEY, b"d"), (rig.now, &mut Rng::with_seed(1))).unwrap();
    assert_eq!((rig.get("{t}key"), sequence(&rig)), (Some(b"d".to_vec()), 2));
    rig.assert_counted();
}

#[test]
fn a_copy_whose_clock_is_ahead_obeys_its_owner() {
    let mut rig = Rig::new(8 << 20, "segment-merge");
    let mut bytes = Vec::new();
    let deadline = Deadline::at(Millis(START.0 - 50));
    let (field, value) = (b"f".as_slice(), b"v".as_slice());
    encode(0, &Effect::HashSet { key: KEY, field, value, created: true }, &mut bytes);
    encode(0, &Effect::Deadline { key: KEY, deadline }, &mut bytes);
    encode(0, &Effect::HashSet { key: KEY, field: b"g", value, created: false }, &mut bytes);
    encode(0, &Effect::Deadline { key: KEY, deadline: Deadline::NEVER }, &mut bytes);
    rig.apply(1, &bytes).unwrap();
    let keyspace = rig.store.lock_one(KEY, None, Access::Read, (Database::default(), rig.now));
    assert_eq!(keyspace.hash(KEY).unwrap().map(|hash| hash.len()), Some(2));
}

#[test]
fn a_full_copy_evicts_or_refuses_what_adds_and_takes_what_does_not() {
    let mut rig = Rig::new(1 << 20, "segment-merge");
    let value = vec![b'v'; 20_000];
    for number in 0..200 {
        rig.apply(number + 1, &set(format!("{{t}}{number}").as_bytes(), &value)).unwrap();
    }
    assert!(rig.evicted() > 100 && rig.resident() <= (1 << 20) + (1 << 15));
    rig.assert_counted();

    let mut rig = Rig::new(1 << 20, "noeviction");
    let full =
        (1..).find(|&number| rig.apply(number, &set(format!("{{t}}{number}").as_bytes(), &value)).is_err());
    let full = full.unwrap();
    assert_eq!(rig.apply(full, &set(b"{t}x", &value)), Err(ApplyError::OutOfMemory));
    let mut deleted = Vec::new();
    encode(0, &Effect::Delete { key: b"{t}1" }, &mut deleted);
    rig.apply(full, &deleted).unwrap();
    assert_eq!(rig.get("{t}1"), None);
    let mut patched = Vec::new();
    encode(0, &Effect::Patch { key: b"{t}2", offset: 1 << 20, bytes: b"v" }, &mut patched);
    assert_eq!(rig.apply(full + 1, &patched), Err(ApplyError::OutOfMemory), "the zeros count");
    rig.assert_counted();
}

#[test]
fn a_partition_is_cleared_and_no_other() {
    let mut rig = Rig::new(8 << 20, "segment-merge");
    let (watch, other) = (Watch::default(), Watch::default());
    for number in 0..50 {
        rig.put(&format!("{{t}}{number}"), 1_000).unwrap();
        rig.put(&format!("{{other}}{number}"), 1_000).unwrap();
    }
    let watched = [
        rig.store.watch(Database::default(), b"{t}none", &watch, rig.now),
        rig.store.watch(Database::default(), b"{other}1", &other, rig.now),
    ];
    assert!(watched[1].existed && !watched[0].existed);
    let size = |rig: &Rig| rig.store.size_of(partition(), Database::default()).keys;
    assert_eq!((size(&rig), rig.keys()), (50, 100));
    assert!((50_000..55_000).contains(&rig.store.bytes_of(partition())));
    rig.store.lock_partition(partition(), Access::Write, rig.now).clear();
    assert_eq!((size(&rig), rig.keys(), rig.store.bytes_of(partition())), (0, 50, 0));
    assert_eq!((watch.is_touched(), other.is_touched()), (true, false));
    assert_eq!(rig.get("{t}1"), None);
    assert_eq!(rig.get("{other}1"), Some(value_of("{other}1", 1_000)));
    rig.assert_counted();
    rig.store.sweep_all(rig.now);
    rig.assert_counted();
    let items = rig.store.memory().snapshot().items;
    assert!(items < 60_000, "{items} bytes: what was cleared is not reclaimed");
}

#[test]
fn a_flush_is_of_the_partitions_held() {
    let mut rig = Rig::new(8 << 20, "segment-merge");
    rig.put("{t}1", 10).unwrap();
    rig.put("{other}1", 10).unwrap();
    rig.write(KEY, |keys| keys.flush(Database::default()));
    assert_eq!((rig.get("{t}1"), rig.keys()), (None, 1));
    rig.put("{t}1", 10).unwrap();
    let some: PartitionSet = [Partition::of(b"{other}1"), Partition::of(b"{other}1")].into_iter().collect();
    assert_eq!(some.as_slice().len(), 1);
    let mut keyspace = rig.store.lock(&some, Access::Write, Database::default(), rig.now);
    Writer::new(&mut keyspace, &mut super::testing::Nowhere).flush_all();
    drop(keyspace);
    assert_eq!((rig.get("{t}1").is_some(), rig.get("{other}1"), rig.keys()), (true, None, 1));
    rig.assert_counted();
}

#[test]
fn flushes_without_end_cost_neither_bytes_nor_time() {
    let mut rig = Rig::new(8 << 20, "segment-merge");
    let bytes_of_one = |rig: &mut Rig| {
        rig.put("{t}1", 10).unwrap();
        rig.store.bytes_of(partition())
    };
    let first = bytes_of_one(&mut rig);
    for turn in 0..100_u8 {
        for _ in 0..1 + turn % 6 {
            rig.flush();
            assert_eq!(bytes_of_one(&mut rig), first, "a namespace is one byte");
        }
        rig.store.sweep_all(rig.now);
        rig.assert_counted();
    }
    // Without a sweep the namespaces become longer, but what was flushed does not pile up.
    for _ in 0..2_000 {
        rig.flush();
        rig.put("{t}1", 10).unwrap();
    }
    assert!(rig.store.shards[0].read().table.len() <= 2, "a key that comes back leaves one twin at most");
    rig.assert_counted();
    rig.store.sweep_all(rig.now);
    rig.flush();
    assert_eq!(bytes_of_one(&mut rig), first);
    rig.assert_counted();
}

#[test]
fn databases_may_lie_in_any_order() {
    let rig = Rig::new(8 << 20, "segment-merge");
    let mut random = Rng::with_seed(5);
    let mut order = Order::FIRST;
    for turn in 0..60 {
        for database in Database::all() {
            let effect = Effect::Set { key: KEY, value: &[database.byte()], deadline: Deadline::NEVER };
            let mut bytes = Vec::new();
            encode(database.byte(), &effect, &mut bytes);
            rig.store.fill(partition(), &bytes, (rig.now, &mut random)).unwrap();
        }
        rig.assert_counted();
        (0..random.usize(..9)).for_each(|_| order = order.swapped(random.u8(..16), random.u8(..16)));
        let mut bytes = Vec::new();
        encode(0, &Effect::Clear { order }, &mut bytes);
        rig.store.fill(partition(), &bytes, (rig.now, &mut random)).unwrap();
        assert!(Database::all().all(|database| rig.store.size(database).keys == 0));
        rig.assert_counted();
        if turn % 4 == 0 {
            rig.store.sweep_all(rig.now);
            rig.assert_counted();
        }
    }
}

#[test]
fn the_keys_of_a_slot_are_found() {
    let mut rig = Rig::new(8 << 20, "segment-merge");
    for number in 0..700 {
        rig.put(&format!("{{t}}{number}"), 5).unwrap();
        rig.put(&format!("k{number}"), 5).unwrap();
    }
    rig.put_for("{t}ended", 5, 1).unwrap();
    rig.wait(5);
    let walker = Walker::new(&rig.store, Database::default(), rig.now);
    let mut keys = Vec::new();
    let visited = walker.slot_keys(Slot::of(KEY), usize::MAX, |key| keys.push(key.to_vec()));
    assert_eq!((visited, keys.len()), (700, 700));
    assert!(keys.iter().all(|key| key.starts_with(b"{t}")));
    assert_eq!(walker.slot_keys(Slot::of(KEY), 10, |_| {}), 10);
    let one = PartitionSet::of(KEY);
    let (mut among, mut cursor) = (0, super::Cursor(0));
    loop {
        let walker = Walker::new(&rig.store, Database::default(), rig.now).among(&one);
        cursor = walker.scan(cursor, 100, |key, _| among += usize::from(Partition::of(key) == partition()));
        if cursor == super::Cursor(0) {
            break;
        }
    }
    assert_eq!(among, rig.store.size_among(&one, Database::default()).keys - 1, "but for the one that ended");
}

#[test]
fn pieces_of_a_partition_come_from_everywhere_so_that_no_table_fills_from_one_end() {
    let mut rig = Rig::new(64 << 20, "segment-merge");
    for number in 0..20_000 {
        rig.put(&format!("{{t}}{number}"), 10).unwrap();
    }
    let (mut from, mut below, mut seen) = (0, 0, 0);
    while seen < 10_000 {
        let mut bytes = Vec::new();
        let guard = rig.store.lock_partition(partition(), Access::Read, rig.now);
        from = guard.copy_out(from, 4 << 10, &mut bytes).next.unwrap();
        for effect in larder_proto::effect::decode_all(&bytes) {
            let (_, effect) = effect.unwrap();
            let Some(key) = effect.key() else { continue };
            // The topmost bit of the hash is that of the tag.
            below += usize::from(rig.store.find_out(Database::default(), key).hash >> 63 == 0);
            seen += 1;
        }
    }
    assert!((4_000..6_000).contains(&below), "{below} of {seen} keys are in the lower half of the table");
}
