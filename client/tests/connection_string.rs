//! The grammar of connection strings and URLs: every option, every error, and that no secret ever
//! shows. What the options do is tested against servers, in `options.rs` and `tls.rs`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use larder_client::Cache;
use larder_client::external::{
    ConnectionString, ConnectionStringError, Effect, Endpoint, OPTION_ROWS, Problem, Protocol, Proxy, Secret,
    TlsVersion,
};
use proptest::prelude::*;
use support::Log;

fn parse(text: &str) -> ConnectionString {
    ConnectionString::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn wrong(text: &str) -> ConnectionStringError {
    ConnectionString::parse(text).expect_err(text)
}

fn tcp(host: &str, port: impl Into<Option<u16>>) -> Endpoint {
    Endpoint::Tcp { host: host.into(), port: port.into() }
}

#[test]
fn endpoints_of_every_form() {
    let string = parse(" a , b:1 ,, [::1]:7000,[fe80::2], ::1 ,!/run/redis.sock, a,1.2.3.4:65535,");
    let expected = [
        tcp("a", None),
        tcp("b", 1),
        tcp("::1", 7000),
        tcp("fe80::2", None),
        tcp("::1", None),
        Endpoint::Unix("/run/redis.sock".into()),
        tcp("1.2.3.4", 65535),
    ];
    assert_eq!(string.endpoints(), expected);
    assert_eq!(
        string.to_string(),
        "***,b:1,[::1]:7000,[fe80::2],[::1],!/run/redis.sock,1.2.3.4:65535,ssl=false"
    );
}

#[test]
fn what_azure_hands_out() {
    let string = parse("shop.redis.cache.windows.net:6380,password=a+b/c==,ssl=True,abortConnect=False");
    assert_eq!(string.endpoints(), [tcp("shop.redis.cache.windows.net", 6380)]);
    assert_eq!(string.options().password, Some(Secret::new("a+b/c==")), "the first = splits");
    assert!(string.is_tls() && !string.abort_connect());
    assert_eq!(string.without_effect(), ["abortConnect"]);
}

#[test]
fn defaults_and_azures_rules() {
    let plain = parse("h");
    assert!(!plain.is_tls() && plain.abort_connect() && plain.default_port() == 6379);
    assert_eq!(plain.protocol(), Protocol::Resp2);
    assert_eq!(plain.connect_timeout(), Duration::from_secs(5));
    assert_eq!(plain.operation_timeout(), Duration::from_secs(5));
    assert_eq!(plain.keep_alive(), Some(Duration::from_secs(60)));
    assert_eq!(plain.command_name("GET"), Some("GET"));
    assert_eq!(parse("h,ssl=1").default_port(), 6380);
    assert_eq!(parse("h,serviceName=s").default_port(), 26379);
    for (text, tls, resp) in [
        ("x.redis.cache.windows.net", false, Protocol::Resp2),
        ("x.redis.cache.windows.net:6379", false, Protocol::Resp2),
        ("x.REDIS.cache.windows.net:6380", true, Protocol::Resp2),
        ("x.redis.cache.chinacloudapi.cn:6380", true, Protocol::Resp2),
        ("x.redis.cache.usgovcloudapi.net:6380,ssl=false", false, Protocol::Resp2),
        ("x.westeurope.redis.azure.net:10000", true, Protocol::Resp3),
        ("x.redisenterprise.cache.azure.net:10000,ssl=0,protocol=2", false, Protocol::Resp2),
    ] {
        let string = parse(text);
        assert_eq!((string.is_tls(), string.protocol()), (tls, resp), "{text}");
        assert!(!string.abort_connect(), "{text}");
        assert!(parse(&format!("{text},abortConnect=true")).abort_connect());
    }
    assert!(!parse("evil-redis.azure.net.example:6380").is_tls());
}

#[test]
fn every_honoured_option_is_kept() {
    let string = parse(
        "h,PASSWORD=p,user=u,ssl=on,sslHost=n,sslProtocols=tls11|Tls12|tls13,connectTimeout=1,connectRetry=2,\
         syncTimeout=3,asyncTimeout=4,defaultDatabase=5,name=me,keepAlive=6,tcpKeepAlive=no,protocol=resp3,\
         setlib=off,proxy=Twemproxy,serviceName=s,sentinelUser=su,sentinelPassword=sp,tunnel=http:proxy:8080,\
         $get=FETCH,$SET=,$NONSENSE=x",
    );
    let options = string.options();
    assert_eq!(options.password, Some(Secret::new("p")));
    assert_eq!(options.user.as_deref(), Some("u"));
    assert_eq!(options.ssl, Some(true));
    assert_eq!(options.ssl_host.as_deref(), Some("n"));
    assert_eq!(options.ssl_protocols, Some(vec![TlsVersion::V1_2, TlsVersion::V1_3]));
    assert_eq!(string.connect_timeout(), Duration::from_millis(1));
    assert_eq!(options.connect_retry, Some(2));
    assert_eq!(options.sync_timeout, Some(Duration::from_millis(3)));
    assert_eq!(string.operation_timeout(), Duration::from_millis(4), "asyncTimeout goes first");
    assert_eq!(options.default_database, Some(5));
    assert_eq!(options.name.as_deref(), Some("me"));
    assert_eq!(string.keep_alive(), Some(Duration::from_secs(6)));
    assert_eq!(options.tcp_keep_alive, Some(false));
    assert_eq!(string.protocol(), Protocol::Resp3);
    assert_eq!(options.set_lib, Some(false));
    assert_eq!(options.proxy, Some(Proxy::Twemproxy));
    assert_eq!(options.service_name.as_deref(), Some("s"));
    assert_eq!(options.sentinel_user.as_deref(), Some("su"));
    assert_eq!(options.sentinel_password, Some(Secret::new("sp")));
    assert_eq!(options.tunnel, Some(tcp("proxy", 8080)));
    assert_eq!((string.command_name("GET"), string.command_name("SET")), (Some("FETCH"), None));
    assert!(string.without_effect().is_empty());
    assert_eq!(parse("h,keepAlive=0").keep_alive(), None);
    assert_eq!(parse("h,syncTimeout=9").operation_timeout(), Duration::from_millis(9));
    assert_eq!(parse("h,password=").options().password, None);
}

#[test]
fn every_option_without_effect_is_accepted_and_listed() {
    for row in OPTION_ROWS.iter().filter(|row| row.effect == Effect::None) {
        let value = match row.expected {
            "true or false" => "yes",
            "a whole number" => "60",
            "a version such as 6.0" => "7.4",
            _ => "anything",
        };
        let string = parse(&format!("h,{}={value}", row.name.to_uppercase()));
        assert_eq!(string.without_effect(), [row.name]);
    }
    let count = OPTION_ROWS.iter().filter(|row| row.effect == Effect::None).count();
    assert_eq!(count, 20, "a change of this list is a change of the documents");
}

#[test]
fn values_beyond_the_usual_have_a_meaning() {
    for text in ["h,version=7", "h,version=7.2", "h,version=7.2.4.1", "h,tunnel="] {
        assert_eq!(parse(text).options().tunnel, None, "{text}");
    }
    for text in ["h,connectTimeout=0", "h,connectTimeout=9,connectTimeout=-1"] {
        assert_eq!(parse(text).connect_timeout(), Duration::from_secs(5), "{text}");
    }
    assert_eq!(parse("h,connectRetry=-1").options().connect_retry, Some(0));
    assert_eq!(parse("h,defaultDatabase=-1").options().default_database, Some(0));
    assert_eq!(parse("h,keepAlive=-5").keep_alive(), Some(Duration::from_secs(60)));
    let (v1_2, v1_3) = (TlsVersion::V1_2, TlsVersion::V1_3);
    for (number, versions) in [
        ("3072", vec![v1_2]),
        ("12288", vec![v1_3]),
        ("15360", vec![v1_2, v1_3]),
        ("3840", vec![v1_2]),
        ("0", vec![v1_2, v1_3]),
        ("240", vec![v1_2, v1_3]),
    ] {
        assert_eq!(parse(&format!("h,sslProtocols={number}")).options().ssl_protocols, Some(versions));
    }
}

#[test]
fn values_that_cannot_be_are_refused_where_they_stand() {
    for (option, values) in [
        ("ssl", &["maybe", "", "2"][..]),
        ("connectTimeout", &["5s", "2147483648", ""]),
        ("syncTimeout", &["0", "-1", "soon"]),
        ("asyncTimeout", &["0", "-1"]),
        ("connectRetry", &["x", ""]),
        ("defaultDatabase", &["one", ""]),
        ("keepAlive", &["1s", ""]),
        ("protocol", &["4", "resp", ""]),
        ("sslProtocols", &["tls11", "ssl3|tls", "tls14", "", "768", "-1", "65536"]),
        ("proxy", &["squid"]),
        ("tunnel", &["proxy:80", "http:proxy", "https:proxy:1"]),
        ("name", &["a b"]),
        ("version", &["", "six", "x.y", "6.", "1.2.3.4.5"]),
        ("configCheckSeconds", &["often"]),
        ("allowAdmin", &["si"]),
    ] {
        for value in values {
            let error = wrong(&format!("host:1, {option} = {value}"));
            assert!(
                matches!(error.problem, Problem::Value { option: named, .. } if named == option),
                "{option}={value}: {error}"
            );
            let value_at = "host:1, ".len() + option.len() + " = ".len();
            let at = if value.is_empty() { value_at - 1 } else { value_at };
            assert_eq!(error.at, at, "{option}={value}");
        }
    }
    let text = wrong("h,connectTimeout=soon").to_string();
    assert_eq!(text, "connection string, byte 17: `connectTimeout` expects milliseconds, a whole number");
}

#[test]
fn wrong_strings_say_where_and_what_was_expected() {
    for text in ["", "  ", ",", " , ,"] {
        assert_eq!(wrong(text).problem, Problem::Empty, "{text:?}");
    }
    assert_eq!(wrong("password=x").problem, Problem::NoEndpoint);
    for (text, at) in [
        ("h,a b", 2),
        ("h:0", 0),
        ("h,g:65536", 2),
        ("h:", 0),
        ("h:x", 0),
        ("h:+1", 0),
        ("[::1", 0),
        ("[::1]1", 0),
        ("[x]:1", 0),
        ("!", 0),
        (":6379", 0),
        ("h,=x", 2),
    ] {
        let error = wrong(text);
        assert!(matches!(error.problem, Problem::Endpoint { .. }), "{text}: {error}");
        assert_eq!(error.at, at, "{text}");
    }
    let unknown = wrong("h,Pasword=hunter2");
    assert_eq!(unknown.to_string(), "connection string, byte 2: unknown option; did you mean `password`?");
    let key_without_name = wrong("h:10000,S3cr3tKeyOfSomebody=,ssl=True");
    assert_eq!(
        key_without_name.to_string(),
        "connection string, byte 8: unknown option (not shown, it may be a secret: is `password=` missing?)"
    );
    let token = format!("h:1,{}", "x".repeat(64));
    assert!(matches!(wrong(&token).problem, Problem::Endpoint { .. }), "longer than a host name's part");
    let many: Vec<String> = (0..65).map(|number| format!("h{number}")).collect();
    assert!(matches!(wrong(&many.join(",")).problem, Problem::Endpoint { expected: "at most 64 endpoints" }));
}

#[test]
fn urls_are_read_into_the_same_parts() {
    let string = parse("rediss://us%40er:p%2Fw%25@h.example:7000/3?asyncTimeout=250&name=me");
    assert_eq!(string.endpoints(), [tcp("h.example", 7000)]);
    assert_eq!(string.options().user.as_deref(), Some("us@er"));
    assert_eq!(string.options().password, Some(Secret::new("p/w%")));
    assert_eq!(string.options().default_database, Some(3));
    assert_eq!((string.is_tls(), string.operation_timeout()), (true, Duration::from_millis(250)));
    assert_eq!(string.options().name.as_deref(), Some("me"));
    let plain = parse("REDIS://h/");
    assert!(!plain.is_tls() && plain.options().user.is_none() && plain.endpoints() == [tcp("h", None)]);
    assert_eq!(parse("redis://:pw@[::1]:1").options().password, Some(Secret::new("pw")));
    assert_eq!(parse("h,password=a://b").options().password, Some(Secret::new("a://b")), "no URL");
    assert_eq!(parse("redis://a:1,b:2").endpoints(), [tcp("a", 1), tcp("b", 2)]);
    assert_eq!(parse("rediss://h").default_port(), 6380);
    assert!(parse("rediss://h?ssl=true").is_tls() && parse("redis://h?ssl=true").is_tls());
    assert!(!parse("redis://h?ssl=false").is_tls());
    for (text, at) in [
        ("http://h", 0),
        ("redis://", 8),
        ("redis://h:x", 8),
        ("redis://h/x", 10),
        ("redis://:%zz@h", 9),
        ("redis://h?name", 10),
        ("redis://h?nonsense=1", 10),
        ("redis://h?ssl=maybe", 14),
        ("rediss://h?ssl=false", 15),
        ("rediss://h?name=x&SSL=0", 22),
        ("redis://h?ssl=true&ssl=false", 23),
        ("rediss://h#insecure", 10),
    ] {
        assert_eq!(wrong(text).at, at, "{text}: {}", wrong(text));
    }
}

/// All that a builder, its error, the cache, its report and the log of the start print.
fn shown_by_builder(name: &str, text: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let log = Log::default();
    let builders = [
        Cache::builder("local").external(name, text),
        Cache::builder("local").internal(text),
        Cache::builder(name).external("Default", text),
    ];
    let mut shown = String::new();
    for builder in builders {
        shown += &format!("{builder:?} {builder:#?}");
        let built = tracing::subscriber::with_default(log.subscriber(), || builder.build());
        shown += &match built {
            Ok(cache) => format!("{cache:?} {0} {0:?} {1} {1:?}", cache.report(), cache.metrics()),
            Err(error) => format!("{error} {error:?}"),
        };
    }
    shown + &log.text()
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_is_shown(text in r"(redis://|rediss://)?[a-z:,=@%!\[\]/?$ .0-9A-Zé-]{0,60}") {
        match ConnectionString::parse(&text) {
            Ok(string) => { let _ = (string.to_string(), string.default_port(), string.keep_alive()); }
            Err(error) => prop_assert!(error.at <= text.len(), "{}", error),
        }
    }

    #[test]
    fn secrets_are_never_shown(secret in "[a-zA-Z0-9+/=]{12,44}", form in 0usize..14) {
        // As a host name or a user, a key is tried without what neither can hold.
        let plain = secret.replace(['+', '/', '='], "x");
        let (name, text) = match form {
            0 => ("Default".to_owned(), format!("h:1,password={secret}")),
            1 => ("Default".to_owned(), format!("h:1,password={secret},connectTimeout=x")),
            2 => ("Default".to_owned(), format!("h:1,{secret}=")),
            3 => ("Default".to_owned(), format!("h:1,{secret}=,password=x")),
            4 => ("Default".to_owned(), format!("rediss://user:{}@h", secret.replace('/', "%2F"))),
            5 => ("Default".to_owned(), format!("h:1,sentinelPassword={secret},serviceName=s")),
            6 => ("Default".to_owned(), format!("h:1,pasword={secret}")),
            7 => ("Default".to_owned(), format!("h:1,{plain},ssl=false")),
            8 => ("Default".to_owned(), format!("{plain},h:1")),
            9 => ("Default".to_owned(), format!("redis://{plain}@h")),
            10 => ("Default".to_owned(), format!("redis://{plain}:@h:1")),
            11 => ("Default".to_owned(), format!("h:1,user={plain},sentinelUser={plain},serviceName=s")),
            // Name and string are mixed up.
            12 => (format!("h:1,password={secret}"), "Default".to_owned()),
            _ => (format!("redis://:{secret}@h"), "Default".to_owned()),
        };
        let mut shown = shown_by_builder(&name, &text);
        for text in [&name, &text] {
            shown += &match ConnectionString::parse(text) {
                Ok(string) => format!("{string} {string:?} {:?} {:?}", string.options(), string.clone()),
                Err(error) => format!("{error} {error:?}"),
            };
        }
        prop_assert!(!shown.contains(&secret) && !shown.contains(&plain), "{}", shown);
    }

    #[test]
    fn what_is_written_is_read(host in "[a-z]{1,9}", port in 1u16.., database in 0u32..16, password in "[ -+.-~]{0,20}[!-+.-~]") {
        prop_assume!(!password.starts_with(' '));
        let string = parse(&format!("{host}:{port},defaultDatabase={database},password={password}"));
        prop_assert_eq!(string.endpoints(), [tcp(&host, port)]);
        prop_assert_eq!(string.options().default_database, Some(database));
        prop_assert_eq!(string.options().password.as_ref().map(Secret::reveal), Some(password.as_str()));
    }
}
