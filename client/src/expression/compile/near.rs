//! Names that are nearly right.

/// The name that the author may have meant: the nearest one, if it is near.
pub(super) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = wanted.chars().count();
    if length > LENGTH_MAX {
        return None;
    }
    let most = if length < 3 { length.saturating_sub(1) } else { (length / 3).clamp(1, 3) };
    let near = known.filter(|name| name.chars().count().abs_diff(length) <= most && *name != wanted);
    let rated = near.map(|name| (distance(wanted, name), name)).filter(|(distance, _)| *distance <= most);
    rated.min().map(|(_, name)| name)
}

/// `; did you mean 'x'?`, or nothing.
pub(super) fn hint<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(wanted, known).map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

/// How many letters are to be put in, left out, replaced or swapped with the next. Case counts nothing.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (letters(left), letters(right));
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = row[j] + usize::from(a != b);
            let mut best = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && left[i - 1] == *b && right[j - 1] == *a {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

fn letters(text: &str) -> Vec<char> {
    text.chars().map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Longer names have no near ones: looking for them would take long.
const LENGTH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let known = ["Length", "Trim", "TrimEnd", "IndexOf"];
        for (wanted, nearest) in [
            ("Lenght", Some("Length")),
            ("length", Some("Length")),
            ("Indexof", Some("IndexOf")),
            ("Trm", Some("Trim")),
            ("Substring", None),
            ("", None),
        ] {
            assert_eq!(super::nearest(wanted, known.into_iter()), nearest, "{wanted}");
        }
    }
}
