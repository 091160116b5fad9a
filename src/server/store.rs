//! The store in which several servers share what they remember of comments:
//! Valkey, Redis, or what else speaks as they do. Losing it costs sensitivity
//! and nothing else: it is waited for shortly, not asked while it is lost, and
//! looked for again by a task of its own.

mod options;

pub use options::{StoreError, StoreFiles, StoreOptions};

use crate::metrics::Metrics;
use crate::signals::past::Past;
use crate::signals::traces::Traces;
use crate::state::shared;
use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{info, warn};

/// How long connecting may take, the script included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait before the store is looked for again; twice as long each
/// time it is not found or does not stay.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Part of every key: what an entry looks like.
const LAYOUT: &str = "1:";

/// A store, whether it is there or not.
pub(super) struct Store {
    client: Client,
    options: StoreOptions,
    /// What all keys begin with.
    prefix: Vec<u8>,
    /// None while the store is lost.
    reached: ArcSwapOption<Reached>,
    /// Says that it was.
    lost: Notify,
    metrics: Arc<Metrics>,
}

/// A connection, with the name that the store knows the script by.
struct Reached {
    connection: MultiplexedConnection,
    script: String,
}

/// Why the store did not do as it was asked.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no answer within {} ms", .0.as_millis())]
    Slow(Duration),
    #[error("{0}")]
    Refused(#[from] RedisError),
    #[error("an answer that is none")]
    Strange,
}

impl Store {
    /// A store that is not connected to yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(options: StoreOptions, metrics: Arc<Metrics>) -> Result<Store, StoreError> {
        let client = options.client()?;
        let prefix = [options.prefix.as_bytes(), LAYOUT.as_bytes()].concat();
        metrics.set_store_lost(true);
        Ok(Store { client, options, prefix, reached: ArcSwapOption::empty(), lost: Notify::new(), metrics })
    }

    /// Looks for the store once, so that a server which is told that it serves
    /// has it if it is there. Says how that went.
    pub async fn find(&self) {
        let address = self.options.shown();
        match self.connect().await {
            Ok(()) => info!(address, "the store of what is remembered is reached"),
            Err(error) => warn!(
                address,
                %error,
                "the store of what is remembered cannot be reached; only this server's memory counts"
            ),
        }
    }

    /// Looks for the store whenever it is lost, for as long as the server runs.
    pub async fn follow(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            if self.reached.load().is_some() {
                let since = Instant::now();
                self.lost.notified().await;
                if since.elapsed() > LONGEST_PAUSE {
                    pause = FIRST_PAUSE;
                }
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            if self.reached.load().is_none() && self.connect().await.is_ok() {
                info!(address = self.options.shown(), "the store of what is remembered is reached again");
            }
        }
    }

    /// Whether it is there to be asked about so many comments; counts them when
    /// it is not.
    pub fn is_reached(&self, comments: usize) -> bool {
        let is_reached = self.reached.load().is_some();
        if !is_reached {
            self.metrics.store_asked("skipped", comments);
        }
        is_reached
    }

    /// Asks about some comments in one round trip, and has them remembered.
    /// What the store does not know, or does not say in time, is nothing.
    pub async fn ask(&self, traces: &[Option<Traces>]) -> Vec<Past> {
        let mut pasts = vec![Past::default(); traces.len()];
        let known = traces.iter().enumerate().filter_map(|(i, traces)| traces.as_ref().map(|it| (i, it)));
        let asked: Vec<(usize, &Traces)> = known.collect();
        if asked.is_empty() {
            return pasts;
        }
        let reached = self.reached.load_full();
        let Some(connection) = &reached else {
            self.metrics.store_asked("skipped", asked.len());
            return pasts;
        };
        let begin = Instant::now();
        let answers = self.run(connection, asked.iter().map(|(_, traces)| *traces), self.options.timeout);
        match answers.await {
            Ok(answers) => {
                for ((i, _), past) in asked.iter().zip(answers) {
                    pasts[*i] = past;
                }
                self.metrics.store_answered(begin.elapsed());
                self.metrics.store_asked("ok", asked.len());
            }
            Err(trouble) => {
                self.metrics.store_asked("failed", asked.len());
                self.lose(&reached, &trouble);
            }
        }
        pasts
    }

    /// Runs the script for each comment.
    async fn run(
        &self,
        reached: &Reached,
        traces: impl Iterator<Item = &Traces>,
        limit: Duration,
    ) -> Result<Vec<Past>, Trouble> {
        let traces: Vec<&Traces> = traces.collect();
        let mut commands = redis::Pipeline::with_capacity(traces.len());
        for traces in &traces {
            let arguments = shared::arguments(traces).ok_or(Trouble::Strange)?;
            commands.cmd("EVALSHA").arg(&reached.script).arg(1).arg(&self.prefix).arg(arguments);
        }
        // A clone is another way into the same connection.
        let mut connection = reached.connection.clone();
        let answers = timeout(limit, commands.query_async::<Vec<Vec<i64>>>(&mut connection))
            .await
            .map_err(|_| Trouble::Slow(limit))??;
        let pasts = traces.iter().zip(&answers).map(|(traces, answer)| shared::answer(traces, answer));
        let pasts: Vec<Past> = pasts.collect::<Option<_>>().ok_or(Trouble::Strange)?;
        if pasts.len() == traces.len() { Ok(pasts) } else { Err(Trouble::Strange) }
    }

    async fn connect(&self) -> Result<(), Trouble> {
        let connecting = timeout(CONNECT_TIMEOUT, self.reach()).await;
        let reached = connecting.map_err(|_| Trouble::Slow(CONNECT_TIMEOUT)).flatten()?;
        self.reached.store(Some(Arc::new(reached)));
        self.metrics.set_store_lost(false);
        Ok(())
    }

    /// Connects, and sees that the store takes what it is given: one that is
    /// full, or a replica, is of no use.
    async fn reach(&self) -> Result<Reached, Trouble> {
        // Every wait for an answer has a limit of its own.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let load = &mut redis::cmd("SCRIPT");
        let script = load.arg("LOAD").arg(shared::SCRIPT).query_async(&mut connection).await?;
        let reached = Reached { connection, script };
        self.run(&reached, [Traces::of_nobody()].iter(), CONNECT_TIMEOUT).await?;
        self.compare_secrets(&reached).await?;
        Ok(reached)
    }

    /// Warns when another server uses the store under another secret: their
    /// counts would never meet.
    async fn compare_secrets(&self, reached: &Reached) -> Result<(), Trouble> {
        let mut connection = reached.connection.clone();
        let key = [self.prefix.as_slice(), b"secret"].concat();
        let own = self.options.fingerprint();
        let (before, _): (Option<Vec<u8>>, ()) = redis::pipe()
            .cmd("GET")
            .arg(&key)
            .cmd("SET")
            .arg(&key)
            .arg(&own)
            .arg("EX")
            .arg(shared::TTL_SECONDS)
            .query_async(&mut connection)
            .await?;
        if before.is_some_and(|before| before != own) {
            let address = self.options.shown();
            warn!(address, "another server uses the store with another secret; they share nothing");
        }
        Ok(())
    }

    /// Has no more calls wait for a store that failed one; told once, by
    /// whoever was first.
    fn lose(&self, failed: &Option<Arc<Reached>>, trouble: &Trouble) {
        let before = self.reached.compare_and_swap(failed, None);
        let is_first = match (&*before, failed) {
            (Some(before), Some(failed)) => Arc::ptr_eq(before, failed),
            _ => false,
        };
        if is_first {
            self.metrics.set_store_lost(true);
            warn!(
                address = self.options.shown(),
                error = %trouble,
                "the store of what is remembered is lost; only this server's memory counts"
            );
            self.lost.notify_one();
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("options", &self.options).finish_non_exhaustive()
    }
}
