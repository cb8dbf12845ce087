//! A unified diff of two short lists of lines, for failure messages.

/// The lines of both sides, those of `expected` alone marked `-`, those of `actual` alone marked `+`.
pub fn unified(expected: &[String], actual: &[String]) -> String {
    let common = common_lengths(expected, actual);
    let (mut left, mut right) = (0, 0);
    let mut text = String::new();
    let mut push = |mark: char, line: &str| {
        text.push(mark);
        text.push(' ');
        text.push_str(line);
        text.push('\n');
    };
    while left < expected.len() || right < actual.len() {
        if left < expected.len() && right < actual.len() && expected[left] == actual[right] {
            push(' ', &expected[left]);
            left += 1;
            right += 1;
        } else if right == actual.len()
            || (left < expected.len() && common[left + 1][right] >= common[left][right + 1])
        {
            push('-', &expected[left]);
            left += 1;
        } else {
            push('+', &actual[right]);
            right += 1;
        }
    }
    text
}

/// For every pair of suffixes, the length of their longest common subsequence.
fn common_lengths(expected: &[String], actual: &[String]) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; actual.len() + 1]; expected.len() + 1];
    for left in (0..expected.len()).rev() {
        for right in (0..actual.len()).rev() {
            lengths[left][right] = if expected[left] == actual[right] {
                lengths[left + 1][right + 1] + 1
            } else {
                lengths[left + 1][right].max(lengths[left][right + 1])
            };
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn common_lines_stand_once() {
        assert_eq!(unified(&lines("a b c"), &lines("a x c d")), "  a\n- b\n+ x\n  c\n+ d\n");
        assert_eq!(unified(&lines("a"), &lines("")), "- a\n");
    }
}
