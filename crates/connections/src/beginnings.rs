//! Where the calls of a connection begin: on the connection's own task. Only a call that waits for something becomes a task.
//!
//! A call that is refused at once never stands in the runtime's queue. In a flood those are nearly all: what was let in
//! and is done would wait there behind them before it is answered. And the answers of what was read at once leave at
//! once.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use hyper::rt::Executor;
use parking_lot::Mutex;

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Calls of one connection that came and did not begin.
#[derive(Clone, Default)]
pub(crate) struct Beginnings(Arc<Mutex<VecDeque<Call>>>);

pin_project_lite::pin_project! {
    /// A connection on whose task its calls begin.
    pub(crate) struct Beginning<C> {
        #[pin]
        connection: C,
        calls: Beginnings,
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Beginnings {
    fn execute(&self, call: F) {
        self.0.lock().push_back(Box::pin(call));
    }
}

impl Beginnings {
    /// `connection`, whose executor this is.
    pub(crate) fn of<C>(self, connection: C) -> Beginning<C> {
        Beginning { connection, calls: self }
    }

    fn begin(&self) {
        while let Some(mut call) = self.next() {
            // Whoever waits is polled again, as a task, and says then whom to wake. A call that panics ends alone.
            let begun = || call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Ok(Poll::Pending) = catch_unwind(AssertUnwindSafe(begun)) {
                tokio::spawn(call);
            }
        }
    }

    fn next(&self) -> Option<Call> {
        self.0.lock().pop_front()
    }
}

impl<C> Beginning<C> {
    /// The connection itself.
    pub(crate) fn connection(self: Pin<&mut Self>) -> Pin<&mut C> {
        self.project().connection
    }
}

impl<C: Future> Future for Beginning<C> {
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<C::Output> {
        let this = self.project();
        let polled = this.connection.poll(context);
        // An answer wakes the connection, which sends it.
        this.calls.begin();
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        time::Duration,
    };

    use tokio::{sync::oneshot, task::yield_now, time::timeout};

    use super::*;

    #[tokio::test]
    async fn what_is_answered_at_once_ends_with_the_turn_in_which_it_was_read_and_what_waits_goes_on() {
        let ended = Arc::new(AtomicUsize::new(0));
        let (go, waits) = oneshot::channel::<()>();
        let (beginnings, mut waits) = (Beginnings::default(), Some(waits));
        let connection = poll_fn(|_| {
            if let Some(waits) = waits.take() {
                let (at_once, later) = (ended.clone(), ended.clone());
                beginnings.execute(async move {
                    at_once.fetch_add(1, Relaxed);
                });
                beginnings.execute(async { panic!("a call that panics") });
                beginnings.execute(async move {
                    waits.await.unwrap();
                    later.fetch_add(1, Relaxed);
                });
            }
            Poll::<()>::Pending
        });
        let mut connection = std::pin::pin!(beginnings.clone().of(connection));
        assert!(timeout(Duration::ZERO, connection.as_mut()).await.is_err());
        assert_eq!(ended.load(Relaxed), 1);
        go.send(()).unwrap();
        while ended.load(Relaxed) < 2 {
            yield_now().await;
        }
    }
}
