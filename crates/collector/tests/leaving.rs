//! Callers who go away, over the wire: a place belongs to what was begun and not to the call, a question that nobody
//! waits for ends at its next step, and a batch that was admitted is taken in whole.
//!
//! Work is held up where it must wait: at a table of PostgreSQL's that somebody else has locked, and behind other jobs
//! of the only thread. A call of the store gives up in the end, so a trial that took too long shows nothing, and
//! another one is made.
#![allow(clippy::unwrap_used)]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tacita_collector::{CollectorConfig, StoreConfig};
use tacita_proto::v1::{
    self, reporting_service_client::ReportingServiceClient, token_service_client::TokenServiceClient,
};
use tacita_protocol::outcome::Outcome;
use tacita_store::{PostgresOptions, postgres::scratch::query};
use tacita_tokens::Pending;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{service::interceptor::InterceptedService, transport::Channel};

use crate::{
    server::Fresh,
    support::{Bearer, Cast, House, NOON, PATIENCE, cells, get, limit_of, seal},
};

/// So often a trial is made that may take too long.
const TRIALS: usize = 12;

/// How a caller goes away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leaving {
    Call,
    Connection,
}

const LEAVING: [Leaving; 2] = [Leaving::Call, Leaving::Connection];

/// A caller with a connection of its own.
struct Visitor {
    call: JoinHandle<()>,
    channel: Channel,
    wire: JoinHandle<()>,
}

impl Visitor {
    /// Calls the collector there.
    async fn call<F: Future<Output = ()> + Send + 'static>(to: SocketAddr, call: impl FnOnce(Channel) -> F) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let wire = tokio::spawn(async move {
            let (mut caller, mut collector) =
                (listener.accept().await.unwrap().0, TcpStream::connect(to).await.unwrap());
            copy_bidirectional(&mut caller, &mut collector).await.ok();
        });
        let channel = Channel::from_shared(format!("http://{here}")).unwrap().connect_lazy();
        Self { call: tokio::spawn(call(channel.clone())), channel, wire }
    }

    /// Goes away. What is left of it stays until it is dropped.
    fn leave(self, leaving: Leaving) -> Channel {
        match leaving {
            Leaving::Call => self.call.abort(),
            Leaving::Connection => self.wire.abort(),
        }
        self.channel
    }
}

/// The sum of the metrics whose lines begin so.
async fn metric(house: &House, beginning: &str) -> u64 {
    let page = get(house.collector.metrics_address().unwrap(), "/metrics").await.1;
    let lines = page.lines().filter_map(|line| line.strip_prefix("tacita_collector_")?.strip_prefix(beginning));
    let values: Vec<u64> = lines.map(|rest| rest.split(' ').next_back().unwrap().parse().unwrap()).collect();
    assert!(!values.is_empty(), "no metric {beginning} in\n{page}");
    values.iter().sum()
}

async fn used(house: &House, limit: &str) -> u64 {
    metric(house, &format!("limit_used{{limit=\"{limit}\"}}")).await
}

async fn open(house: &House, method: &str) -> u64 {
    metric(house, &format!("calls_open{{method=\"{method}\"}}")).await
}

/// Whether it holds before the time is over.
async fn comes(within: Duration, mut holds: impl AsyncFnMut() -> bool) -> bool {
    let since = Instant::now();
    while !holds().await {
        if since.elapsed() > within {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

fn tells(config: &mut CollectorConfig) {
    config.metrics.listen = Some(([127, 0, 0, 1], 0).into());
    config.metrics.grain = Duration::ZERO;
}

/// A collector on a database whose tallies are out of reach.
struct Trial {
    cast: Cast,
    database: Fresh,
    holder: JoinHandle<()>,
    since: Instant,
}

impl Trial {
    /// The tallies are locked once `prepare` has had its way. None where there is no PostgreSQL.
    async fn begin<T>(prepare: impl AsyncFnOnce(&mut Cast) -> T) -> Option<(Self, T)> {
        let database = Fresh::new().await?;
        drop(database.open(PostgresOptions::default()).await);
        let url = StoreConfig::Postgres(database.url().parse().unwrap());
        let mut cast = Cast::with(|config| {
            tells(config);
            config.store = url;
            config.limits.queries_in_flight = 1;
            config.limits.uploads_in_flight = 1;
        })
        .await;
        let prepared = prepare(&mut cast).await;
        let url = database.url().parse().unwrap();
        let holder = tokio::spawn(async move {
            let lock = "BEGIN; LOCK TABLE tacita.tally IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600)";
            assert!(query(&url, lock).await.is_err(), "it is ended");
        });
        let trial = Self { cast, database, holder, since: Instant::now() };
        assert!(comes(PATIENCE, async || !trial.holders().await.is_empty()).await, "the tallies were never locked");
        Some((Self { since: Instant::now(), ..trial }, prepared))
    }

    async fn locks(&self, which: &str) -> Vec<String> {
        let of_this = "relation = 'tacita.tally'::regclass AND a.datname = current_database()";
        let sql = format!("SELECT pid FROM pg_locks JOIN pg_stat_activity a USING (pid) WHERE {of_this} AND {which}");
        self.database.sql(&sql).await
    }

    async fn holders(&self) -> Vec<String> {
        self.locks("granted AND mode = 'AccessExclusiveLock'").await
    }

    /// Calls of the store that wait for the tallies.
    async fn waiting(&self) -> usize {
        self.locks("NOT granted").await.len()
    }

    /// Lets everybody to the tallies again.
    async fn let_go(&mut self) {
        for pid in self.holders().await {
            self.database.sql(&format!("SELECT pg_terminate_backend({pid})")).await;
        }
        (&mut self.holder).await.unwrap();
    }

    /// Half of what a call of the store waits: none has given up yet.
    fn time(&self) -> Duration {
        (PostgresOptions::default().patience / 2).saturating_sub(self.since.elapsed())
    }

    fn is_in_time(&self) -> bool {
        !self.time().is_zero()
    }

    /// Whether the call begins, is left while the store keeps it waiting, and is over for the server.
    async fn is_left(&self, visitor: Visitor, method: &str, leaving: Leaving) -> bool {
        if !comes(self.time(), async || self.waiting().await > 0).await {
            return false;
        }
        let _stays = visitor.leave(leaving);
        comes(self.time(), async || open(&self.cast.house, method).await == 0).await
    }
}

/// Makes trials until one showed something.
async fn conclude(trial: impl AsyncFn() -> Shown) {
    for _ in 0..TRIALS {
        match trial().await {
            Shown::Nothing => {}
            Shown::All | Shown::NoDatabase => return,
        }
    }
    panic!("{TRIALS} trials took too long");
}

enum Shown {
    All,
    /// It took too long.
    Nothing,
    NoDatabase,
}

async fn question(leaving: Leaving) -> Shown {
    let prepare = async |cast: &mut Cast| {
        cast.house.create_measure("acme/spring", "others", 2_000_000).await;
        metric(&cast.house, "store_call_seconds_count{call=\"tallies\"}").await
    };
    let Some((mut trial, before)) = Trial::begin(prepare).await else { return Shown::NoDatabase };
    // Of one day, so that each measure is one read.
    let range = Some(v1::TimeRange { from: NOON.0 - 43_200, to: NOON.0 + 43_200 });
    let asked = v1::Query { range, ..cells("acme/spring") };
    let (key, query) = (trial.cast.acme.clone(), Some(asked.clone()));
    let visitor = Visitor::call(trial.cast.house.collector.address(), |channel| async move {
        let mut reporting = ReportingServiceClient::new(InterceptedService::new(channel, Bearer::new(&key)));
        reporting.query(v1::QueryRequest { query, ..Default::default() }).await.ok();
    })
    .await;
    if !trial.is_left(visitor, "ReportingService/Query", leaving).await {
        return Shown::Nothing;
    }
    let held = used(&trial.cast.house, "queries_in_flight").await;
    if !trial.is_in_time() {
        return Shown::Nothing;
    }
    assert_eq!(held, 1, "{leaving:?}: who asks and leaves would have any number of questions under way");
    let refused = trial.cast.house.ask(&trial.cast.house.operator, asked.clone()).await;
    trial.let_go().await;
    if !trial.is_in_time() {
        return Shown::Nothing;
    }
    assert_eq!(limit_of(&refused.unwrap_err()), ("queries_in_flight".into(), 1));

    let house = &trial.cast.house;
    assert!(comes(PATIENCE, async || used(house, "queries_in_flight").await == 0).await, "the place is never free");
    let reads = async || metric(house, "store_call_seconds_count{call=\"tallies\"}").await - before;
    assert_eq!(reads().await, 1, "{leaving:?}: of two measures the second is not read for nobody");
    house.ask(&house.operator, asked).await.unwrap();
    assert_eq!(reads().await, 3, "and for somebody both are");
    Shown::All
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_was_left_keeps_its_place_until_its_step_has_ended_and_takes_no_other() {
    for leaving in LEAVING {
        conclude(async || question(leaving).await).await;
    }
}

/// How a batch comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Call,
    Stream,
}

async fn batch(way: Way, leaving: Leaving) -> Shown {
    let prepare = async |cast: &mut Cast| {
        let (tokens, arrivals) = (cast.daily.tokens().await, cast.arrivals.clone());
        let sealed = tokens.into_iter().take(3).map(|token| seal(token, cast.daily.report(&arrivals, 1)));
        sealed.collect::<Vec<_>>()
    };
    let Some((mut trial, envelopes)) = Trial::begin(prepare).await else { return Shown::NoDatabase };
    let (mut sender, sent) = (trial.cast.daily.at(&trial.cast.house), envelopes.clone());
    let visitor = Visitor::call(trial.cast.house.collector.address(), |channel| async move {
        sender.reach_by(channel);
        match way {
            Way::Call => drop(sender.submit(sent).await),
            Way::Stream => {
                // Whoever leaves a stream drops both halves: the sender goes with this call.
                let (batches, stream) = mpsc::channel(1);
                batches.send(v1::UploadReportsRequest { batch: 1, envelopes: sent }).await.unwrap();
                if let Ok(answers) = sender.collection().upload_reports(ReceiverStream::new(stream)).await {
                    answers.into_inner().message().await.ok();
                }
            }
        }
    })
    .await;
    let method = match way {
        Way::Call => "CollectionService/SubmitReports",
        Way::Stream => "CollectionService/UploadReports",
    };
    if !trial.is_left(visitor, method, leaving).await {
        return Shown::Nothing;
    }
    let house = &trial.cast.house;
    let held = [used(house, "uploads_in_flight").await, metric(house, "reports_in_work ").await];
    let streams = used(house, "upload_streams").await;
    if !trial.is_in_time() {
        return Shown::Nothing;
    }
    assert_eq!((held, streams), ([1, 3], 0), "{way:?}, {leaving:?}: the batch's place stays, the stream's goes");
    let refused = trial.cast.daily.submit(vec![vec![0; 86]]).await;
    trial.let_go().await;
    if !trial.is_in_time() {
        return Shown::Nothing;
    }
    assert_eq!(limit_of(&refused.unwrap_err()), ("uploads_in_flight".into(), 1));

    let house = &trial.cast.house;
    let free = async || used(house, "uploads_in_flight").await + metric(house, "reports_in_work ").await == 0;
    assert!(comes(PATIENCE, free).await, "the place is never free");
    if metric(house, "store_failures_total{call=\"commit\"").await > 0 {
        return Shown::Nothing;
    }
    let totals = async || {
        let outcomes = house.outcomes(trial.cast.daily.publisher).await;
        (house.report("acme/spring").await.measures[0].reports, outcomes.get(&Outcome::Counted).copied())
    };
    assert_eq!(totals().await, (3, Some(3)), "{way:?}, {leaving:?}: it is taken in whole");
    assert_eq!(trial.cast.daily.submit(envelopes).await.unwrap(), [Outcome::AlreadyCounted; 3]);
    assert_eq!(totals().await, (3, Some(3)), "and once");
    Shown::All
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_left_keeps_its_place_until_it_is_counted_and_is_counted_once() {
    for way in [Way::Call, Way::Stream] {
        for leaving in LEAVING {
            conclude(async || batch(way, leaving).await).await;
        }
    }
}

/// Callers at once: more than the only thread is done with before they are gone.
const CALLERS: u64 = 64;

async fn issuances(cast: &Cast, leaving: Leaving) -> Shown {
    let (house, epoch) = (&cast.house, cast.daily.active_epoch().await);
    let (publisher, key) = (cast.daily.publisher, cast.daily.key.clone());
    let (_, blinded) =
        Pending::new(&epoch.public_key, &epoch.context(publisher), 128, &mut rand::rngs::SysRng).unwrap();
    let request =
        v1::IssueTokensRequest { publisher: publisher.0, epoch: epoch.epoch.0, blinded_batch: blinded.to_bytes() };
    let visitor = Visitor::call(house.collector.address(), |channel| async move {
        let tokens = TokenServiceClient::new(InterceptedService::new(channel, Bearer::new(&key)));
        join_all((0..CALLERS).map(|_| {
            let (mut tokens, request) = (tokens.clone(), request.clone());
            async move { tokens.issue_tokens(request).await.is_ok() }
        }))
        .await;
    })
    .await;
    let many = async || used(house, "issuances_in_flight").await > CALLERS / 2;
    let began = comes(PATIENCE, async || visitor.call.is_finished() || many().await).await;
    assert!(began, "no issuance was begun");
    let _stays = visitor.leave(leaving);
    let is_over = async || open(house, "TokenService/IssueTokens").await == 0;
    assert!(comes(PATIENCE, is_over).await, "the calls are never over");

    // The page looks at the limits first, then at the pool: jobs end in between, and none begins. A job counts as busy
    // for an instant more than it has its place, and as both waiting and busy for an instant.
    let mut shown = Shown::Nothing;
    let in_order = async || {
        let page = get(house.collector.metrics_address().unwrap(), "/metrics").await.1;
        let value = |name: &str| -> u64 {
            let line = page.lines().find_map(|line| line.strip_prefix("tacita_collector_")?.strip_prefix(name));
            line.unwrap().trim().parse().unwrap()
        };
        let places = value("limit_used{limit=\"issuances_in_flight\"}");
        let jobs = value("crypto_queue{pool=\"issue\"}") + value("crypto_busy{pool=\"issue\"}");
        assert!(places + 2 >= jobs, "{leaving:?}: {places} places for {jobs} jobs under way");
        (places, jobs)
    };
    let ended = comes(PATIENCE, async || {
        let (places, jobs) = in_order().await;
        if jobs > 2 {
            shown = Shown::All;
        }
        (places, jobs) == (0, 0)
    });
    assert!(ended.await, "the places are never free");
    shown
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuances_that_were_left_keep_their_places_until_their_jobs_have_ended() {
    let cast = Cast::with(|config| {
        tells(config);
        config.device_policy.token_batch = 128;
        config.limits.crypto_threads = 1;
        config.limits.tenant_percent = 100;
    })
    .await;
    for leaving in LEAVING {
        conclude(async || issuances(&cast, leaving).await).await;
    }
    assert_eq!(cast.daily.tokens().await.len(), 128);
}
