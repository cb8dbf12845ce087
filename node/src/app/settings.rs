//! Settings at run time: what CONFIG GET shows and CONFIG SET may change. The values live in the configuration; a change
//! is parsed by the setting's row, then handed to the store and the server.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::commands::ports::Settings;
use crate::config::{Ack, Config, FIXED, Names, ROWS, Row};
use crate::server::{Logins, Password, Tunables};
use crate::store::{CollectionLimits, HashLimits, ListLimits, SetLimits, SortedSetLimits, Store};

/// The settings in force.
pub struct LiveSettings {
    config: Mutex<Config>,
    store: Arc<Store>,
    tunables: Arc<Tunables>,
}

impl LiveSettings {
    /// Puts the configuration in force.
    #[must_use]
    pub fn new(config: Config, store: Arc<Store>, tunables: Arc<Tunables>) -> Self {
        let settings = Self { config: Mutex::new(config), store, tunables };
        settings.apply(&settings.config.lock());
        settings
    }

    fn apply(&self, config: &Config) {
        self.store.memory().set_limit(config.memory_bytes_max);
        self.store.set_eviction(config.eviction);
        self.store.set_collection_limits(collection_limits(config));
        let tunables = &*self.tunables;
        tunables.clients_max.store(config.clients_max, Ordering::Relaxed);
        tunables.idle_seconds_max.store(config.idle_seconds_max, Ordering::Relaxed);
        tunables.frame_seconds_max.store(config.frame_seconds_max, Ordering::Relaxed);
        tunables.value_bytes_max.store(config.value_bytes_max, Ordering::Relaxed);
        tunables.reply_bytes_max.store(config.reply_bytes_max, Ordering::Relaxed);
        tunables.key_bytes_max.store(config.key_bytes_max, Ordering::Relaxed);
        tunables.slow_us_min.store(config.slow_us_min, Ordering::Relaxed);
        tunables.hasty.store(config.ack == Ack::Owner, Ordering::Relaxed);
        tunables.retry_ms_max.store(config.retry_ms_max, Ordering::Relaxed);
        tunables.slow_entries_max.store(config.slow_entries_max, Ordering::Relaxed);
    }
}

impl Settings for LiveSettings {
    fn each(&self, visit: &mut dyn FnMut(&str, &str)) {
        let config = self.config.lock().clone();
        for row in ROWS {
            visit(row.redis.unwrap_or(row.name), &(row.show)(&config, Names::Redis));
        }
        FIXED.iter().for_each(|(name, value)| visit(name, value));
    }

    fn set(&self, changes: &[(String, String)]) -> Result<(), String> {
        let mut config = self.config.lock();
        let mut changed = config.clone();
        for (name, value) in changes {
            match FIXED.iter().find(|(fixed, _)| fixed.eq_ignore_ascii_case(name)) {
                Some((_, only)) => change_fixed(name, value, only)?,
                None => change(&mut changed, name, value)?,
            }
        }
        self.apply(&changed);
        *config = changed;
        Ok(())
    }
}

/// Who may log in, as the settings say.
pub fn logins(config: &Config) -> Logins {
    Logins {
        default: Password::new(&config.password),
        gateway: Password::new(&config.gateway_password),
        is_local: config.bind.is_loopback(),
    }
}

/// Until when collections stay compact, as the settings say.
pub fn collection_limits(config: &Config) -> CollectionLimits {
    CollectionLimits {
        hash: HashLimits {
            entries_max: config.hash_entries_max,
            value_bytes_max: config.hash_value_bytes_max,
        },
        list: ListLimits::of_setting(config.list_block_size),
        set: SetLimits {
            integers_max: config.set_integers_max,
            entries_max: config.set_entries_max,
            value_bytes_max: config.set_value_bytes_max,
        },
        sorted_set: SortedSetLimits {
            entries_max: config.sorted_set_entries_max,
            member_bytes_max: config.sorted_set_member_bytes_max,
        },
    }
}

fn change(config: &mut Config, name: &str, value: &str) -> Result<(), String> {
    let is_called = |row: &&Row| row.redis.unwrap_or(row.name).eq_ignore_ascii_case(name);
    let row = ROWS
        .iter()
        .find(is_called)
        .ok_or_else(|| format!("Unknown option or number of arguments for CONFIG SET - '{name}'"))?;
    if !row.live {
        return Err(failed(name, "can't set immutable config"));
    }
    (row.parse)(config, value).map_err(|error| failed(name, &error))
}

fn change_fixed(name: &str, value: &str, only: &str) -> Result<(), String> {
    if value == only {
        return Ok(());
    }
    Err(failed(name, &format!("in Larder its value is always '{only}'")))
}

fn failed(name: &str, why: &str) -> String {
    format!("CONFIG SET failed (possibly related to argument '{name}') - {why}")
}
