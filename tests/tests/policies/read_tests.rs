//! What the reader of cases takes and refuses.

use crate::case::{Act, Health};
use crate::read::read;

const WHOLE: &str = "\
A case that has everything.
shows: access token, counter
also through: larder-gateway

=== gateway -- two stores
region: East US
external: default
external: East US, down
internal: none
time: 2026-03-01T12:00:00Z
=== caller
user: ada
=== named values
seconds: 30
=== policy api
<policies />
=== policy
<policies />

=== fragment f
<fragment />
=== request
POST /a?b=1
X-A: 1

two
lines

=== backend is asked
POST /a
no X-B
=== backend answers
201
X-C: c
=== answer
201 Created
X-C: <any>
no body
=== 5 seconds pass
=== external holds
k = string a, b, 25..30 s
=== internal holds
nothing
";

#[test]
fn a_case_is_what_it_says() {
    let case = read("whole", WHOLE).unwrap();
    assert_eq!((case.sentence.as_str(), case.uses.len()), ("A case that has everything.", 2));
    let scopes: Vec<_> = case.policies.iter().map(|(scope, block)| (scope.name(), block.line)).collect();
    assert_eq!(scopes, [("operation", 18), ("api", 16)]);
    let [Act::Gateway(gateway), Act::Caller(caller), Act::Exchange(exchange), Act::Pass(span), holds @ ..] =
        case.acts.as_slice()
    else {
        panic!("{:?}", case.acts);
    };
    assert_eq!(gateway.external[1], ("East US".to_owned(), Health::Down));
    assert_eq!((gateway.internal, gateway.time), (None, Some(1_772_366_400_000)));
    assert_eq!(caller.as_slice(), [("user", "ada".to_owned())]);
    assert_eq!((exchange.target.as_str(), exchange.body.as_deref()), ("/a?b=1", Some("two\nlines")));
    assert_eq!((exchange.calls.len(), exchange.calls[0].status), (1, Some(201)));
    assert!(
        exchange.answer.body.as_ref().is_some_and(|(line, text)| *line == 38 && text.to_string().is_empty())
    );
    assert_eq!(span.as_secs(), 5);
    let [Act::Holds(external), Act::Holds(internal)] = holds else { panic!("{holds:?}") };
    assert_eq!((external.entries[0].seconds, internal.entries.len()), ((25, 30), 0));
}

#[test]
fn what_is_not_understood_is_told_with_its_line() {
    let policy = "A.\n=== policy\n<policies />\n";
    let asked = "=== request\nGET /\n";
    for (case, line, wanted) in [
        ("no sentence\n=== policy\n".to_owned(), 1, "a sentence"),
        ("A.\nshows: mischief\n".to_owned(), 2, "is none of access token"),
        ("A.\nalso through: the roof\n".to_owned(), 2, "not larder-gateway"),
        (format!("{policy}=== polcy\n"), 4, "no block is called \"polcy\""),
        (format!("{policy}=== policy planet\n"), 4, "no scope"),
        (format!("{policy}=== policy\n"), 4, "a second policy"),
        (format!("{policy}=== gateway\ncolour: red\n"), 5, "a gateway has no \"colour\""),
        (format!("{policy}=== gateway\ninternal: maybe\n"), 5, "none of up, down, none"),
        (format!("{policy}=== gateway\ntime: noon\n"), 5, "no time"),
        (format!("{policy}=== caller\nhat: black\n"), 5, "\"hat\" is none of"),
        (format!("{policy}=== some seconds pass\n"), 4, "no number"),
        (format!("{policy}=== 2 seconds pass\nx\n"), 5, "nothing may stand here"),
        (format!("{policy}{asked}=== external holds\nnothing\n"), 6, "the request before has no answer"),
        (format!("{policy}=== request, 1 at once\nGET /\n"), 4, "2 to 100"),
        (format!("{policy}{asked}"), 5, "the last request has no answer"),
        (format!("{policy}=== answer\n200\n"), 4, "no request before"),
        (format!("{policy}=== backend answers\n200\n"), 4, "no request before"),
        (format!("{policy}{asked}=== backend is asked\nGET /\n=== answer\n200\n"), 6, "does not answer"),
        (format!("{policy}{asked}=== backend answers\nfine\n=== answer\n200\n"), 7, "expected a status"),
        (format!("{policy}{asked}=== answer\n"), 7, "the block is empty"),
        (format!("{policy}{asked}=== answer\n200\nX-A\n"), 8, "expected a header"),
        (format!("{policy}=== request\nGET /\nX-A\n"), 6, "no header"),
        (format!("{policy}=== request\nGET\n=== answer\n200\n"), 5, "expected GET /path"),
        (format!("{policy}=== external holds\nk: v\n"), 5, "expected KEY = TYPE VALUE"),
        (format!("{policy}=== external holds\n"), 5, "the word nothing"),
        (format!("{policy}=== policy is refused\n"), 5, "the block is empty"),
        (policy.to_owned(), 3, "nothing is asserted"),
        (format!("A.\n{asked}=== answer\n200\n"), 5, "there is no policy"),
    ] {
        let (found, fault) = read("x", &case).map(|_| ()).unwrap_err();
        assert!(
            found == line && fault.contains(wanted),
            "{case}\n{found}: {fault}, expected {line}: {wanted}"
        );
    }
}
