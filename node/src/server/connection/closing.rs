//! How a connection ends so that its client loses nothing: what is in flight is answered, and bytes that still come are
//! read until the client has seen the end.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use tokio::time::{Instant, timeout};

use super::super::batch::Step;
use super::Connection;
use crate::limits::{LAST_ANSWERS_TIME, LAST_READ_TIME, LAST_READS_MAX, LINGER_TIME};

impl Connection {
    /// Answers what is in flight, until the client sends nothing for a moment or was answered for long enough, then closes. The node that stops waits
    /// for it no longer than its shutdown timeout.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        let end = Instant::now() + LAST_ANSWERS_TIME;
        for _ in 0..LAST_READS_MAX {
            if Instant::now() >= end {
                break;
            }
            let input = poll_fn(|cx| self.poll_input(cx));
            let Ok(Ok(mut step)) = timeout(LAST_READ_TIME, input).await else { break };
            self.send().await?;
            while matches!(step, Step::Yield | Step::Stall(_)) {
                if let Step::Stall(why) = step {
                    self.stall_over(why).await?;
                }
                step = self.run_input();
                self.send().await?;
            }
            if !matches!(step, Step::Read { .. }) || self.link.card.is_killed() {
                break;
            }
        }
        self.close().await
    }

    /// Sends what is left and says that it was the last. Bytes that still come are read and dropped for a moment: a
    /// socket that is closed with unread bytes is reset, and the client could lose its last replies.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.settle_all().await?;
        self.send().await?;
        self.link.shut()?;
        let _ = timeout(LINGER_TIME, self.drop_input()).await;
        Ok(())
    }

    /// Reads until the client has closed its side, or sends nothing for a moment.
    async fn drop_input(&self) {
        let (worker, link) = (Rc::clone(&self.worker), &self.link);
        loop {
            let read = poll_fn(|cx| link.poll_read(cx, &mut worker.scratch.borrow_mut()));
            let Ok(Ok(1..)) = timeout(LAST_READ_TIME, read).await else { return };
        }
    }
}
