//! What a load asks: batches of GET and SET over a range of keys, drawn from a seed, already in wire form.

use std::time::Duration;

/// The settings of a load.
#[derive(Clone, Copy, Debug)]
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
    /// Length of a value.
    pub value_bytes: usize,
    /// One request in this many is a SET, the others are GETs.
    pub set_every: u64,
}

/// An endless row of requests.
#[derive(Clone, Debug)]
pub struct Mix {
    state: u64,
    keys: u64,
    set_every: u64,
    value: Vec<u8>,
}

impl Mix {
    /// The row that belongs to this seed.
    pub fn new(load: &Load, seed: u64) -> Self {
        Self {
            // Any state but zero; neighbouring seeds must not give neighbouring rows.
            state: (seed + 1).wrapping_mul(SPREAD),
            keys: load.keys.max(1),
            set_every: load.set_every.max(1),
            value: vec![b'x'; load.value_bytes],
        }
    }

    /// Appends the next request.
    pub fn push(&mut self, batch: &mut Vec<u8>) {
        let key = self.draw() % self.keys;
        if self.draw().is_multiple_of(self.set_every) {
            self.push_set(key, batch);
        } else {
            push_arguments(batch, &[b"GET", format!("key:{key}").as_bytes()]);
        }
    }

    /// Appends a SET of this key.
    pub fn push_set(&self, key: u64, batch: &mut Vec<u8>) {
        push_arguments(batch, &[b"SET", format!("key:{key}").as_bytes(), &self.value]);
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

    #[test]
    fn one_request_in_eleven_is_a_set_and_all_keys_come() {
        let load = Load {
            port: 0,
            connections: 1,
            pipeline: 1,
            time: Duration::ZERO,
            keys: 10,
            value_bytes: 64,
            set_every: 11,
        };
        let mut mix = Mix::new(&load, 0);
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
