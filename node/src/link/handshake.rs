//! How a connection between nodes begins. Until the secret is proved, both sides read 64 bytes and nothing else:
//!
//! ```text
//!   caller    ── challenge ──►  answerer
//!   caller    ◄── challenge ──  answerer
//!   caller    ── proof ──────►  answerer      wrong: zeros are sent in the place of the proof, and both give up
//!   caller    ◄────── proof ──  answerer
//!   caller    ── introduction ► answerer
//!   caller    ◄ introduction ─  answerer      what does not match is seen by both, and both give up
//! ```
//!
//! Who calls proves first, so that a stranger is never given a proof.

use std::future::poll_fn;
use std::task::{Poll, ready};

use fastrand::Rng;
use larder_proto::topology::NodeId;
use tokio::time::timeout;

use super::error::{FrameError, LinkError};
use super::frames::Link;
use super::introduction::Introduction;
use super::secret::{Challenge, Proof, Secret, Side};
use crate::limits::{HANDSHAKE_TIME_MAX, INTRODUCTION_BYTES_MAX};
use crate::net::Stream;

/// Begins a connection that this side opened. Tells what the other side says of itself. `expect` is who should answer.
///
/// # Errors
/// Everything that a [`LinkError`] tells; the connection is closed then.
pub async fn call(
    stream: Stream,
    secret: &Secret,
    own: &Introduction,
    expect: Option<NodeId>,
    random: &mut Rng,
) -> Result<(Link, Introduction), LinkError> {
    let challenge = draw(secret, random);
    let called = async {
        prove_as_caller(&stream, secret, &challenge).await?;
        let mut link = Link::new(stream, INTRODUCTION_BYTES_MAX);
        link.queue(INTRODUCTION, |to| own.encode(expect, to));
        link.flush().await?;
        let (theirs, _) = introduced(&mut link).await?;
        link.begin(own.agree(&theirs)?, own.purpose);
        if theirs.purpose != own.purpose {
            return Err(FrameError::Message("purpose").into());
        }
        is_wanted(expect, theirs.node)?;
        Ok((link, theirs))
    };
    timeout(HANDSHAKE_TIME_MAX, called).await.map_err(|_| LinkError::Late)?
}

/// Begins a connection that the other side opened. `own` tells what this side says of itself, given what the other side
/// does.
///
/// # Errors
/// Everything that a [`LinkError`] tells; the connection is closed then.
pub async fn answer(
    stream: Stream,
    secret: &Secret,
    own: impl Fn(&Introduction) -> Introduction,
    random: &mut Rng,
) -> Result<(Link, Introduction), LinkError> {
    let challenge = draw(secret, random);
    let answered = async {
        prove_as_answerer(&stream, secret, &challenge).await?;
        let mut link = Link::new(stream, INTRODUCTION_BYTES_MAX);
        let (theirs, wanted) = introduced(&mut link).await?;
        let own = Introduction { purpose: theirs.purpose, ..own(&theirs) };
        link.queue(INTRODUCTION, |to| own.encode(None, to));
        link.flush().await?;
        link.begin(own.agree(&theirs)?, own.purpose);
        is_wanted(wanted, own.node)?;
        Ok((link, theirs))
    };
    timeout(HANDSHAKE_TIME_MAX, answered).await.map_err(|_| LinkError::Late)?
}

async fn prove_as_caller(stream: &Stream, secret: &Secret, own: &Challenge) -> Result<(), LinkError> {
    write_all(stream, own).await?;
    let theirs: Challenge = read_exact(stream).await?;
    write_all(stream, &secret.proof(Side::Caller, own, &theirs)).await?;
    let proof: Proof = read_exact(stream).await?;
    let proved = secret.is_proved(Side::Answerer, own, &theirs, &proof);
    if proved { Ok(()) } else { Err(LinkError::Secret) }
}

async fn prove_as_answerer(stream: &Stream, secret: &Secret, own: &Challenge) -> Result<(), LinkError> {
    // Not before the caller's came: it would tell a stranger that scans ports what listens here.
    let theirs: Challenge = read_exact(stream).await?;
    write_all(stream, own).await?;
    let proof: Proof = read_exact(stream).await?;
    if !secret.is_proved(Side::Caller, &theirs, own, &proof) {
        write_all(stream, &REFUSED).await?;
        return Err(LinkError::Secret);
    }
    write_all(stream, &secret.proof(Side::Answerer, &theirs, own)).await
}

async fn introduced(link: &mut Link) -> Result<(Introduction, Option<NodeId>), LinkError> {
    let frame = link.frame().await?;
    if frame.kind != INTRODUCTION {
        return Err(FrameError::Kind(frame.kind).into());
    }
    Ok(Introduction::decode(frame.payload)?)
}

fn is_wanted(wanted: Option<NodeId>, found: Option<NodeId>) -> Result<(), LinkError> {
    match wanted {
        Some(wanted) if found != Some(wanted) => Err(LinkError::Node { wanted, found }),
        _ => Ok(()),
    }
}

fn draw(secret: &Secret, random: &mut Rng) -> Challenge {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    secret.challenge(&bytes)
}

async fn read_exact<const N: usize>(stream: &Stream) -> Result<[u8; N], LinkError> {
    let mut bytes = [0; N];
    let mut filled = 0;
    poll_fn(|cx| {
        while filled < N {
            match ready!(stream.poll_read(cx, &mut bytes[filled..]))? {
                0 => return Poll::Ready(Err(LinkError::Closed)),
                read => filled += read,
            }
        }
        Poll::Ready(Ok(()))
    })
    .await?;
    Ok(bytes)
}

async fn write_all(stream: &Stream, bytes: &[u8]) -> Result<(), LinkError> {
    let mut sent = 0;
    poll_fn(|cx| {
        while sent < bytes.len() {
            ready!(stream.poll_write_ready(cx))?;
            sent += stream.write(&bytes[sent..])?;
        }
        Poll::Ready(Ok(()))
    })
    .await
}

/// The kind of frame that an introduction is. Those of the purposes begin with 1.
const INTRODUCTION: u8 = 0;

/// What is sent in the place of a proof to one that proved nothing.
const REFUSED: Proof = [0; 32];
