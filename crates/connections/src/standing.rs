//! What is known of a connection while it is open: whether it was admitted, and when it last had a call.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

use crate::{Bounds, Limit, Tenant, places::Place};

/// One connection.
pub(crate) struct Standing {
    place: Place,
    since: Instant,
    state: Mutex<State>,
    admitted: Notify,
}

struct State {
    admitted: bool,
    calls: usize,
    /// When the last call ended; at first, when it was opened.
    last: Instant,
}

/// The connection that a request came over, for whoever decides who is let in: among the request's extensions.
#[derive(Clone)]
pub struct Stay(pub(crate) Arc<Standing>);

/// A call that is under way.
pub(crate) struct Call(Arc<Standing>);

impl Stay {
    /// A caller was let in: the connection may stay. It counts for `tenant` from here on, if it is somebody's.
    ///
    /// # Errors
    /// The limit, where the tenant has as many connections as it may have.
    pub fn admit(&self, tenant: Option<Tenant>) -> Result<(), Limit> {
        if let Some(tenant) = tenant {
            self.0.place.counts_for(tenant)?;
        }
        let mut state = self.0.state.lock();
        if !state.admitted {
            state.admitted = true;
            self.0.admitted.notify_one();
        }
        Ok(())
    }
}

impl Standing {
    pub(crate) fn new(place: Place) -> Arc<Self> {
        let since = Instant::now();
        let state = State { admitted: false, calls: 0, last: since };
        Arc::new(Self { place, since, state: Mutex::new(state), admitted: Notify::new() })
    }

    /// Whether nobody was admitted who should be.
    pub(crate) fn is_strangers(&self, bounds: &Bounds) -> bool {
        bounds.stranger.is_some() && !self.state.lock().admitted
    }

    /// A call begins; it is under way until what this gives is dropped.
    pub(crate) fn call(self: &Arc<Self>) -> Call {
        self.state.lock().calls += 1;
        Call(self.clone())
    }

    /// Waits until the connection has been a stranger's, or without a call, for too long.
    pub(crate) async fn outstayed(&self, bounds: &Bounds) {
        if let Some(stranger) = bounds.stranger {
            tokio::select! {
                () = sleep_until(self.since + stranger) => return,
                () = self.admitted.notified() => {}
            }
        }
        loop {
            match self.silent_since() {
                None => sleep(bounds.idle).await,
                Some(last) if last.elapsed() >= bounds.idle => return,
                Some(last) => sleep_until(last + bounds.idle).await,
            }
        }
    }

    /// Since when no call is under way.
    fn silent_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.calls == 0).then_some(state.last)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.calls -= 1;
        state.last = Instant::now();
    }
}

impl Call {
    /// The body of its answer: the call is under way until that has ended.
    pub(crate) fn answered_by(self, body: Body) -> Body {
        Body::new(Answer { body, _call: self })
    }
}

pin_project_lite::pin_project! {
    struct Answer {
        #[pin]
        body: Body,
        _call: Call,
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
