//! The network does what its page says: order, lateness, pieces, bounds, cuts, resets, names.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use larder_node::net::{Network, Stream};
use tokio::time::{Instant, sleep, timeout};

use super::HostNetwork;
use crate::simulation::{Orders, PathSettings, run};

fn host(number: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, number])
}

fn port(number: u8) -> SocketAddr {
    SocketAddr::new(host(number), 7)
}

fn network(orders: &Orders, number: u8) -> HostNetwork {
    orders.wires.add_host(host(number));
    HostNetwork::new(Arc::clone(&orders.wires), host(number))
}

async fn read(stream: &Stream, count: usize) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < count {
        let mut buffer = [0; 512];
        let room = buffer.len().min(count - all.len());
        let read = poll_fn(|cx| stream.poll_read(cx, &mut buffer[..room])).await?;
        if read == 0 {
            break;
        }
        all.extend_from_slice(&buffer[..read]);
    }
    Ok(all)
}

async fn write(stream: &Stream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        poll_fn(|cx| stream.poll_write_ready(cx)).await?;
        bytes = &bytes[stream.write(bytes)?..];
    }
    Ok(())
}

/// Host 2 gives back what it gets, on port 7.
fn start_echo(orders: &Orders) {
    let network = network(orders, 2);
    let clock = orders.clock(host(2), &mut fastrand::Rng::with_seed(1));
    orders.start(host(2), clock, async move {
        let listener = network.listen(port(2)).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(async move {
                while let Ok(bytes) = read(&stream, 1).await {
                    if bytes.is_empty() || write(&stream, &bytes).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
}

/// Runs a test with a connection from host 1 to the echo at host 2.
fn with_echo<T, F>(seed: u64, test: impl FnOnce(Orders, HostNetwork, Stream) -> F + 'static) -> T
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    run(seed, |orders| async move {
        let own = network(&orders, 1);
        start_echo(&orders);
        let stream = loop {
            match own.connect(port(2)).await {
                Ok(stream) => break stream,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused),
            }
        };
        test(orders, own, stream).await
    })
}

#[test]
fn bytes_arrive_in_order_and_late() {
    for seed in 0..20 {
        with_echo(seed, |orders, _, stream| async move {
            orders.wires.set_usual(PathSettings {
                latency_ns_min: 3_000_000,
                latency_ns_max: 9_000_000,
                ..PathSettings::default()
            });
            let sent: Vec<u8> = (0..3_000_u32).map(|byte| (byte * 7 % 251) as u8).collect();
            let begin = Instant::now();
            let (written, got) = tokio::join!(write(&stream, &sent), read(&stream, sent.len()));
            written.unwrap();
            assert_eq!(got.unwrap(), sent);
            assert!(begin.elapsed() >= Duration::from_millis(6), "{:?}", begin.elapsed());
        });
    }
}

#[test]
fn a_reader_that_does_not_read_stops_the_writer() {
    run(3, |orders| async move {
        let (one, two) = (network(&orders, 1), network(&orders, 2));
        let listener = two.listen(port(2)).unwrap();
        let (connected, accepted) = tokio::join!(one.connect(port(2)), listener.accept());
        let (stream, (held, from)) = (connected.unwrap(), accepted.unwrap());
        assert_eq!(from.ip(), host(1));
        let all = vec![1; 1 << 20];
        assert!(timeout(Duration::from_secs(9), write(&stream, &all)).await.is_err());
        let got = read(&held, 512 << 10);
        let (got, written) = tokio::join!(got, timeout(Duration::from_secs(9), write(&stream, &all)));
        assert_eq!(got.unwrap().len(), 512 << 10);
        assert!(written.is_err());
    });
}

#[test]
fn a_cut_way_delivers_late_what_was_sent() {
    with_echo(4, |orders, _, stream| async move {
        for (from, to) in [(1, 2), (2, 1)] {
            orders.wires.cut(host(from), host(to));
            write(&stream, b"x").await.unwrap();
            assert!(timeout(Duration::from_secs(60), read(&stream, 1)).await.is_err(), "{from} {to}");
            orders.wires.mend(host(from), host(to));
            let got = timeout(Duration::from_millis(500), read(&stream, 1)).await.expect("sent again");
            assert_eq!(got.unwrap(), b"x");
        }
    });
}

#[test]
fn a_held_way_is_silent_for_a_while() {
    with_echo(5, |orders, _, stream| async move {
        orders.wires.hold(host(1), host(2), orders.now_ns() + 700_000_000);
        let begin = Instant::now();
        write(&stream, b"x").await.unwrap();
        assert_eq!(read(&stream, 1).await.unwrap(), b"x");
        assert!((700..800).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    });
}

#[test]
fn nobody_listening_refuses_and_no_power_is_silent() {
    with_echo(6, |orders, own, _stream| async move {
        let nobody = SocketAddr::new(host(2), 8);
        let refused = own.connect(nobody).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        orders.power_off(host(2));
        assert!(timeout(Duration::from_secs(9), own.connect(port(2))).await.is_err());
        orders.wires.power_on(host(2));
        assert!(timeout(Duration::from_secs(9), own.connect(port(2))).await.unwrap().is_err());
    });
}

#[test]
fn killing_a_process_ends_its_connections() {
    with_echo(7, |orders, own, stream| async move {
        orders.kill(host(2));
        assert_eq!(read(&stream, 1).await.unwrap(), b"");
        assert!(own.connect(port(2)).await.is_err());
        start_echo(&orders);
        sleep(Duration::from_millis(1)).await;
        let stream = own.connect(port(2)).await.unwrap();
        write(&stream, b"y").await.unwrap();
        assert_eq!(read(&stream, 1).await.unwrap(), b"y");
    });
}

#[test]
fn who_lost_power_is_missed_only_by_who_sends() {
    with_echo(8, |orders, _, stream| async move {
        orders.power_off(host(2));
        write(&stream, b"x").await.unwrap();
        assert!(timeout(Duration::from_secs(9), read(&stream, 1)).await.is_err());
        orders.wires.power_on(host(2));
        let broken = timeout(Duration::from_secs(1), read(&stream, 1)).await.expect("a reset");
        assert_eq!(broken.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        drop(stream);
        assert_eq!(orders.wires.connections(), 0);
    });
}

#[test]
fn a_stopped_process_answers_when_it_goes_on() {
    with_echo(9, |orders, _, stream| async move {
        orders.pause(host(2), orders.now_ns() + 2_000_000_000);
        let begin = Instant::now();
        write(&stream, b"x").await.unwrap();
        assert_eq!(read(&stream, 1).await.unwrap(), b"x");
        assert!(begin.elapsed() >= Duration::from_secs(2));
    });
}

#[test]
fn a_reset_reaches_both_ends() {
    run(10, |orders| async move {
        let (one, two) = (network(&orders, 1), network(&orders, 2));
        let listener = two.listen(port(2)).unwrap();
        let (connected, accepted) = tokio::join!(one.connect(port(2)), listener.accept());
        let (stream, (held, _)) = (connected.unwrap(), accepted.unwrap());
        orders.wires.reset_one(|from, _| from == host(1));
        assert!(read(&stream, 1).await.is_err());
        assert!(read(&held, 1).await.is_err());
        assert!(write(&held, b"x").await.is_err());
    });
}

#[test]
fn closing_lets_what_was_sent_arrive() {
    run(11, |orders| async move {
        let (one, two) = (network(&orders, 1), network(&orders, 2));
        let listener = two.listen(port(2)).unwrap();
        assert!(two.listen(port(2)).is_err());
        assert!(one.listen(port(2)).is_err());
        let (connected, accepted) = tokio::join!(one.connect(port(2)), listener.accept());
        let (stream, (held, _)) = (connected.unwrap(), accepted.unwrap());
        write(&stream, b"last words").await.unwrap();
        drop(stream);
        assert_eq!(read(&held, 99).await.unwrap(), b"last words");
        drop((held, listener));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(orders.wires.connections(), 0);
    });
}

#[test]
fn names_mean_what_they_were_given() {
    run(12, |orders| async move {
        let own = network(&orders, 1);
        orders.wires.name("cache", &[host(3), host(2)]);
        let wanted = vec![SocketAddr::new(host(3), 9), SocketAddr::new(host(2), 9)];
        assert_eq!(own.resolve("cache", 9).await.unwrap(), wanted);
        assert_eq!(own.resolve("10.0.0.2", 7).await.unwrap(), vec![port(2)]);
        assert!(own.resolve("nothing", 9).await.is_err());
    });
}

#[test]
fn a_seed_replays_exactly() {
    let trace = |seed| {
        let noted = Rc::new(RefCell::new(Vec::new()));
        let times = Rc::clone(&noted);
        let hash = with_echo(seed, move |orders, _, stream| async move {
            orders.observe(move |now_ns| times.borrow_mut().push(now_ns));
            for byte in 0..100 {
                write(&stream, &[byte]).await.unwrap();
                assert_eq!(read(&stream, 1).await.unwrap(), [byte]);
            }
            orders.wires.trace()
        });
        (hash, noted.take())
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}
