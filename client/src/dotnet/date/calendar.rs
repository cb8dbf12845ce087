//! Days and years of the Gregorian calendar, from year 1 to year 9999.

/// A point in time by calendar and clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// 1 to 9999.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 59.
    pub second: i32,
    /// Ticks of 100 ns within the second.
    pub ticks: i32,
    /// `DayOfWeek`
    pub weekday: Weekday,
    /// `DayOfYear`: 1 to 366.
    pub day_of_year: i32,
}

/// `DayOfWeek`, with .NET's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Weekday {
    /// 0
    Sunday = 0,
    /// 1
    Monday = 1,
    /// 2
    Tuesday = 2,
    /// 3
    Wednesday = 3,
    /// 4
    Thursday = 4,
    /// 5
    Friday = 5,
    /// 6
    Saturday = 6,
}

impl Weekday {
    const ALL: [Weekday; 7] = [
        Self::Sunday,
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
    ];

    /// The English name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sunday => "Sunday",
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
        }
    }

    /// The weekday of a name, or of its first three letters, in any case.
    pub(super) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|day| is_name(word, day.name()))
    }

    /// Of days since Monday, 0001-01-01.
    pub(super) fn of_day(days: i64) -> Self {
        let place = usize::try_from((days + 1).rem_euclid(7)).unwrap_or(0);
        Self::ALL.get(place).copied().unwrap_or(Self::Sunday)
    }
}

/// The English names of the months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The month of a name, or of its first three letters, in any case: 1 to 12.
pub(super) fn month_named(word: &str) -> Option<i32> {
    let place = MONTHS.iter().position(|name| is_name(word, name))?;
    i32::try_from(place + 1).ok()
}

fn is_name(word: &str, name: &str) -> bool {
    word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3])
}

/// `DateTime.IsLeapYear(year)`
#[must_use]
pub fn is_leap_year(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// `DateTime.DaysInMonth(year, month)`; 0 for a month that there is not.
#[must_use]
pub fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 => 28 + i32::from(is_leap_year(year)),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Days from 0001-01-01 to a date that there is.
pub(super) fn days(year: i32, month: i32, day: i32) -> i64 {
    let before = i64::from(year) - 1;
    let months: i32 = (1..month).map(|month| days_in_month(year, month)).sum();
    before * 365 + before / 4 - before / 100 + before / 400 + i64::from(months) + i64::from(day) - 1
}

/// Year, month, day and day of the year, of days since 0001-01-01.
pub(super) fn date(days_since: i64) -> (i32, i32, i32, i32) {
    // At most one year too many: the average year has 365.2425 days.
    let mut year = i32::try_from(days_since * 10_000 / 3_652_425 + 1).unwrap_or(1);
    if days(year, 1, 1) > days_since {
        year -= 1;
    } else if days(year + 1, 1, 1) <= days_since {
        year += 1;
    }
    let of_year = i32::try_from(days_since - days(year, 1, 1)).unwrap_or(0);
    let (mut month, mut day) = (1, of_year);
    while month < 12 && day >= days_in_month(year, month) {
        day -= days_in_month(year, month);
        month += 1;
    }
    (year, month, day + 1, of_year + 1)
}
