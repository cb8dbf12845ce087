//! The digests and keyed digests of `System.Security.Cryptography`. MD5 protects nothing: it is here for
//! `ETag`, `Content-MD5` and keys that others have made so.

use aws_lc_rs::{digest, hmac};
use md5::{Digest, Md5};

/// A digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5`, which is broken: for agreement with others only.
    Md5,
    /// `SHA1`, for signatures of old services only.
    Sha1,
    /// `SHA256`
    Sha256,
    /// `SHA384`
    Sha384,
    /// `SHA512`
    Sha512,
}

/// `algorithm.ComputeHash(bytes)`
#[must_use]
pub fn compute(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
    let algorithm = match algorithm {
        Algorithm::Md5 => return Md5::digest(bytes).to_vec(),
        Algorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha256 => &digest::SHA256,
        Algorithm::Sha384 => &digest::SHA384,
        Algorithm::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, bytes).as_ref().to_vec()
}

/// `new HMACSHA256(key).ComputeHash(bytes)` and the like; a key of any length.
#[must_use]
pub fn keyed(algorithm: Algorithm, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let algorithm = match algorithm {
        Algorithm::Md5 => return keyed_md5(key, bytes),
        Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha256 => hmac::HMAC_SHA256,
        Algorithm::Sha384 => hmac::HMAC_SHA384,
        Algorithm::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::sign(&hmac::Key::new(algorithm, key), bytes).as_ref().to_vec()
}

/// HMAC of RFC 2104 over MD5.
fn keyed_md5(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut block = [0_u8; BLOCK];
    let short = if key.len() > BLOCK { Md5::digest(key).to_vec() } else { key.to_vec() };
    for (place, byte) in block.iter_mut().zip(short) {
        *place = byte;
    }
    let inner = Md5::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(bytes).finalize();
    Md5::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dotnet::encoding::to_hex;

    /// The published vectors of FIPS 180 for `abc`, and of RFC 2202 and RFC 4231 (case 2).
    #[test]
    fn published_vectors() {
        let data = b"what do ya want for nothing?";
        for (algorithm, plain, with_key) in [
            (Algorithm::Md5, "900150983CD24FB0", "750C783E6AB0B503"),
            (Algorithm::Sha1, "A9993E364706816A", "EFFCDF6AE5EB2FA2"),
            (Algorithm::Sha256, "BA7816BF8F01CFEA", "5BDCC146BF60754E"),
            (Algorithm::Sha384, "CB00753F45A35E8B", "AF45D2E376484031"),
            (Algorithm::Sha512, "DDAF35A193617ABA", "164B7A7BFCF819E2"),
        ] {
            assert!(to_hex(&compute(algorithm, b"abc")).starts_with(plain), "{algorithm:?}");
            assert!(to_hex(&keyed(algorithm, b"Jefe", data)).starts_with(with_key), "{algorithm:?}");
        }
        // RFC 2202, case 6: a key longer than a block.
        let long =
            keyed(Algorithm::Md5, &[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert!(to_hex(&long).starts_with("6B1AB7FE4BD7BF8F"));
        assert_eq!(keyed(Algorithm::Sha512, &[1; 200], b"").len(), 64);
        assert_eq!(keyed(Algorithm::Sha1, b"", b"").len(), 20);
    }
}
