//! Bodies that stream: the client gets each chunk as it comes, and nothing but a whole body is stored.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use larder_client::context::{Content, Response, StreamBody};
use larder_client::http::{KeyScope, Looked, LookupRules, NotStored, ResponseEvent};
use tokio::sync::mpsc;

use crate::bed::{Bed, How, answer, get, minute, text};

type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Sent = Result<Frame<Bytes>, Failure>;

/// A body whose frames a test sends one by one.
struct Scripted(mpsc::Receiver<Sent>);

impl Body for Scripted {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Sent>> {
        self.0.poll_recv(cx)
    }
}

/// A body, and who sends its frames.
pub(crate) fn scripted() -> (mpsc::Sender<Sent>, StreamBody) {
    let (sender, receiver) = mpsc::channel(64);
    (sender, Scripted(receiver).boxed_unsync())
}

fn chunk(text: &'static str) -> Sent {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// The response to a miss whose body streams; `headers` come from the backend.
async fn streaming(bed: &Bed, headers: &[(&'static str, &str)]) -> (mpsc::Sender<Sent>, StreamBody) {
    let mut request = get("/a");
    let looked = bed.responses.lookup(&mut request, &LookupRules::default(), &KeyScope::new("api")).await;
    let Looked::Miss(pending) = looked else { panic!("{looked:?}") };
    let (sender, body) = scripted();
    let mut backend = answer(StatusCode::OK, "", headers);
    backend.body = Content::Stream(body);
    let Response { body: Content::Stream(body), .. } = bed.responses.store(pending, minute(), backend) else {
        panic!("the body is not read before its time")
    };
    (sender, body)
}

async fn next(body: &mut StreamBody) -> String {
    let frame = body.frame().await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

async fn not_stored(bed: &Bed, reason: NotStored) {
    bed.stored().await;
    assert_eq!(bed.redis.keys(), 0, "{reason}");
    assert_eq!(bed.responses.metrics().get(ResponseEvent::NotStored(reason)), 1, "{reason}");
    assert_eq!(bed.get("/a", &LookupRules::default(), "again").await, How::Miss, "{reason}");
}

#[tokio::test]
async fn a_chunk_reaches_the_client_before_the_body_has_ended() {
    let bed = Bed::new().await;
    let (sender, mut body) = streaming(&bed, &[]).await;
    for text in ["first", "second", "third"] {
        sender.send(chunk(text)).await.unwrap();
        assert_eq!(next(&mut body).await, text);
        assert_eq!(bed.redis.keys(), 0, "nothing is stored before the end");
    }
    drop(sender);
    assert!(body.frame().await.is_none());
    bed.stored().await;
    let (how, response) =
        bed.call(&mut get("/a"), &LookupRules::default(), minute(), answer(StatusCode::OK, "", &[])).await;
    assert!(matches!(response.body, Content::Bytes(_)));
    assert_eq!((how, text(response).await.as_str()), (How::Hit, "firstsecondthird"));
}

#[tokio::test]
async fn a_client_that_leaves_leaves_no_half_entry() {
    let bed = Bed::new().await;
    let (sender, mut body) = streaming(&bed, &[]).await;
    sender.send(chunk("half")).await.unwrap();
    assert_eq!(next(&mut body).await, "half");
    drop(body);
    assert!(sender.send(chunk("rest")).await.is_err(), "the backend is let go");
    not_stored(&bed, NotStored::Incomplete).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_no_half_entry() {
    let bed = Bed::new().await;
    let (sender, mut body) = streaming(&bed, &[]).await;
    sender.send(chunk("half")).await.unwrap();
    sender.send(Err("broken".into())).await.unwrap();
    drop(sender);
    assert_eq!(next(&mut body).await, "half");
    assert!(body.frame().await.unwrap().is_err(), "the client sees it");
    assert!(body.frame().await.is_none());
    not_stored(&bed, NotStored::Incomplete).await;
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_not_stored() {
    let bed = Bed::new().await;
    let (sender, mut body) = streaming(&bed, &[("content-length", "5")]).await;
    sender.send(chunk("half")).await.unwrap();
    drop(sender);
    assert_eq!(next(&mut body).await, "half");
    assert!(body.frame().await.is_none());
    not_stored(&bed, NotStored::Incomplete).await;
}

#[tokio::test]
async fn a_body_of_the_announced_length_is_whole_even_if_nobody_asks_for_its_end() {
    let bed = Bed::new().await;
    let (sender, mut body) = streaming(&bed, &[("content-length", "8")]).await;
    sender.send(chunk("half")).await.unwrap();
    sender.send(chunk("rest")).await.unwrap();
    assert_eq!((next(&mut body).await, next(&mut body).await), ("half".into(), "rest".into()));
    drop(body);
    bed.stored().await;
    let mut request = get("/a");
    assert_eq!(bed.text(&KeyScope::new("api"), &mut request, &LookupRules::default()).await, "halfrest");
}

#[tokio::test]
async fn trailers_reach_the_client_and_keep_the_response_out() {
    let bed = Bed::new().await;
    let (sender, mut body) = streaming(&bed, &[("content-length", "4")]).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-check", "1".parse().unwrap());
    sender.send(chunk("half")).await.unwrap();
    sender.send(Ok(Frame::trailers(trailers))).await.unwrap();
    drop(sender);
    assert_eq!(next(&mut body).await, "half");
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap()["x-check"], "1");
    assert!(body.frame().await.is_none());
    not_stored(&bed, NotStored::Trailers).await;
}

#[tokio::test]
async fn a_body_that_grows_too_large_reaches_the_client_whole_and_is_counted() {
    let bed = Bed::with(|builder| builder.body_bytes_max(8)).await;
    let (sender, mut body) = streaming(&bed, &[]).await;
    for text in ["12345", "678", "9", "more"] {
        sender.send(chunk(text)).await.unwrap();
        assert_eq!(next(&mut body).await, text);
    }
    drop(sender);
    assert!(body.frame().await.is_none());
    not_stored(&bed, NotStored::TooLarge).await;
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_stored() {
    let bed = Bed::with(|builder| builder.body_bytes_max(8)).await;
    let (sender, body) = streaming(&bed, &[]).await;
    sender.send(chunk("12345")).await.unwrap();
    sender.send(chunk("678")).await.unwrap();
    drop(sender);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "12345678");
    bed.stored().await;
    assert_eq!(bed.redis.keys(), 1);
}

#[tokio::test]
async fn a_response_without_a_body_is_stored() {
    let bed = Bed::new().await;
    let mut backend = answer(StatusCode::OK, "", &[]);
    backend.body = Content::Absent;
    bed.call(&mut get("/a"), &LookupRules::default(), minute(), backend).await;
    assert_eq!(bed.get("/a", &LookupRules::default(), "x").await, How::Hit);
}

#[tokio::test]
async fn a_body_that_an_expression_has_consumed_is_not_stored() {
    let bed = Bed::new().await;
    let mut backend = answer(StatusCode::OK, "", &[]);
    backend.body = Content::Consumed;
    bed.call(&mut get("/a"), &LookupRules::default(), minute(), backend).await;
    not_stored(&bed, NotStored::Incomplete).await;
}

#[tokio::test]
async fn a_body_that_is_dropped_outside_of_the_runtime_is_stored() {
    let bed = Bed::new().await;
    let (sender, mut body) = streaming(&bed, &[("content-length", "4")]).await;
    sender.send(chunk("full")).await.unwrap();
    assert_eq!(next(&mut body).await, "full");
    std::thread::spawn(move || drop(body)).join().unwrap();
    bed.stored().await;
    assert_eq!(bed.redis.keys(), 1);
}

/// Bodies that cannot fail are bodies, too.
#[tokio::test]
async fn a_body_that_says_that_it_has_ended_is_stored_at_once() {
    let bed = Bed::new().await;
    let looked = bed.responses.lookup(&mut get("/a"), &LookupRules::default(), &KeyScope::new("api")).await;
    let Looked::Miss(pending) = looked else { panic!("{looked:?}") };
    let full = http_body_util::Full::new(Bytes::from_static(b"full"));
    let full = full.map_err(|never: Infallible| -> Failure { match never {} }).boxed_unsync();
    let mut backend = answer(StatusCode::OK, "", &[]);
    backend.body = Content::Stream(full);
    let response = bed.responses.store(pending, minute(), backend);
    let Content::Stream(mut body) = response.body else { panic!() };
    assert_eq!(next(&mut body).await, "full");
    bed.stored().await;
    assert_eq!(bed.redis.keys(), 1, "before anybody has asked for the end");
}
