//! The settings that may hold secrets: where they come from, and that no output repeats them.

use crate::process::{command, run, write};
use crate::support::TempDir;

const SECRET: &str = "hunter2";

/// Runs a gateway that ends by itself, and checks that it keeps the secret.
fn ended(args: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = command(args);
    command.env("LARDER_GATEWAY_LISTEN", "127.0.0.1:0");
    variables.iter().for_each(|(name, value)| {
        command.env(name, value);
    });
    let (status, printed, complained) = run(command);
    let all = printed + &complained;
    assert!(!all.contains(SECRET), "a secret: {all}");
    (status, all)
}

#[test]
fn what_is_wrong_is_said_before_anything_starts() {
    let dir = TempDir::new();
    let policy = write(&dir, "policy.xml", "<policies />");
    let backend = ["--policy", &policy, "--backend", "http://127.0.0.1:1"];
    let long = "larder-gateway: external cache Default: connection string, byte 10: unknown option; did you mean `password`?\n";
    for (args, wanted) in [
        (&["--external", "Default=host:6380,pasword=hunter2"][..], long),
        (&["--external", SECRET], "larder-gateway: --external: expected REGION=CONNECTION_STRING\n"),
        (&["--named", SECRET], "larder-gateway: --named: expected NAME=VALUE\n"),
        (
            &["--connections-max", "0"],
            "larder-gateway: --connections-max: expected a whole number, 1 to 100000\n",
        ),
        (
            &["--backend-connect-ms", SECRET],
            "larder-gateway: --backend-connect-ms: expected a whole number, 1 to 60000\n",
        ),
        (
            &["--external", "West", "Europe=host,password=hunter2"],
            "error: a word that belongs to no flag; a value with blanks or ',' needs quotes\n",
        ),
    ] {
        let (status, said) = ended(&[&backend[..], args].concat(), &[]);
        assert_eq!((status, said.as_str()), (2, wanted), "{args:?}");
    }
    for url in ["http://user:hunter2@127.0.0.1:1", "http://hunter2@127.0.0.1:1/path", "ftp://u:hunter2@host"]
    {
        let (status, said) = ended(&["--policy", &policy, "--backend", url], &[]);
        let wanted = "larder-gateway: --backend: a user name or password in the URL is not supported\n";
        assert_eq!((status, said.as_str()), (2, wanted));
    }
    let (status, said) = ended(&["--policy", &policy, "--backend", "ftp://127.0.0.1:1"], &[]);
    assert_eq!(
        (status, said.as_str()),
        (2, "larder-gateway: --backend: expected http://HOST:PORT or https://HOST:PORT, and perhaps /PATH\n")
    );
    let args = ["--policy", &policy, "--backend", "https://localhost", "--backend-ca", "missing.pem"];
    let (status, said) = ended(&args, &[]);
    assert!(
        status == 2 && said.contains("backend: cannot read the root certificates: missing.pem"),
        "{said}"
    );
    let (status, said) = ended(&["--policy", &policy], &[]);
    assert_eq!(
        (status, said.as_str()),
        (2, "larder-gateway: route '/*': it has no backend, and there is no --backend\n")
    );
    let (status, said) = ended(&["--backend", "http://127.0.0.1:1"], &[]);
    assert!(status == 2 && said.contains("there is nothing to do: give --policy"), "{said}");
}

#[test]
fn the_environment_and_files_give_what_flags_do_not() {
    let dir = TempDir::new();
    write(&dir, "policy.xml", "<policies />");
    let config = write(
        &dir,
        "gateway.toml",
        "policy = \"policy.xml\"\nregion = \"west\"\n[[external]]\nuse-from = \"Default\"\nconnection-string = \"a:1\"\n\
         [[external]]\nuse-from = \"East US\"\nconnection-string = \"b:1\"\n",
    );
    write(&dir, "west.secret", "c:1,password=hunter2\n");
    let secrets = write(
        &dir,
        "secrets.toml",
        "[[external]]\nuse-from = \"west\"\nconnection-string-file = \"west.secret\"\n",
    );
    let backend = ("LARDER_GATEWAY_BACKEND", "http://127.0.0.1:9000");
    let (status, text) = ended(&["--check", "--config", &config, "--config", &secrets], &[backend]);
    assert_eq!(status, 0, "{text}");
    for line in [
        "region west, service default",
        "caching-type prefer-external: external:west",
        "policy.xml (operation)",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let variables = [
        backend,
        ("LARDER_GATEWAY_EXTERNAL", "East US=a:1;\n west=b:1,password=hunter2"),
        ("LARDER_GATEWAY_REGION", "East US"),
    ];
    let (_, text) = ended(&["--check", "--config", &config, "--region", "west"], &variables);
    assert!(text.contains("caching-type prefer-external: external:west"), "{text}");
    let (status, said) = ended(&["--config", &config, "--config", &config], &[]);
    assert!(status == 2 && said.contains("policy is given twice"), "{said}");
}

#[test]
fn help_names_every_flag_and_no_value() {
    let (status, text) =
        ended(&["--help"], &[("LARDER_GATEWAY_INTERNAL", SECRET), ("LARDER_GATEWAY_NAMED", SECRET)]);
    assert_eq!(status, 0);
    for part in ["--policy", "--config", "--check", "--trace", "LARDER_GATEWAY_", "[default: 127.0.0.1:8080]"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_variable_that_is_no_setting_is_named() {
    let dir = TempDir::new();
    let policy = write(&dir, "policy.xml", "<policies />");
    let variables = [("LARDER_GATEWAY_REGOIN", SECRET), ("LARDER_GATEWAY_REGION", "west")];
    let (status, said) = ended(&["--check", "--policy", &policy], &variables);
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains("larder-gateway: warning: the variable LARDER_GATEWAY_REGOIN is no setting\n"),
        "{said}"
    );
    assert_eq!(said.matches("is no setting").count(), 1, "{said}");
}
