//! `larder-http-load PORT PATH key=value…`: asks a web server of 127.0.0.1 at a set rate and prints how long answers
//! took. Used by `bench/gateway`, which starts what is compared.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use larder_tests::load::{HttpLoad, run_http};

fn main() -> ExitCode {
    match measure() {
        Ok(line) => writeln!(io::stdout(), "{line}").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(error) => {
            // There is nobody left to tell if this fails too.
            let _ = writeln!(io::stderr(), "larder-http-load: {error}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<String, String> {
    let load = parse(std::env::args().skip(1))?;
    let total = run_http(&load).map_err(|error| error.to_string())?;
    let [median, p99] = [0.5, 0.99].map(|part| {
        let at = (total.waits.len() as f64 * part) as usize;
        total.waits.get(at.min(total.waits.len().saturating_sub(1))).map_or(0.0, |w| w.as_secs_f64() * 1e6)
    });
    Ok(format!(
        "{{\"requests\": {}, \"refused\": {}, \"seconds\": {}, \"p50_us\": {median}, \"p99_us\": {p99}}}",
        total.waits.len(),
        total.refused,
        total.time.as_secs_f64()
    ))
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<HttpLoad, String> {
    let port = arguments.next().and_then(|port| port.parse().ok()).ok_or("the port is missing")?;
    let path = arguments.next().ok_or("the path is missing")?;
    let (mut paths, mut header) = (1_u32, String::new());
    let (mut connections, mut rate, mut ms) = (8, 1000, 2000_u32);
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or_else(|| format!("not understood: {argument}"))?;
        if name == "header" {
            value.clone_into(&mut header);
            continue;
        }
        let number: u32 = value.parse().map_err(|_| format!("not a number: {argument}"))?;
        match name {
            "connections" => connections = number.clamp(1, 256),
            "rate" => rate = number,
            "ms" => ms = number,
            "paths" => paths = number.clamp(1, 100_000),
            _ => return Err(format!("not understood: {argument}")),
        }
    }
    let paths = (0..paths).map(|number| path.replace("{}", &number.to_string())).collect();
    Ok(HttpLoad { port, paths, header, connections, rate, time: Duration::from_millis(ms.into()) })
}

const USAGE: &str = "usage: larder-http-load PORT PATH [connections=8, a thread each] [rate=1000 a second; 0 as fast \
                     as it goes] [ms=2000] [paths=1; {} in PATH is its number] [header='Name: value']";
