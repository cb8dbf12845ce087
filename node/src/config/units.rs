//! Numbers with units, as settings are written: `64mb`, `1gb`, `60%`.

/// Reads a number of bytes. `k`, `m`, `g` are powers of 1,000, `kb`, `mb`, `gb` powers of 1,024, as in Redis; `N%` is a share
/// of `whole`, where there is one.
pub(super) fn parse_bytes(text: &str, whole: Option<usize>) -> Result<usize, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: usize = digits.parse().map_err(|_| wrong_bytes(text))?;
    let factor = match (&lower[digits.len()..], whole) {
        ("" | "b", _) => 1,
        ("k", _) => 1_000,
        ("kb", _) => 1 << 10,
        ("m", _) => 1_000_000,
        ("mb", _) => 1 << 20,
        ("g", _) => 1_000_000_000,
        ("gb", _) => 1 << 30,
        ("%", Some(whole)) if (1..=100).contains(&number) => return Ok(whole / 100 * number),
        _ => return Err(wrong_bytes(text)),
    };
    number.checked_mul(factor).ok_or_else(|| wrong_bytes(text))
}

fn wrong_bytes(text: &str) -> String {
    format!("'{text}' is not a number of bytes: write for example 67108864, 64mb or 1gb")
}

/// Memory that this process may use: that of its cgroup, or else of the machine, in bytes.
pub(super) fn machine_memory_bytes() -> usize {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let files = cgroup_files(&own).into_iter();
    let cgroup =
        files.filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<usize>().ok()).min();
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of_meminfo(&text));
    match (cgroup, machine) {
        (Some(cgroup), Some(machine)) => cgroup.min(machine),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => MEMORY_BYTES_ASSUMED,
    }
}

/// Where the memory limits of this process' cgroup stand: its own and those of the groups around it.
fn cgroup_files(own: &str) -> Vec<String> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let mut files = vec!["/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned()];
    let mut group = path.trim_matches('/');
    loop {
        let inside = if group.is_empty() { String::new() } else { format!("/{group}") };
        files.push(format!("/sys/fs/cgroup{inside}/memory.max"));
        if group.is_empty() {
            return files;
        }
        group = group.rsplit_once('/').map_or("", |(outer, _)| outer);
    }
}

fn total_of_meminfo(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok().map(|kib| kib * 1_024)
}

/// Cores that this process may use, its cgroup's quota included.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Writes bytes as a person would.
#[must_use]
pub fn human_bytes(bytes: usize) -> String {
    for (name, factor) in [("gb", 1_usize << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return format!("{}{name}", bytes / factor);
        }
    }
    if bytes >= 1 << 20 { format!("{}mb", bytes >> 20) } else { format!("{bytes}b") }
}

/// Where neither cgroup nor machine tells.
const MEMORY_BYTES_ASSUMED: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        for (text, bytes) in
            [("0", 0), ("100", 100), ("1k", 1_000), ("1kb", 1_024), ("64mb", 64 << 20), ("2GB", 2 << 30)]
        {
            assert_eq!(parse_bytes(text, None), Ok(bytes), "{text}");
        }
        assert_eq!(parse_bytes("60%", Some(1_000)), Ok(600));
        for wrong in ["", "mb", "1tb", "-1", "60%", "1.5gb", "99999999999999999999", "17179869184gb"] {
            assert!(parse_bytes(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_of_outer_groups_count_too() {
        assert_eq!(
            cgroup_files("0::/system.slice/larder.service\n")[1..],
            [
                "/sys/fs/cgroup/system.slice/larder.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(cgroup_files("")[1..], ["/sys/fs/cgroup/memory.max"]);
    }

    #[test]
    fn bytes_are_shown_as_people_write_them() {
        assert_eq!(human_bytes(64 << 20), "64mb");
        assert_eq!(human_bytes(3 << 30), "3gb");
        assert_eq!(human_bytes((64 << 20) + 1), "64mb");
        assert_eq!(human_bytes(1_000), "1000b");
    }
}
