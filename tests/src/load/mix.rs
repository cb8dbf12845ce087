//! What a load asks: batches of GET, MGET and SET over some keys, drawn from a seed, already in wire form.

use std::sync::Arc;
use std::time::Duration;

/// The settings of a load.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server's port on 127.0.0.1.
    pub port: u16,
    /// Connections, all served by one thread.
    pub connections: u32,
    /// Requests that a connection sends before it waits for their replies.
    pub pipeline: u32,
    /// How long to ask.
    pub time: Duration,
    /// Keys `key:0` to one below this, each as likely as the others.
    pub keys: u64,
    /// Keys to use in their place, if there are any.
    pub names: Arc<[String]>,
    /// Reads are MGETs of so many keys; GETs if it is 0.
    pub keys_per_read: usize,
    /// Length of a value.
    pub value_bytes: usize,
    /// One request in this many is a SET, the others are reads; none is if it is 0.
    pub set_every: u64,
}

impl Load {
    /// How many keys there are.
    pub fn keys(&self) -> u64 {
        if self.names.is_empty() { self.keys } else { self.names.len() as u64 }
    }
}

/// An endless row of requests.
#[derive(Clone, Debug)]
pub struct Mix {
    state: u64,
    keys: u64,
    names: Arc<[String]>,
    keys_per_read: usize,
    set_every: u64,
    value: Vec<u8>,
}

impl Mix {
    /// The row that belongs to this seed.
    pub fn new(load: &Load, seed: u64) -> Self {
        Self {
            // Any state but zero; neighbouring seeds must not give neighbouring rows.
            state: (seed + 1).wrapping_mul(SPREAD),
            keys: load.keys().max(1),
            names: Arc::clone(&load.names),
            keys_per_read: load.keys_per_read,
            set_every: load.set_every,
            value: vec![b'x'; load.value_bytes],
        }
    }

    /// Appends the next request.
    pub fn push(&mut self, batch: &mut Vec<u8>) {
        let key = self.draw() % self.keys;
        if self.set_every > 0 && self.draw().is_multiple_of(self.set_every) {
            self.push_set(key, batch);
        } else if self.keys_per_read > 0 {
            let mut words = vec!["MGET".to_owned()];
            for _ in 0..self.keys_per_read {
                let key = self.draw() % self.keys;
                words.push(self.name(key));
            }
            let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
            push_arguments(batch, &words);
        } else {
            push_arguments(batch, &[b"GET", self.name(key).as_bytes()]);
        }
    }

    /// Appends a SET of this key.
    pub fn push_set(&self, key: u64, batch: &mut Vec<u8>) {
        push_arguments(batch, &[b"SET", self.name(key).as_bytes(), &self.value]);
    }

    fn name(&self, key: u64) -> String {
        let at = usize::try_from(key).unwrap_or(usize::MAX);
        self.names.get(at).map_or_else(|| format!("key:{key}"), String::clone)
    }

    /// xorshift64: cheap, and the same everywhere.
    fn draw(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 11
    }
}

fn push_arguments(batch: &mut Vec<u8>, arguments: &[&[u8]]) {
    batch.extend_from_slice(&crate::wire::encode(arguments));
}

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        Load {
            port: 0,
            connections: 1,
            pipeline: 1,
            time: Duration::ZERO,
            keys: 10,
            names: Arc::default(),
            keys_per_read: 0,
            value_bytes: 64,
            set_every: 11,
        }
    }

    #[test]
    fn reads_of_many_are_of_the_keys_that_were_named() {
        let names = ["one", "two"].map(str::to_owned).into();
        let mut mix = Mix::new(&Load { names, keys_per_read: 3, set_every: 0, ..load() }, 0);
        let mut batch = Vec::new();
        (0..100).for_each(|_| mix.push(&mut batch));
        let text = String::from_utf8(batch).unwrap();
        assert_eq!(text.matches("*4\r\n$4\r\nMGET\r\n").count(), 100);
        let [ones, twos] = ["one", "two"].map(|name| text.matches(&format!("$3\r\n{name}\r\n")).count());
        assert!(ones > 0 && twos > 0 && ones + twos == 300, "{ones} and {twos}");
    }

    #[test]
    fn one_request_in_eleven_is_a_set_and_all_keys_come() {
        let mut mix = Mix::new(&load(), 0);
        let mut batch = Vec::new();
        (0..11_000).for_each(|_| mix.push(&mut batch));
        let text = String::from_utf8(batch).unwrap();
        let sets = text.matches("SET\r\n").count();
        assert!((900..1_100).contains(&sets), "{sets} of 11000 are SETs");
        for key in 0..10 {
            assert!(text.contains(&format!("\r\nkey:{key}\r\n")), "key {key} never came");
        }
    }
}
