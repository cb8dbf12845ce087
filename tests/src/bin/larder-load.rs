//! `larder-load PORT key=value…`: puts GETs, MGETs and SETs on a server of 127.0.0.1 and prints how many it answered. Used
//! by `bench/run` and `bench/cluster`, which measure the server's side.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use larder_tests::load::{Load, fill, run};

fn main() -> ExitCode {
    match measure() {
        Ok(line) => writeln!(io::stdout(), "{line}").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(error) => {
            // There is nobody left to tell if this fails too.
            let _ = writeln!(io::stderr(), "larder-load: {error}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<String, String> {
    let load = parse(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    if load.time.is_zero() {
        runtime.block_on(fill(&load)).map_err(|error| error.to_string())?;
        return Ok(format!("{{\"filled\": {}}}", load.keys()));
    }
    let total = runtime.block_on(run(&load)).map_err(|error| error.to_string())?;
    let [median, p99] = [0.5, 0.99].map(|part| total.wait(part).as_secs_f64() * 1e3);
    Ok(format!(
        "{{\"requests\": {}, \"seconds\": {}, \"p50_ms\": {median}, \"p99_ms\": {p99}}}",
        total.requests,
        total.time.as_secs_f64()
    ))
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Load, String> {
    let port = arguments.next().and_then(|port| port.parse().ok()).ok_or("the port is missing")?;
    let mut load = Load {
        port,
        connections: 50,
        pipeline: 1,
        time: Duration::from_secs(1),
        keys: 100_000,
        names: Arc::default(),
        keys_per_read: 0,
        value_bytes: 64,
        set_every: 11,
    };
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or_else(|| format!("not understood: {argument}"))?;
        if name == "keys-from" {
            let text = std::fs::read_to_string(value).map_err(|error| format!("{value}: {error}"))?;
            load.names = text.lines().map(str::to_owned).collect();
            continue;
        }
        let number: u32 = value.parse().map_err(|_| format!("not a number: {argument}"))?;
        match name {
            "connections" => load.connections = number.max(1),
            "pipeline" => load.pipeline = number.clamp(1, 10_000),
            "ms" => load.time = Duration::from_millis(number.into()),
            "keys" => load.keys = number.into(),
            "value" => load.value_bytes = number as usize,
            "mget" => load.keys_per_read = number as usize,
            "set-every" => load.set_every = number.into(),
            _ => return Err(format!("not understood: {argument}")),
        }
    }
    Ok(load)
}

const USAGE: &str = "usage: larder-load PORT [connections=50] [pipeline=1] [ms=1000; 0 sets every key once] \
                     [keys=100000] [keys-from=FILE, a key each line] [value=64] [set-every=11; 0 never] \
                     [mget=0, keys of a read; 0 is GET]";
