//! Digests and keyed digests. What would need keys or certificates of the gateway is refused.

use std::borrow::Cow;

use bytes::Bytes;

use super::{Member, TypeRow, class, member, refused_type};
use crate::dotnet::Datum;
use crate::dotnet::hash::{self, Algorithm};
use crate::dotnet::object::Instance;

pub(super) static TYPES: &[TypeRow] = &[
    class(NAMESPACE, "class HashAlgorithm", HASH_ALGORITHM),
    class(NAMESPACE, "class MD5 : HashAlgorithm", MD5),
    class(NAMESPACE, "class SHA1 : HashAlgorithm", SHA1),
    class(NAMESPACE, "class SHA256 : HashAlgorithm", SHA256),
    class(NAMESPACE, "class SHA384 : HashAlgorithm", SHA384),
    class(NAMESPACE, "class SHA512 : HashAlgorithm", SHA512),
    class(NAMESPACE, "class SHA1Managed : SHA1", SHA1_MANAGED),
    class(NAMESPACE, "class SHA256Managed : SHA256", SHA256_MANAGED),
    class(NAMESPACE, "class SHA384Managed : SHA384", SHA384_MANAGED),
    class(NAMESPACE, "class SHA512Managed : SHA512", SHA512_MANAGED),
    class(NAMESPACE, "class HMAC : HashAlgorithm", HMAC),
    class(NAMESPACE, "class HMACMD5 : HMAC", HMAC_MD5),
    class(NAMESPACE, "class HMACSHA1 : HMAC", HMAC_SHA1),
    class(NAMESPACE, "class HMACSHA256 : HMAC", HMAC_SHA256),
    class(NAMESPACE, "class HMACSHA384 : HMAC", HMAC_SHA384),
    class(NAMESPACE, "class HMACSHA512 : HMAC", HMAC_SHA512),
    refused_type(NAMESPACE, "class RSA", NO_KEYS),
    refused_type(NAMESPACE, "class RSACryptoServiceProvider", NO_KEYS),
    refused_type(NAMESPACE, "class RSAParameters", NO_KEYS),
    refused_type(NAMESPACE, "class Aes", NO_KEYS),
    refused_type(
        NAMESPACE,
        "class RandomNumberGenerator",
        "numbers by chance are not for secrets here; use Random or Guid",
    ),
    refused_type(CERTIFICATES, "class X509Certificate", NO_CERTIFICATES),
    refused_type(CERTIFICATES, "class X509Chain", NO_CERTIFICATES),
    refused_type(CERTIFICATES, "class X509Store", NO_CERTIFICATES),
];

const NAMESPACE: &str = "System.Security.Cryptography";
const CERTIFICATES: &str = "System.Security.Cryptography.X509Certificates";
const NO_KEYS: &str = "this gateway holds no keys";
/// Why members that give certificates are refused, here and in the context.
pub(super) const NO_CERTIFICATES: &str = "this gateway has no certificates";

static HASH_ALGORITHM: &[Member] = &[
    member("byte[] ComputeHash(byte[] buffer)", |call| {
        let digest = call.object::<Digest>(0)?.of(call.bytes(1)?);
        call.made_bytes(digest)
    }),
    member("byte[] ComputeHash(byte[] buffer, int offset, int count)", |call| {
        let part = super::bytes::part(call.bytes(1)?, call.int(2)?, call.int(3)?)?;
        let digest = call.object::<Digest>(0)?.of(&part);
        call.made_bytes(digest)
    }),
    member("int HashSize", |call| {
        let bytes = call.object::<Digest>(0)?.of(&[]).len();
        Ok(Datum::Int(i32::try_from(bytes * 8).unwrap_or(0)))
    }),
    member("void Dispose()", |_| Ok(Datum::Null)),
];

static HMAC: &[Member] = &[member("byte[] Key", |call| {
    Ok(Datum::Bytes(call.object::<Digest>(0)?.key.clone().unwrap_or_default()))
})];

/// A digest without a key: how one is made.
macro_rules! plain {
    ($rows:ident, $managed:ident, $name:literal, $algorithm:ident) => {
        static $rows: &[Member] = &[
            member(concat!("static ", $name, " Create()"), |_| {
                Ok(digest($name, Algorithm::$algorithm, None))
            }),
            member("static byte[] HashData(byte[] source)", |call| {
                let digest = hash::compute(Algorithm::$algorithm, call.bytes(0)?);
                call.made_bytes(digest)
            }),
        ];
        static $managed: &[Member] =
            &[member("new()", |_| Ok(digest(concat!($name, "Managed"), Algorithm::$algorithm, None)))];
    };
}

plain!(SHA1, SHA1_MANAGED, "SHA1", Sha1);
plain!(SHA256, SHA256_MANAGED, "SHA256", Sha256);
plain!(SHA384, SHA384_MANAGED, "SHA384", Sha384);
plain!(SHA512, SHA512_MANAGED, "SHA512", Sha512);

static MD5: &[Member] = &[
    member("static MD5 Create()", |_| Ok(digest("MD5", Algorithm::Md5, None))),
    member("static byte[] HashData(byte[] source)", |call| {
        let digest = hash::compute(Algorithm::Md5, call.bytes(0)?);
        call.made_bytes(digest)
    }),
];

/// A digest with a key.
macro_rules! keyed {
    ($rows:ident, $name:literal, $algorithm:ident) => {
        static $rows: &[Member] = &[
            member("new(byte[] key)", |call| {
                let key = call.bytes(0)?.clone();
                Ok(digest($name, Algorithm::$algorithm, Some(key)))
            }),
            member("static byte[] HashData(byte[] key, byte[] source)", |call| {
                let digest = hash::keyed(Algorithm::$algorithm, call.bytes(0)?, call.bytes(1)?);
                call.made_bytes(digest)
            }),
        ];
    };
}

keyed!(HMAC_MD5, "HMACMD5", Md5);
keyed!(HMAC_SHA1, "HMACSHA1", Sha1);
keyed!(HMAC_SHA256, "HMACSHA256", Sha256);
keyed!(HMAC_SHA384, "HMACSHA384", Sha384);
keyed!(HMAC_SHA512, "HMACSHA512", Sha512);

/// What calculates digests; it does not print its key.
struct Digest {
    type_name: &'static str,
    algorithm: Algorithm,
    key: Option<Bytes>,
}

impl Digest {
    fn of(&self, bytes: &[u8]) -> Vec<u8> {
        match &self.key {
            Some(key) => hash::keyed(self.algorithm, key, bytes),
            None => hash::compute(self.algorithm, bytes),
        }
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.type_name)
    }
}

impl Instance for Digest {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.type_name)
    }
}

fn digest(type_name: &'static str, algorithm: Algorithm, key: Option<Bytes>) -> Datum {
    Datum::object(Digest { type_name, algorithm, key })
}
