//! What `DateTime`, `DateTimeOffset` and `TimeSpan` give with the invariant culture in a zone of UTC.

use larder_proto::envelope::{Date, DateKind};
use proptest::prelude::*;

use super::*;
use crate::dotnet::ExceptionKind;

fn read(text: &str) -> Date {
    parse(text, Styles { roundtrip_kind: true, ..Styles::default() }).unwrap()
}

fn shown(text: &str, pattern: &str) -> String {
    format(read(text), pattern).unwrap()
}

#[test]
fn forms_are_read() {
    for (text, sortable) in [
        ("2020-01-31", "2020-01-31T00:00:00"),
        ("2020-01", "2020-01-01T00:00:00"),
        ("2020/1/31 14:05", "2020-01-31T14:05:00"),
        ("2020-01-31T14:05:06.7891234", "2020-01-31T14:05:06"),
        ("01/31/2020 02:05:06 PM", "2020-01-31T14:05:06"),
        ("1/31/20 12 am", "2020-01-31T00:00:00"),
        ("1/31/65", "1965-01-31T00:00:00"),
        ("Fri, 31 Jan 2020 14:05:06 GMT", "2020-01-31T14:05:06"),
        ("31-Jan-2020", "2020-01-31T00:00:00"),
        ("January 31, 2020 1:02", "2020-01-31T01:02:00"),
        ("Jan 2020", "2020-01-01T00:00:00"),
        (" 2020-02-29 ", "2020-02-29T00:00:00"),
        // Rule: a zone moves the clock to local time, which is universal time here.
        ("2020-01-31T00:30:00+01:00", "2020-01-30T23:30:00"),
        ("2020-01-31 00:30:00 -0130", "2020-01-31T02:00:00"),
    ] {
        assert_eq!(shown(text, "s"), sortable, "{text}");
    }
    for text in [
        "",
        "x",
        "2020",
        "20200131",
        "2020-13-01",
        "2021-02-29",
        "31/01/2020",
        "10:30",
        "2020-01-31T25:00",
        "2020-01-31T10",
        "Thu, 31 Jan 2020",
        "2020-01-31 13 PM",
        "2020-01-31Tx",
        "2020-01-31T10:00+15:00",
        "0000-01-01",
        "2020-01-31 10:00 é",
        "1 é",
        "0001-01-01T00:00:00+01:00",
    ] {
        assert_eq!(parse(text, Styles::default()).unwrap_err().kind, ExceptionKind::Format, "{text}");
    }
}

#[test]
fn kinds_follow_the_styles() {
    let none = Styles::default();
    let round = Styles { roundtrip_kind: true, ..none };
    let adjust = Styles { adjust_to_universal: true, ..none };
    let both = Styles { assume_universal: true, adjust_to_universal: true, ..none };
    for (text, styles, kind) in [
        ("2020-01-01T00:00:00", none, DateKind::Unspecified),
        // Rule: without styles, a Z gives local time.
        ("2020-01-01T00:00:00Z", none, DateKind::Local),
        ("2020-01-01T00:00:00Z", round, DateKind::Utc),
        ("2020-01-01T00:00:00+00:00", round, DateKind::Local),
        ("2020-01-01T00:00:00Z", adjust, DateKind::Utc),
        ("2020-01-01T00:00:00", adjust, DateKind::Unspecified),
        ("2020-01-01T00:00:00", both, DateKind::Utc),
        ("2020-01-01", Styles { assume_universal: true, ..none }, DateKind::Local),
        ("2020-01-01", Styles { assume_local: true, ..none }, DateKind::Local),
    ] {
        assert_eq!(parse(text, styles).unwrap().kind(), kind, "{text} {styles:?}");
    }
}

#[test]
fn standard_and_custom_formats() {
    let text = "2020-03-05T14:05:06.7890000Z";
    for (pattern, printed) in [
        ("", "03/05/2020 14:05:06"),
        ("d", "03/05/2020"),
        ("D", "Thursday, 05 March 2020"),
        ("t", "14:05"),
        ("T", "14:05:06"),
        ("f", "Thursday, 05 March 2020 14:05"),
        ("F", "Thursday, 05 March 2020 14:05:06"),
        ("g", "03/05/2020 14:05"),
        ("G", "03/05/2020 14:05:06"),
        ("M", "March 05"),
        ("Y", "2020 March"),
        ("o", "2020-03-05T14:05:06.7890000Z"),
        ("r", "Thu, 05 Mar 2020 14:05:06 GMT"),
        ("s", "2020-03-05T14:05:06"),
        ("u", "2020-03-05 14:05:06Z"),
        ("yyyyMMddHHmmssfff", "20200305140506789"),
        ("d/M/yy h:m:s tt", "5/3/20 2:5:6 PM"),
        ("%d", "5"),
        ("%h", "2"),
        ("ddd MMM", "Thu Mar"),
        ("s.FFF", "6.789"),
        ("yyyy-MM-ddTHH:mm:ssK", "2020-03-05T14:05:06Z"),
        ("zzz z", "+00:00 +0"),
        ("'year' yyyyy \\y", "year 02020 y"),
    ] {
        assert_eq!(shown(text, pattern), printed, "{pattern}");
    }
    // Rule: F drops zeros, and the point before them.
    assert_eq!(shown("2020-03-05T14:05:06", "ss.FFF"), "06");
    assert_eq!(shown("2020-03-05T14:05:06+00:00", "o"), "2020-03-05T14:05:06.0000000+00:00");
    assert_eq!(shown("2020-03-05T14:05:06", "o"), "2020-03-05T14:05:06.0000000");
    for pattern in ["Q", "'open", "yyyy\\", "ffffffff", "%%", "yy%"] {
        assert_eq!(format(read(text), pattern).unwrap_err().kind, ExceptionKind::Format, "{pattern}");
    }
}

#[test]
fn dates_are_calculated() {
    let date = read("2020-01-31T12:00:00Z");
    let s = |date: Date| format(date, "s").unwrap();
    assert_eq!(s(add_months(date, 1).unwrap()), "2020-02-29T12:00:00");
    assert_eq!(s(add_months(date, -2).unwrap()), "2019-11-30T12:00:00");
    assert_eq!(s(add_years(read("2020-02-29"), 1).unwrap()), "2021-02-28T00:00:00");
    assert_eq!(s(add_units(date, 1.5, Unit::Days).unwrap()), "2020-02-02T00:00:00");
    assert_eq!(s(add_units(date, -1.0, Unit::Seconds).unwrap()), "2020-01-31T11:59:59");
    assert_eq!(s(date_of(date)), "2020-01-31T00:00:00");
    assert_eq!((parts(date).weekday, parts(date).day_of_year), (Weekday::Friday, 31));
    let later = read("2020-02-01T13:30:00Z");
    assert_eq!(format_span(subtract(later, date), "").unwrap(), "1.01:30:00");
    assert_eq!(add(date, subtract(later, date)).unwrap(), later);
    for result in [
        add_years(date, 9000),
        add_months(date, i32::MAX),
        add_years(date, i32::MIN),
        add_units(date, f64::INFINITY, Unit::Days),
        add_units(date, f64::NAN, Unit::Ticks),
        add(date, Span::of_ticks(i64::MIN)),
        from_parts(Parts { month: 13, ..parts(date) }, DateKind::Utc),
    ] {
        assert_eq!(result.unwrap_err().kind, ExceptionKind::ArgumentOutOfRange);
    }
}

#[test]
fn offsets_and_unix_time() {
    let date = parse_offset("2020-01-31T14:05:06+02:00").unwrap();
    for (pattern, printed) in [
        ("", "01/31/2020 14:05:06 +02:00"),
        ("o", "2020-01-31T14:05:06.0000000+02:00"),
        ("r", "Fri, 31 Jan 2020 12:05:06 GMT"),
        ("u", "2020-01-31 12:05:06Z"),
        ("HH K", "14 +02:00"),
    ] {
        assert_eq!(format_offset(date, pattern).unwrap(), printed, "{pattern}");
    }
    assert_eq!(date.unix_seconds(), 1_580_472_306);
    assert_eq!(DateOffset::from_unix_seconds(1_580_472_306).unwrap(), date);
    assert_eq!(DateOffset::from_unix_seconds(-1).unwrap().unix_milliseconds(), -1000);
    assert_eq!(date.to_offset(-90).unwrap().clock().ticks(), read("2020-01-31T10:35:06").ticks());
    for result in [DateOffset::from_unix_seconds(i64::MAX), DateOffset::new(0, 60), date.to_offset(841)] {
        assert_eq!(result.unwrap_err().kind, ExceptionKind::ArgumentOutOfRange);
    }
}

#[test]
fn spans_are_read_and_printed() {
    for (text, c, g) in [
        ("1", "1.00:00:00", "1:0:00:00"),
        ("1:30", "01:30:00", "1:30:00"),
        ("-2.03:04:05.6", "-2.03:04:05.6000000", "-2:3:04:05.6"),
        ("1:02:03:04", "1.02:03:04", "1:2:03:04"),
        ("00:00:00", "00:00:00", "0:00:00"),
    ] {
        let span = parse_span(text).unwrap();
        assert_eq!(
            (format_span(span, "c").unwrap().as_str(), format_span(span, "g").unwrap().as_str()),
            (c, g)
        );
    }
    let span = parse_span("1.02:03:04.567").unwrap();
    assert_eq!(format_span(span, "G").unwrap(), "1:02:03:04.5670000");
    assert_eq!(format_span(span, "d'd 'hh\\:mm\\:ss\\.fff").unwrap(), "1d 02:03:04.567");
    assert_eq!(format_span(span, "hh:mm").unwrap_err().kind, ExceptionKind::Format);
    assert_eq!(span.part(Unit::Milliseconds), 567);
    assert!((Span::of_units(1.5, Unit::Hours).unwrap().total(Unit::Minutes) - 90.0).abs() < 1e-9);
    for (text, kind) in [
        ("", ExceptionKind::Format),
        ("x", ExceptionKind::Format),
        ("1:2:3:4:5", ExceptionKind::Format),
        ("24:00", ExceptionKind::Overflow),
        ("10:60", ExceptionKind::Overflow),
        ("99999999", ExceptionKind::Overflow),
    ] {
        assert_eq!(parse_span(text).unwrap_err().kind, kind, "{text}");
    }
    assert_eq!(Span::of_units(1e300, Unit::Days).unwrap_err().kind, ExceptionKind::Overflow);
    assert_eq!(Span::of_units(f64::NAN, Unit::Days).unwrap_err().kind, ExceptionKind::Argument);
    assert_eq!(Span::of_ticks(i64::MIN).negated().unwrap_err().kind, ExceptionKind::Overflow);
}

fn any_date() -> impl Strategy<Value = Date> {
    (0..=Date::TICKS_MAX).prop_map(|ticks| Date::new(ticks, DateKind::Utc).unwrap())
}

proptest! {
    #[test]
    fn dates_come_back(date in any_date(), minutes in -840_i32..=840) {
        prop_assert_eq!(from_parts(parts(date), DateKind::Utc).unwrap(), date);
        prop_assert_eq!(read(&format(date, "o").unwrap()), date);
        prop_assert_eq!(read(&format(date, "r").unwrap()).ticks() / TICKS_PER_SECOND, date.ticks() / TICKS_PER_SECOND);
        if let Ok(offset) = DateOffset::new(date.ticks(), minutes) {
            let again = parse_offset(&format_offset(offset, "o").unwrap()).unwrap();
            prop_assert_eq!((again, again.minutes()), (offset, minutes));
        }
    }

    #[test]
    fn spans_come_back(ticks: i64) {
        let span = Span::of_ticks(ticks);
        prop_assert_eq!(parse_span(&format_span(span, "c").unwrap()).unwrap(), span);
    }

    #[test]
    fn no_text_panics(date in any_date(), text in ".{0,20}", datish in "[0-9TZ:/ .+AaPpMJjne,-]{0,24}", pattern in "[yMdhHmsfFtzKg%'\\\\:/ ]{0,12}") {
        for text in [&text, &datish] {
            let _ = (parse(text, Styles::default()), parse_offset(text), parse_span(text));
        }
        for pattern in [&text, &pattern] {
            let _ = (format(date, pattern), format_span(Span::of_ticks(date.ticks()), pattern));
        }
    }
}
