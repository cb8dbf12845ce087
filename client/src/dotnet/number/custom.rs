//! Custom number formats: `0.00`, `#,##0`, `0.0%`, `00E+0`, sections for negative numbers and zero.

use super::Digits;
use crate::dotnet::Exception;
use crate::dotnet::limits::FORMAT_BYTES_MAX;

/// Prints the digits by a custom format.
pub(super) fn format(mut digits: Digits, format: &str) -> Result<String, Exception> {
    if format.len() > FORMAT_BYTES_MAX {
        return Err(Exception::memory("the format is longer than 1,024 bytes"));
    }
    let sections = sections(format);
    let mut number = match (digits.is_zero(), digits.negative) {
        (true, _) => 2,
        (_, true) => 1,
        _ => 0,
    };
    // A section that is absent or empty leaves the work to the first.
    let present = |number: usize| sections.get(number).is_some_and(|section| !section.is_empty());
    number = if present(number) { number } else { 0 };
    let empty = Vec::new();
    let mut plan = Plan::of(sections.get(number).unwrap_or(&empty));
    plan.fit(&mut digits);
    if digits.is_zero() && number != 2 && present(2) {
        number = 2;
        plan = Plan::of(&sections[2]);
        plan.fit(&mut digits);
    }
    let text = Printer::new(&plan, &digits).print(sections.get(number).unwrap_or(&empty));
    // A sign stands only where the section does not speak for negative numbers itself.
    let sign = digits.negative && number == 0 && (digits.point != 0 || !text.is_empty());
    Ok(if sign { format!("-{text}") } else { text })
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// `0`
    Zero,
    /// `#`
    Hash,
    Point,
    Comma,
    /// `%` or `‰`, with the powers of ten that it stands for.
    Scale(char, i32),
    /// `E0`, `e+00`: the letter, whether a plus is written, and the digits at least.
    Exponent(char, bool, usize),
    Text(char),
}

fn sections(format: &str) -> Vec<Vec<Piece>> {
    let chars: Vec<char> = format.chars().collect();
    let mut sections = vec![Vec::new()];
    let mut at = 0;
    while let Some(&character) = chars.get(at) {
        at += 1;
        if character == ';' {
            sections.push(Vec::new());
            continue;
        }
        if let Some(section) = sections.last_mut() {
            at = read_piece(&chars, at, character, section);
        }
    }
    sections
}

/// Adds what the character begins; gives where to go on.
fn read_piece(chars: &[char], mut at: usize, character: char, section: &mut Vec<Piece>) -> usize {
    match character {
        '0' => section.push(Piece::Zero),
        '#' => section.push(Piece::Hash),
        '.' => section.push(Piece::Point),
        ',' => section.push(Piece::Comma),
        '%' => section.push(Piece::Scale('%', 2)),
        '‰' => section.push(Piece::Scale('‰', 3)),
        '\'' | '"' => {
            while let Some(&inner) = chars.get(at) {
                at += 1;
                if inner == character {
                    break;
                }
                section.push(Piece::Text(inner));
            }
        }
        '\\' => {
            section.extend(chars.get(at).map(|next| Piece::Text(*next)));
            at += 1;
        }
        'E' | 'e' => {
            let signed = matches!(chars.get(at), Some('+' | '-'));
            let start = at + usize::from(signed);
            let zeros = chars.iter().skip(start).take_while(|c| **c == '0').count();
            if zeros == 0 {
                section.push(Piece::Text(character));
            } else {
                section.push(Piece::Exponent(character, chars.get(at) == Some(&'+'), zeros.min(10)));
                at = start + zeros;
            }
        }
        other => section.push(Piece::Text(other)),
    }
    at
}

/// What a section asks for, counted in places for digits.
struct Plan {
    places: i32,
    /// Places before the point.
    point: i32,
    /// The first `0` before the point: digits from there on are always written.
    first: i32,
    /// The last `0` after the point, as a negative number.
    last: i32,
    grouped: bool,
    scientific: bool,
    shift: i32,
}

impl Plan {
    fn of(section: &[Piece]) -> Self {
        let (mut places, mut point, mut first, mut last) = (0, None, None, 0);
        let (mut comma, mut commas, mut grouped) = (None, 0, false);
        let (mut shift, mut scientific) = (0, false);
        for piece in section {
            match piece {
                Piece::Hash => places += 1,
                Piece::Zero => {
                    first = first.or(Some(places));
                    places += 1;
                    last = places;
                }
                Piece::Point => point = point.or(Some(places)),
                Piece::Comma if places > 0 && point.is_none() => {
                    if comma == Some(places) {
                        commas += 1;
                    } else {
                        grouped |= comma.is_some();
                        (comma, commas) = (Some(places), 1);
                    }
                }
                Piece::Scale(_, powers) => shift += powers,
                Piece::Exponent(..) => scientific = true,
                Piece::Comma | Piece::Text(_) => {}
            }
        }
        let point = point.unwrap_or(places);
        match comma {
            // Commas just before the point divide by thousands.
            Some(at) if at == point => shift -= commas * 3,
            Some(_) => grouped = true,
            None => {}
        }
        let first = first.map_or(0, |first: i32| (point - first).max(0));
        Self { places, point, first, last: (point - last).min(0), grouped, scientific, shift }
    }

    /// Moves the point and rounds to the places there are.
    fn fit(&self, digits: &mut Digits) {
        if digits.is_zero() {
            digits.negative &= digits.floating;
            digits.point = 0;
            return;
        }
        digits.point += self.shift;
        let keep = if self.scientific { self.places } else { digits.point + self.places - self.point };
        digits.round_at(keep);
    }
}

struct Printer<'a> {
    plan: &'a Plan,
    digits: &'a Digits,
    out: String,
    /// The next digit.
    next: usize,
    /// The place of the next digit, counted down to 0 at the point.
    place: i32,
    /// Digits beyond the places (above 0), or places beyond the digits (below 0).
    adjust: i32,
    point_written: bool,
    exponent_written: bool,
}

impl<'a> Printer<'a> {
    fn new(plan: &'a Plan, digits: &'a Digits) -> Self {
        let (place, adjust) = if plan.scientific {
            (plan.point, 0)
        } else {
            (digits.point.max(plan.point), digits.point - plan.point)
        };
        Self {
            plan,
            digits,
            out: String::new(),
            next: 0,
            place,
            adjust,
            point_written: false,
            exponent_written: false,
        }
    }

    fn print(mut self, section: &[Piece]) -> String {
        for piece in section {
            if matches!(piece, Piece::Zero | Piece::Hash | Piece::Point) {
                self.overflow();
            }
            match piece {
                Piece::Zero | Piece::Hash => self.digit(),
                Piece::Point => self.point(),
                Piece::Comma => {}
                Piece::Scale(sign, _) | Piece::Text(sign) => self.out.push(*sign),
                Piece::Exponent(letter, plus, width) => self.exponent(*letter, *plus, *width),
            }
        }
        self.out
    }

    /// Digits for which the format has no places go before the first place.
    fn overflow(&mut self) {
        while self.adjust > 0 {
            let digit = self.take().unwrap_or('0');
            self.write(digit);
            self.place -= 1;
            self.adjust -= 1;
        }
    }

    fn digit(&mut self) {
        let digit = if self.adjust < 0 {
            self.adjust += 1;
            (self.place <= self.plan.first).then_some('0')
        } else {
            self.take().or((self.place > self.plan.last).then_some('0'))
        };
        if let Some(digit) = digit {
            self.write(digit);
        }
        self.place -= 1;
    }

    fn take(&mut self) -> Option<char> {
        let digit = self.digits.digits.get(self.next)?;
        self.next += 1;
        Some(char::from(*digit))
    }

    fn write(&mut self, digit: char) {
        self.out.push(digit);
        if self.plan.grouped && self.place > 1 && (self.place - 1) % 3 == 0 {
            self.out.push(',');
        }
    }

    fn point(&mut self) {
        if self.place != 0 || self.point_written {
            return;
        }
        let more = self.plan.point < self.plan.places && self.next < self.digits.digits.len();
        if self.plan.last < 0 || more {
            self.out.push('.');
            self.point_written = true;
        }
    }

    fn exponent(&mut self, letter: char, plus: bool, width: usize) {
        if self.exponent_written {
            // A second one is text.
            self.out.push(letter);
            self.out.push_str(if plus { "+" } else { "" });
            self.out.extend(std::iter::repeat_n('0', width));
            return;
        }
        self.exponent_written = true;
        let exponent = if self.digits.is_zero() { 0 } else { self.digits.point - self.plan.point };
        let sign = if exponent < 0 {
            "-"
        } else if plus {
            "+"
        } else {
            ""
        };
        self.out.push(letter);
        self.out += &format!("{sign}{:0>width$}", exponent.unsigned_abs());
    }
}
