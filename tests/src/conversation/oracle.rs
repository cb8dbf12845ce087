//! Whether some bytes are exactly one reply. Two readers have to agree: `redis-protocol`, which is not ours, and the
//! strict reader of the transcripts, which checks every terminator.

use larder_proto::resp::Version;
use redis_protocol::{resp2, resp3};

use crate::reply;
use crate::text::escape;

/// Checks that `bytes` are one whole reply in this version and nothing else. `None` for the reply to a request that
/// changed the version, half-way even, as EXEC with a HELLO inside does: only the strict reader, which knows both, is asked.
///
/// # Errors
/// A sentence that says what is wrong, with the bytes.
pub fn one_reply(bytes: &[u8], version: Option<Version>) -> Result<(), String> {
    let (_, length) = reply::parse(bytes)
        .map_err(|error| told(bytes, &error))?
        .ok_or_else(|| told(bytes, "not a whole reply"))?;
    if length != bytes.len() {
        return Err(told(bytes, &format!("a reply of {length} bytes, then more")));
    }
    let decoded = match version {
        None => return Ok(()),
        Some(Version::Resp2) => resp2::decode::decode(bytes)
            .map(|found| found.map(|(_, length)| length))
            .map_err(|e| e.to_string()),
        Some(Version::Resp3) => resp3::decode::complete::decode(bytes)
            .map(|found| found.map(|(_, length)| length))
            .map_err(|e| e.to_string()),
    };
    match decoded {
        Ok(Some(length)) if length == bytes.len() => Ok(()),
        Ok(other) => {
            Err(told(bytes, &format!("redis-protocol ends it at {other:?} of {} bytes", bytes.len())))
        }
        Err(error) if error.contains(UNHASHABLE) => Ok(()),
        Err(error) => Err(told(bytes, &format!("redis-protocol: {error}"))),
    }
}

fn told(bytes: &[u8], what: &str) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    format!("{what}: {}", escape(shown))
}

/// redis-protocol keeps the parts of a set in a hash table, into which it puts no map: COMMAND's key specifications are
/// a set of maps. Such a reply is left to the strict reader.
const UNHASHABLE: &str = "Invalid hash key";

const SHOWN_BYTES_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reply_is_one_reply() {
        for (bytes, version) in [
            (&b"+OK\r\n"[..], Version::Resp2),
            (b"*2\r\n$-1\r\n$0\r\n\r\n", Version::Resp2),
            (b"*-1\r\n", Version::Resp2),
            (b"_\r\n", Version::Resp3),
            (b"%1\r\n$1\r\na\r\n,1.5\r\n", Version::Resp3),
            (b"=7\r\ntxt:abc\r\n", Version::Resp3),
            (b"~1\r\n%1\r\n+a\r\n:1\r\n", Version::Resp3),
        ] {
            assert_eq!(one_reply(bytes, Some(version)), Ok(()));
        }
    }

    #[test]
    fn anything_else_is_reported() {
        for (bytes, wanted) in [
            (&b""[..], "not a whole"),
            (b"+OK\r\n+OK\r\n", "then more"),
            (b"*2\r\n:1\r\n", "not a whole"),
            (b"$2\r\nabc\r\n", "CRLF"),
            (b"_\r\n", "redis-protocol"),
            (b"%1\r\n+a\r\n+b\r\n", "redis-protocol"),
        ] {
            let error = one_reply(bytes, Some(Version::Resp2)).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
