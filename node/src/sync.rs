//! The locks and counters that the store is made of, by one name each, so that a checker can put its own in their place
//! (`tests/races`). What they guard is left to the store.

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};
pub(crate) use std::thread_local;

pub(crate) use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
