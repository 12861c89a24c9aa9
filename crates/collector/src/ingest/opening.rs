//! Opening, across batches: what waits when a thread comes free is opened together, since a few hundred envelopes of
//! one key cost less than as many single ones, and relays that send one at a time are many.

use std::{collections::VecDeque, fmt, sync::Arc};

use parking_lot::Mutex;
use tacita_protocol::outcome::Refusal;
use tacita_store::Entry;
use tacita_tokens::Envelope;
use tokio::sync::oneshot;

use super::validate::Rules;
use crate::{
    keys::PublisherKeys,
    pool::{CryptoPool, JobLost},
};

/// How many envelopes are opened in one go: enough to share inversions, some 6 ms of work.
pub(super) const JOB: usize = 256;

/// What each envelope of a job came to.
type Judged = Vec<Result<Entry, Refusal>>;

/// Some envelopes of one batch and key.
struct Job {
    keys: Arc<PublisherKeys>,
    rules: Arc<Rules>,
    envelopes: Vec<Envelope>,
    size: usize,
    done: oneshot::Sender<Judged>,
}

/// The envelopes that wait for a thread. How many is bounded by admission.
#[derive(Default)]
pub(crate) struct Opening {
    waiting: Mutex<VecDeque<Job>>,
}

impl Opening {
    /// Opens and judges envelopes of one key, in order.
    pub(super) async fn open(
        self: &Arc<Self>,
        pool: &CryptoPool,
        keys: Arc<PublisherKeys>,
        rules: Arc<Rules>,
        envelopes: Vec<Envelope>,
    ) -> Result<Judged, JobLost> {
        let (done, judged) = oneshot::channel();
        self.waiting.lock().push_back(Job { keys, rules, size: envelopes.len(), envelopes, done });
        let this = self.clone();
        // A turn for each job. One that finds nothing left was served by an earlier one.
        pool.start(move || this.take_turn());
        judged.await.map_err(|_| JobLost)
    }

    fn take_turn(&self) {
        let mut jobs = self.together();
        let Some(first) = jobs.first() else { return };
        let keys = first.keys.clone();
        let mut envelopes = Vec::new();
        for job in &mut jobs {
            // The first one's are not copied.
            if envelopes.is_empty() {
                envelopes = std::mem::take(&mut job.envelopes)
            } else {
                envelopes.append(&mut job.envelopes)
            }
        }
        let mut opened = keys.opener.open_many(&envelopes).into_iter();
        for Job { rules, done, size, .. } in jobs {
            let judged = opened.by_ref().take(size).map(|opened| rules.judge(opened)).collect();
            // Nobody waits for it any more when the collector ends.
            let _ = done.send(judged);
        }
    }

    /// The job that waits longest, and those next to it that have the same key, as many as go together.
    fn together(&self) -> Vec<Job> {
        let mut waiting = self.waiting.lock();
        let (mut jobs, mut size): (Vec<Job>, usize) = (Vec::new(), 0);
        while let Some(next) = waiting.front() {
            let fits = |first: &Job| Arc::ptr_eq(&first.keys, &next.keys) && size + next.size <= JOB;
            if !jobs.first().is_none_or(fits) {
                break;
            }
            size += next.size;
            jobs.extend(waiting.pop_front());
        }
        jobs
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opening({} jobs wait)", self.waiting.lock().len())
    }
}
