//! Panics of tasks. A task that panics ends, and its runtime keeps quiet about it; here it is remembered, so that the run fails.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

/// From now on panics on this thread are remembered. What was remembered before is forgotten.
pub(super) fn remember() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.to_string();
            let noted =
                PANIC.with(|noted| noted.try_borrow_mut().map(|mut noted| noted.get_or_insert(text).len()));
            let _ = noted;
            before(info);
        }));
    });
    PANIC.take();
}

/// The first panic since then.
pub(super) fn first() -> Option<String> {
    PANIC.with(|noted| noted.borrow().clone())
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}
