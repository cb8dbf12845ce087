//! The compose file and the Kubernetes manifests under `deploy/`, by the linters that `tests/run` installs and by
//! `manifests/check.py`, which also asks the binary what it makes of each container's environment.

use std::path::Path;
use std::process::Command;

use larder_tests::process::larder_path;

#[test]
fn what_orchestrators_are_given_is_right() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join(".tools/linters/bin/python");
    let output = Command::new("timeout")
        .arg("120")
        .arg(&python)
        .arg(here.join("manifests/check.py"))
        .arg(larder_path())
        .output()
        .expect("a program can be run");
    assert!(
        output.status.success(),
        "{} (tests/run installs what is missing)\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
