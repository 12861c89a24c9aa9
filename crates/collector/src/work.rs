//! Work that goes on to its end, also where its caller leaves.
//!
//! A call that is cancelled drops its future, and what the future had begun goes on: jobs that wait for a thread, reads
//! of the store. If the place that bounds it were dropped with the future, whoever asks and leaves at once would have
//! any number of them under way. So the place belongs to the work.

use tokio_util::task::TaskTracker;

use crate::pool::JobLost;

/// What was begun and has not ended. Clones share it.
#[derive(Clone, Default, Debug)]
pub(crate) struct Work(TaskTracker);

impl Work {
    /// Begins `work`, and gives what it comes to. Whoever does not wait for that stops nothing.
    pub(crate) fn to_its_end<F>(&self, work: F) -> impl Future<Output = Result<F::Output, JobLost>> + Send + use<F>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let begun = self.0.spawn(work);
        async { begun.await.map_err(|_| JobLost) }
    }

    /// When all that was begun has ended. For the end of a collector, when nothing more is begun.
    pub(crate) async fn ended(&self) {
        self.0.close();
        self.0.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_goes_on_when_its_caller_leaves_and_is_waited_for() {
        let (work, (go_on, told), (done, ended)) = (Work::default(), oneshot::channel(), oneshot::channel());
        drop(work.to_its_end(async move { told.await.map(|()| done.send(())) }));
        assert!(work.ended().now_or_never().is_none());
        go_on.send(()).unwrap();
        work.ended().await;
        ended.await.unwrap();
    }
}
