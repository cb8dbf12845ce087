//! What .NET (Core 3.0 and later) prints and reads for the same numbers, invariant culture.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;
use crate::dotnet::{ExceptionKind, convert, decimal};

fn shown(number: Number, spec: &str) -> String {
    format(number, spec).unwrap()
}

fn dec(text: &str) -> Number {
    Number::Decimal(decimal::parse(text).unwrap())
}

#[test]
fn doubles_print_the_shortest_text() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1.0 / 3.0, "0.3333333333333333"),
        (100_000.0, "100000"),
        (123_456_789_012_345.0, "123456789012345"),
        // Rule: scientific from sixteen places on, and below 0.0001.
        (1e15, "1E+15"),
        (1e16, "1E+16"),
        (1.5e-5, "1.5E-05"),
        (0.0001, "0.0001"),
        (f64::MAX, "1.7976931348623157E+308"),
        (5e-324, "5E-324"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(double_text(value), text);
        assert_eq!(shown(Number::Double(value), "R"), text);
    }
}

#[test]
fn standard_formats() {
    use Number::{Double, Int, Long};
    for (number, spec, text) in [
        (Int(1234), "D", "1234"),
        (Int(-1234), "D6", "-001234"),
        (Int(255), "X", "FF"),
        (Int(255), "x4", "00ff"),
        // Rule: two's complement of the type's own width.
        (Int(-1), "X", "FFFFFFFF"),
        (Long(-1), "X", "FFFFFFFFFFFFFFFF"),
        (Int(1234567), "N", "1,234,567.00"),
        (Int(-1234567), "N0", "-1,234,567"),
        (Int(12), "F1", "12.0"),
        (Int(0), "F2", "0.00"),
        (Int(12345), "E", "1.234500E+004"),
        (Int(12345), "G3", "1.23E+04"),
        (Int(12345), "G", "12345"),
        (Int(1), "P", "100.00 %"),
        (Int(-5), "C", "(¤5.00)"),
        (Double(1234.5678), "F2", "1234.57"),
        (Double(1234.5678), "F", "1234.57"),
        // Rule: the exact value is rounded, 2.675 lies below the middle.
        (Double(2.675), "F2", "2.67"),
        // Rule: of a double in the very middle, the even digit; of a decimal, the larger one.
        (Double(2.5), "F0", "2"),
        (Double(3.5), "F0", "4"),
        (Double(1234.5), "G4", "1234"),
        (dec("1234.5"), "G4", "1235"),
        (Double(-0.001), "F2", "-0.00"),
        (Double(1234.5678), "N1", "1,234.6"),
        (Double(0.256), "P1", "25.6 %"),
        (Double(1234.5678), "E2", "1.23E+003"),
        (Double(0.000012), "e1", "1.2e-005"),
        (Double(1234.5678), "G6", "1234.57"),
        (Double(0.1), "G17", "0.10000000000000001"),
        (Double(1e21), "F0", "1000000000000000000000"),
        (dec("1.50"), "G", "1.50"),
        (dec("0.00"), "", "0.00"),
        (dec("-0.005"), "F2", "-0.01"),
        (dec("-0.001"), "F2", "0.00"),
        (dec("12345.675"), "N2", "12,345.68"),
        (dec("0.05"), "P", "5.00 %"),
    ] {
        assert_eq!(shown(number, spec), text, "{number:?} {spec}");
    }
    for (number, spec) in [
        (Double(1.0), "D"),
        (Double(1.0), "X"),
        (Int(1), "R"),
        (Int(1), "Q"),
        (dec("1"), "D2"),
        (Int(1), "F1000"),
        (Int(1), "F99999999999999999999"),
    ] {
        assert_eq!(format(number, spec).unwrap_err().kind, ExceptionKind::Format, "{spec}");
    }
}

#[test]
fn custom_formats() {
    use Number::{Double, Int};
    for (number, spec, text) in [
        (Double(1234.5678), "0.00", "1234.57"),
        (Double(0.5), "0.00", "0.50"),
        (Double(0.5), "#.##", ".5"),
        (Double(0.0), "#.##", ""),
        (Int(1234567), "#,##0", "1,234,567"),
        (Int(1234567), "#,##0.00", "1,234,567.00"),
        (Int(7), "000", "007"),
        (Int(-7), "000", "-007"),
        (Int(1234567), "#,##0,", "1,235"),
        (Int(1_500_000), "0,,.0", "1.5"),
        (Double(0.1234), "0.0%", "12.3%"),
        (Int(5), "0;(0);zero", "5"),
        (Int(-5), "0;(0);zero", "(5)"),
        (Int(0), "0;(0);zero", "zero"),
        (Int(-5), "0;;zero", "-5"),
        // Rule: what rounds to zero takes the section of zero.
        (Double(0.001), "0.0;-0.0;none", "none"),
        (Int(12), "'no' 00 \"x\" \\#", "no 12 x #"),
        (Double(12345.0), "0.00E+0", "1.23E+4"),
        (Double(0.00012), "0.0e0", "1.2e-4"),
        (Int(5551234), "###-####", "555-1234"),
        (Int(2), "0 apples", "2 apples"),
        (dec("2.5"), "0", "3"),
        // Rule: doubles keep the sign of a zero, decimals do not.
        (Double(-0.1), "0", "-0"),
        (dec("-0.1"), "0", "0"),
        (Double(2.5), "0", "3"),
    ] {
        assert_eq!(shown(number, spec), text, "{number:?} {spec}");
    }
}

#[test]
fn texts_are_read() {
    for (text, value) in [("42", 42), (" -7 ", -7), ("+5", 5), ("\t0012\n", 12), ("-2147483648", i32::MIN)] {
        assert_eq!(parse_int(text).unwrap(), value);
    }
    for (text, kind) in [
        ("", ExceptionKind::Format),
        ("1.0", ExceptionKind::Format),
        ("1,000", ExceptionKind::Format),
        ("5-", ExceptionKind::Format),
        ("--5", ExceptionKind::Format),
        ("0x1F", ExceptionKind::Format),
        ("2147483648", ExceptionKind::Overflow),
        ("99999999999999999999999", ExceptionKind::Overflow),
    ] {
        assert_eq!(parse_int(text).unwrap_err().kind, kind, "{text}");
    }
    for (text, value) in [
        ("1,234.5", 1234.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-infinity", f64::NEG_INFINITY),
        ("1e999", f64::INFINITY),
    ] {
        assert_eq!(parse_double(text).unwrap().to_bits(), value.to_bits(), "{text}");
    }
    for text in ["", ".", "1e", "1e+", "5-", ",5", "1..2", "0x1", "inf", "1_0"] {
        assert_eq!(parse_double(text).unwrap_err().kind, ExceptionKind::Format, "{text}");
    }
    assert!(parse_double("nan").unwrap().is_nan());
    assert!(parse_bool(" TRUE ").unwrap() && !parse_bool("false").unwrap());
    assert_eq!(parse_bool("1").unwrap_err().kind, ExceptionKind::Format);
}

#[test]
fn arithmetic_follows_the_wider_type() {
    use Number::{Double, Int, Long};
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    for (operator, left, right, result) in [
        // Rule: without `checked`, whole numbers wrap.
        (Add, Int(i32::MAX), Int(1), Int(i32::MIN)),
        (Multiply, Long(i64::MAX), Int(2), Long(-2)),
        (Add, Int(1), Long(1), Long(2)),
        (Divide, Int(7), Int(-2), Int(-3)),
        (Remainder, Int(-7), Int(3), Int(-1)),
        (Divide, Int(7), Double(2.0), Double(3.5)),
        (Divide, Double(1.0), Int(0), Double(f64::INFINITY)),
        (Subtract, dec("1.0"), Int(1), dec("0.0")),
    ] {
        assert_eq!(binary(operator, left, right).unwrap(), result);
    }
    for (operator, left, right, kind) in [
        (Divide, Int(1), Int(0), ExceptionKind::DivideByZero),
        (Remainder, Long(1), Int(0), ExceptionKind::DivideByZero),
        (Divide, dec("1"), Int(0), ExceptionKind::DivideByZero),
        (Divide, Int(i32::MIN), Int(-1), ExceptionKind::Overflow),
        (Remainder, Long(i64::MIN), Int(-1), ExceptionKind::Overflow),
    ] {
        assert_eq!(binary(operator, left, right).unwrap_err().kind, kind);
    }
    assert_eq!(u32::calculate(Subtract, 1, 2), Ok(u32::MAX));
    assert_eq!(u64::calculate(Multiply, 1 << 63, 3), Ok(1 << 63));
    assert_eq!(u64::calculate(Remainder, 1, 0).unwrap_err().kind, ExceptionKind::DivideByZero);
    assert_eq!(compare(Double(f64::NAN), Int(1)).unwrap(), None);
    assert_eq!(compare(dec("1.0"), Int(1)).unwrap(), Some(Ordering::Equal));
    assert_eq!(Double(-1.9).to_int().unwrap(), -1);
    assert_eq!(Long(1 << 32).to_int().unwrap(), 0);
    assert_eq!(convert::number_to_int(Double(0.5)).unwrap(), 0);
    assert_eq!(convert::number_to_int(Double(f64::NAN)).unwrap_err().kind, ExceptionKind::Overflow);
}

proptest! {
    #[test]
    fn doubles_come_back(bits: u64) {
        let value = f64::from_bits(bits);
        let again = parse_double(&double_text(value)).unwrap();
        prop_assert!(again.to_bits() == bits || value.is_nan() && again.is_nan());
    }

    #[test]
    fn whole_numbers_come_back(value: i64, small: i32) {
        prop_assert_eq!(parse_long(&shown(Number::Long(value), "D12")).unwrap(), value);
        prop_assert_eq!(parse_double(&shown(Number::Int(small), "N3")).unwrap(), f64::from(small));
        prop_assert_eq!(u32::from_str_radix(&shown(Number::Int(small), "X8"), 16).unwrap(), small as u32);
    }

    #[test]
    fn no_format_panics(value: f64, whole: i64, spec in ".{0,12}", custom in "[0#.,;%‰eE+'\"\\\\x-]{0,16}") {
        for spec in [&spec, &custom] {
            let _ = format(Number::Double(value), spec);
            let _ = format(Number::Long(whole), spec);
            let _ = parse_double(spec);
            let _ = decimal::parse(spec);
        }
    }
}
