//! How connections between nodes begin, and how they refuse to: both sides over streams in memory, with time that waits.

use std::future::poll_fn;

use fastrand::Rng;
use larder_proto::topology::{ClusterId, Incarnation, NodeId};

use super::testing::pair;
use super::{FrameError, Introduction, Link, LinkError, Purpose, Secret, Versions, answer, call};
use crate::limits::INTRODUCTION_BYTES_MAX;
use crate::net::Stream;

fn introduction(node: u64, purpose: Purpose) -> Introduction {
    Introduction {
        versions: Versions { min: 1, max: 2 },
        region: "west".to_owned(),
        cluster: Some(ClusterId(77)),
        node: Some(NodeId(node)),
        incarnation: Incarnation(node * 10),
        purpose,
    }
}

type Met = Result<(Link, Introduction), LinkError>;

/// What comes of two nodes that meet: the caller, who expects node 2, and node 2's side.
async fn meet(caller: &Introduction, answerer: &Introduction, secrets: [&str; 2]) -> (Met, Met) {
    let (left, right, _) = pair(7);
    let (mut one, mut other) = (Rng::with_seed(1), Rng::with_seed(2));
    let [secret, own_secret] = secrets.map(Secret::new);
    tokio::join!(
        call(left, &secret, caller, Some(NodeId(2)), &mut one),
        answer(right, &own_secret, |_| answerer.clone(), &mut other)
    )
}

async fn meet_as(change: impl Fn(&mut Introduction)) -> (LinkError, LinkError) {
    let mut answerer = introduction(2, Purpose::Requests);
    change(&mut answerer);
    let (called, answered) = meet(&introduction(1, Purpose::Requests), &answerer, ["s", "s"]).await;
    (called.unwrap_err(), answered.unwrap_err())
}

#[tokio::test(start_paused = true)]
async fn two_nodes_of_one_cluster_meet_and_exchange_frames() {
    let (one, two) = (introduction(1, Purpose::Stream), introduction(2, Purpose::Control));
    let (called, answered) = meet(&one, &two, ["s", "s"]).await;
    let ((mut caller, theirs), (mut answerer, ours)) = (called.unwrap(), answered.unwrap());
    // Who answers takes over what the connection is for.
    assert_eq!((theirs, ours), (Introduction { purpose: Purpose::Stream, ..two }, one));
    assert_eq!((caller.version(), answerer.version()), (2, 2));
    caller.queue(5, |to| to.extend_from_slice(b"hello"));
    caller.queue(6, |_| {});
    assert_eq!(caller.queued_bytes(), 10 + 5);
    let frames = async {
        let frame = answerer.frame().await.unwrap();
        assert_eq!((frame.kind, frame.payload), (5, &b"hello"[..]));
        let frame = answerer.frame().await.unwrap();
        assert_eq!((frame.kind, frame.payload), (6, &b""[..]));
    };
    tokio::join!(async { caller.flush().await.unwrap() }, frames);
    drop(caller);
    assert!(matches!(answerer.frame().await, Err(LinkError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_told_on_both_sides() {
    let (one, two) = (introduction(1, Purpose::Control), introduction(2, Purpose::Control));
    for secrets in [["right", "wrong"], ["", "wrong"], ["right", ""]] {
        let (called, answered) = meet(&one, &two, secrets).await;
        assert!(matches!(called, Err(LinkError::Secret)), "{called:?}");
        assert!(matches!(answered, Err(LinkError::Secret)), "{answered:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_match_is_told_on_both_sides() {
    let (called, answered) = meet_as(|answerer| answerer.region = "east".into()).await;
    assert!(matches!(&called, LinkError::Region { ours, theirs } if ours == "west" && theirs == "east"));
    assert!(matches!(&answered, LinkError::Region { ours, theirs } if ours == "east" && theirs == "west"));

    let (called, answered) = meet_as(|answerer| answerer.cluster = Some(ClusterId(78))).await;
    assert!(matches!(called, LinkError::Cluster { ours: Some(ClusterId(77)), theirs: Some(ClusterId(78)) }));
    assert!(matches!(answered, LinkError::Cluster { ours: Some(ClusterId(78)), .. }));

    let (called, answered) = meet_as(|answerer| answerer.versions = Versions { min: 3, max: 4 }).await;
    assert!(matches!(called, LinkError::Version { .. }) && matches!(answered, LinkError::Version { .. }));
    assert!(called.to_string().contains("1 to 2") && called.to_string().contains("3 to 4"));

    let (called, answered) = meet_as(|answerer| answerer.node = Some(NodeId(3))).await;
    for error in [called, answered] {
        assert!(matches!(error, LinkError::Node { wanted: NodeId(2), found: Some(NodeId(3)) }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn strangers_are_told_nothing_but_a_challenge() {
    let (stranger, ours, _) = pair(4096);
    let speak = async {
        write(&stranger, b"GET / HTTP/1.1\r\nHost: 127.0.0.1:6381\r\nUser-Agent: some browser, 1\r\n\r\n")
            .await;
        read_to_end(&stranger).await
    };
    let (own, secret) = (introduction(2, Purpose::Control), Secret::new("s"));
    let mut random = Rng::with_seed(1);
    let answering = async { answer(ours, &secret, |_| own.clone(), &mut random).await.map(drop) };
    let (said, answered) = tokio::join!(speak, answering);
    assert!(matches!(answered, Err(LinkError::Secret)), "{answered:?}");
    // A challenge, and zeros in the place of a proof.
    assert_eq!((said.len(), &said[32..]), (64, &[0; 32][..]));
}

#[tokio::test(start_paused = true)]
async fn one_that_says_nothing_is_given_up() {
    let (_silent, ours, _) = pair(4096);
    let own = introduction(2, Purpose::Control);
    let answered = answer(ours, &Secret::new("s"), |_| own.clone(), &mut Rng::with_seed(1)).await;
    assert!(matches!(answered, Err(LinkError::Late)));
    let (_silent, ours, _) = pair(4096);
    let called = call(ours, &Secret::new("s"), &own, None, &mut Rng::with_seed(1)).await;
    assert!(matches!(called, Err(LinkError::Late)));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_too_long_or_has_no_kind_ends_the_connection() {
    let long = |bytes_max: usize| u32::try_from(bytes_max + 1).unwrap().to_le_bytes().to_vec();
    for (bytes, wanted) in [
        (
            long(INTRODUCTION_BYTES_MAX),
            FrameError::TooLong { bytes: INTRODUCTION_BYTES_MAX + 1, bytes_max: INTRODUCTION_BYTES_MAX },
        ),
        (vec![0; 4], FrameError::Empty),
    ] {
        let (left, right, _) = pair(4096);
        let mut link = Link::new(right, INTRODUCTION_BYTES_MAX);
        write(&left, &bytes).await;
        assert!(matches!(link.frame().await, Err(LinkError::Frame(error)) if error == wanted));
    }
    assert!(Purpose::Control.frame_bytes_max() < Purpose::Stream.frame_bytes_max());
}

#[tokio::test(start_paused = true)]
async fn a_length_alone_claims_no_memory() {
    let (left, right, _) = pair(4096);
    let mut link = Link::new(right, INTRODUCTION_BYTES_MAX);
    link.begin(1, Purpose::Stream);
    write(&left, &(1_u32 << 30).to_le_bytes()).await;
    write(&left, &[1; 100]).await;
    let waited = tokio::time::timeout(std::time::Duration::from_secs(1), link.frame()).await;
    assert!(waited.is_err());
    let (reader, _) = link.split();
    assert!(reader.buffer_bytes() <= 128 * 1024, "{}", reader.buffer_bytes());
}

#[tokio::test(start_paused = true)]
async fn random_frames_arrive_as_they_were_sent_whatever_the_pieces() {
    let mut random = Rng::with_seed(7);
    for _ in 0..20 {
        let (left, right, _) = pair(random.usize(1..5_000));
        let (mut from, mut to) = (Link::new(left, 0), Link::new(right, 0));
        from.begin(1, Purpose::Stream);
        to.begin(1, Purpose::Stream);
        let size =
            |random: &mut Rng| if random.bool() { random.usize(..50) } else { random.usize(..200_000) };
        let frames: Vec<(u8, Vec<u8>)> = (0..20).map(|at| (at, vec![at; size(&mut random)])).collect();
        let send = async {
            for (kind, payload) in &frames {
                from.queue(*kind, |out| out.extend_from_slice(payload));
                if kind % 3 == 0 {
                    from.flush().await.unwrap();
                }
            }
            from.flush().await.unwrap();
        };
        let receive = async {
            for (kind, payload) in &frames {
                let frame = to.frame().await.unwrap();
                assert_eq!((frame.kind, frame.payload), (*kind, payload.as_slice()));
            }
        };
        tokio::join!(send, receive);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_peer_leaves_bytes_waiting_and_a_cut_is_told_to_both() {
    let (left, right, cut) = pair(100);
    let (mut from, mut to) = (Link::new(left, 0), Link::new(right, 0));
    from.begin(1, Purpose::Stream);
    to.begin(1, Purpose::Stream);
    from.queue(1, |out| out.resize(out.len() + 995, 7));
    for _ in 0..3 {
        let flushed = tokio::time::timeout(std::time::Duration::from_secs(1), from.flush()).await;
        assert!(flushed.is_err());
        assert_eq!(from.queued_bytes(), 900);
    }
    cut.cut();
    assert!(matches!(from.flush().await, Err(LinkError::Closed)));
    assert!(matches!(to.frame().await, Err(LinkError::Closed)));
}

async fn write(stream: &Stream, bytes: &[u8]) {
    let mut sent = 0;
    while sent < bytes.len() {
        poll_fn(|cx| stream.poll_write_ready(cx)).await.unwrap();
        sent += stream.write(&bytes[sent..]).unwrap();
    }
}

async fn read_to_end(stream: &Stream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 256]);
    loop {
        match poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await {
            Ok(0) | Err(_) => return all,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
        }
    }
}
