//! How far two words are apart, for hints at spelling mistakes.

/// The number of letters to insert, drop, replace or swap with their neighbour to make one word the
/// other.
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    // Only the last two rows of the table of distances between beginnings are needed.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let replaced = last[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn counts_letters() {
        for (left, right, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("westeurop", "westeurope", 1),
            ("default", "defualt", 1),
            ("ab", "ba", 1),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
            assert_eq!(distance(right, left), expected, "{right} {left}");
        }
    }
}
