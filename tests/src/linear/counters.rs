//! Exactness of a counter, from its answers alone: what the checker of orders says is said here once more in plain sums, which
//! cost nothing and explain themselves.

use std::fmt;

/// What the clients of one counter saw.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// The answers to INCR, in any order.
    pub answers: Vec<u64>,
    /// How many were sent and never answered.
    pub unknown: u64,
    /// What it holds at the end.
    pub last: u64,
}

/// How a counter went wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum CountFault {
    /// Fewer than were acknowledged.
    Lost {
        /// How many were acknowledged.
        acknowledged: u64,
        /// What it holds.
        last: u64,
    },
    /// More than were ever asked.
    Repeated {
        /// How many were asked.
        asked: u64,
        /// What it holds.
        last: u64,
    },
    /// Two clients were told the same number, or one that the counter never reached.
    Told(u64),
}

/// Each acknowledged increment counts once, each unknown one once or not at all.
///
/// # Errors
/// It does not.
pub fn check_count(count: &Count) -> Result<(), CountFault> {
    let acknowledged = count.answers.len() as u64;
    if count.last < acknowledged {
        return Err(CountFault::Lost { acknowledged, last: count.last });
    }
    if count.last > acknowledged + count.unknown {
        return Err(CountFault::Repeated { asked: acknowledged + count.unknown, last: count.last });
    }
    let mut told = count.answers.clone();
    told.sort_unstable();
    if let Some(pair) = told.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(CountFault::Told(pair[0]));
    }
    match told.last() {
        Some(most) if *most > count.last => Err(CountFault::Told(*most)),
        _ => Ok(()),
    }
}

impl fmt::Display for CountFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { acknowledged, last } => write!(f, "{acknowledged} acknowledged, {last} counted"),
            Self::Repeated { asked, last } => write!(f, "{asked} asked, {last} counted"),
            Self::Told(number) => write!(f, "{number} was told twice, or never reached"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(answers: &[u64], unknown: u64, last: u64) -> Result<(), CountFault> {
        check_count(&Count { answers: answers.to_vec(), unknown, last })
    }

    #[test]
    fn an_unknown_increment_counts_once_or_never() {
        assert_eq!(count(&[], 0, 0), Ok(()));
        assert_eq!(count(&[2, 1, 3], 0, 3), Ok(()));
        assert_eq!(count(&[1, 3], 1, 3), Ok(()));
        assert_eq!(count(&[1, 2], 1, 2), Ok(()));
    }

    #[test]
    fn losses_and_repetitions_are_found() {
        assert_eq!(count(&[1, 2, 3], 0, 2), Err(CountFault::Lost { acknowledged: 3, last: 2 }));
        assert_eq!(count(&[1, 2], 1, 4), Err(CountFault::Repeated { asked: 3, last: 4 }));
        assert_eq!(count(&[1, 2, 2], 0, 3), Err(CountFault::Told(2)));
        assert_eq!(count(&[1, 4], 1, 3), Err(CountFault::Told(4)));
    }
}
