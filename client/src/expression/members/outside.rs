//! Types that are documented for policies and cannot be used here, with the reason.

use super::{Member, TypeRow, class, more, refused, refused_type};

pub(super) static TYPES: &[TypeRow] = &[
    refused_type("System.Xml", "class XmlDocument", NO_XML),
    refused_type("System.Xml", "class XmlNodeType", NO_XML),
    refused_type("System.Xml.Linq", "class XNode", NO_XML),
    refused_type("System.Xml.Linq", "class XElement", NO_XML),
    refused_type("System.Xml.Linq", "class XDocument", NO_XML),
    refused_type("System.Xml.Linq", "class XAttribute", NO_XML),
    refused_type("System.Xml.Linq", "class XText", NO_XML),
    refused_type("System.Xml.Linq", "class XComment", NO_XML),
    refused_type("System.Xml.Linq", "class XCData", NO_XML),
    refused_type("System.Xml.Linq", "class XContainer", NO_XML),
    refused_type("System.Xml.Linq", "class XDeclaration", NO_XML),
    refused_type("System.Xml.Linq", "class XName", NO_XML),
    refused_type("System.Xml.Linq", "class XNamespace", NO_XML),
    refused_type("System.Xml.Linq", "class XObject", NO_XML),
    refused_type("System.Xml.Linq", "class XProcessingInstruction", NO_XML),
    refused_type("System", "class TimeZone", NO_ZONES),
    refused_type("System", "class TimeZoneInfo", NO_ZONES),
    refused_type("System", "class TimeZoneNotFoundException", NO_ZONES),
    refused_type("System", "class InvalidTimeZoneException", NO_ZONES),
    refused_type("System.Collections.Generic", "class LinkedList<T>", "List, Queue and Stack do the same"),
    refused_type("System.Collections.Generic", "class SortedList<K, V>", SORT),
    refused_type("System.Collections.Generic", "class SortedDictionary<K, V>", SORT),
    refused_type("System.Collections.Generic", "class SortedSet<T>", SORT),
    refused_type("System.Collections.Generic", "interface IEnumerator<T>", "use foreach or Linq"),
    refused_type("Newtonsoft.Json.Linq", "class JConstructor", NO_JSON),
    refused_type("Newtonsoft.Json.Linq", "class JRaw", NO_JSON),
    refused_type("Newtonsoft.Json.Linq", "class JTokenReader", READERS),
    refused_type("Newtonsoft.Json.Linq", "class JTokenWriter", READERS),
    refused_type("Newtonsoft.Json.Linq", "class JsonLoadSettings", SETTINGS),
    refused_type("Newtonsoft.Json.Linq", "class JsonMergeSettings", SETTINGS),
    refused_type("Newtonsoft.Json", "class JsonSerializerSettings", SETTINGS),
    refused_type("Newtonsoft.Json", "class JsonSerializer", SETTINGS),
    refused_type("System.Security.Cryptography", "class RNGCryptoServiceProvider", NO_SECRETS),
    refused_type("System.Security.Cryptography", "class RSAEncryptionPadding", NO_KEYS),
    refused_type("System.Security.Cryptography", "class RSASignaturePadding", NO_KEYS),
    refused_type("System.Security.Cryptography", "class SymmetricAlgorithm", NO_KEYS),
    refused_type("System.Security.Cryptography", "class AsymmetricAlgorithm", NO_KEYS),
    class("System", "static class Enum", ENUM),
    more("class Object", OBJECT),
];

const NO_XML: &str = "XML trees are not part of this gateway";
const NO_ZONES: &str = "there is no list of time zones here; times are UTC, or carry their offset";
const NO_JSON: &str = "it is no JSON";
const READERS: &str = "tokens are read and changed through their members";
const SETTINGS: &str = "JSON is read and written with the default settings";
const NO_KEYS: &str = "this gateway holds no keys";
const NO_SECRETS: &str = "numbers by chance are not for secrets here; use Random or Guid";
const SORT: &str = "sort with OrderBy";
const NO_TYPES: &str = "types are no values here; compare texts, or cast a number";

static ENUM: &[Member] = &[
    refused("static object Parse(object enumType, string value)", NO_TYPES),
    refused("static bool TryParse<T>(string value, out T result)", NO_TYPES),
];

static OBJECT: &[Member] = &[
    refused("object GetType()", NO_TYPES),
    refused("int GetHashCode()", "it differs from process to process"),
];
