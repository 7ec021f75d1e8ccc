//! The one writing connection. Transactions that wait at the same time are committed together
//! (group commit): one fsync for all of them, each still whole or undone by itself.
//!
//! A transaction runs to its end even if the one who asked for it has gone away meanwhile.

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use gatepost_host::{Stop, Tasks};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::sync::{mpsc, oneshot};

use crate::undone::Undone;

/// What a transaction does with the connection.
pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Undone>> + Send + 'c>>;

/// Takes transactions and runs them one after another.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Transaction>>,
}

impl Writer {
    /// Starts the writer; its connection is opened when it is first needed.
    pub(crate) fn start(options: SqliteConnectOptions, tasks: &Tasks) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tasks.start("store writer", run(options, waiting, tasks.stop()));
        Self { queue }
    }

    /// Runs `work` as one transaction. It is durable when this returns `Ok`.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Undone>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let transaction = Waiting {
            work: Some(work),
            outcome: None,
            answer,
        };
        self.queue
            .send(Box::new(transaction))
            .await
            .map_err(|_| Undone::Closed)?;
        answered.await.map_err(|_| Undone::Closed)?
    }
}

/// A transaction without its types.
#[async_trait]
trait Transaction: Send {
    /// Does the work; says whether it is to be kept.
    async fn work(&mut self, db: &mut SqliteConnection) -> Result<(), Undone>;

    /// Answers the one who waits: with the outcome of the work, or with why it was not kept.
    fn answer(self: Box<Self>, committed: Result<(), Undone>);
}

struct Waiting<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, Undone>>,
    answer: oneshot::Sender<Result<T, Undone>>,
}

#[async_trait]
impl<T, F> Transaction for Waiting<T, F>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
{
    async fn work(&mut self, db: &mut SqliteConnection) -> Result<(), Undone> {
        let work = self.work.take().expect("a transaction is run once");
        let outcome = work(db).await;
        let kept = outcome.as_ref().map(|_| ()).map_err(Undone::clone);
        self.outcome = Some(outcome);
        kept
    }

    fn answer(self: Box<Self>, committed: Result<(), Undone>) {
        let outcome = match (committed, self.outcome) {
            // What the work itself says is more exact than that the group was undone.
            (Ok(()), Some(outcome)) | (Err(_), Some(outcome @ Err(_))) => outcome,
            (Err(undone), _) => Err(undone),
            (Ok(()), None) => Err(Undone::Closed),
        };
        // Nobody waiting any more is no fault: the transaction stands.
        let _ = self.answer.send(outcome);
    }
}

async fn run(
    options: SqliteConnectOptions,
    mut waiting: mpsc::Receiver<Box<dyn Transaction>>,
    stop: Stop,
) {
    let mut connection = None;
    let mut group = Vec::with_capacity(GROUP);
    loop {
        let first = if let Some(first) = stop.or(waiting.recv()).await {
            first
        } else {
            // Whoever queued before the end is still served.
            waiting.close();
            waiting.recv().await
        };
        let Some(first) = first else { break };
        group.push(first);
        while group.len() < GROUP {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        let done = run_group(&options, &mut connection, &mut group).await;
        for transaction in group.drain(..) {
            transaction.answer(done.clone());
        }
    }
    if let Some(connection) = connection {
        let _ = SqliteConnection::close(connection).await;
    }
}

/// Runs the group in one transaction of the database. If that breaks as a whole, the connection
/// is given up with everything undone.
async fn run_group(
    options: &SqliteConnectOptions,
    connection: &mut Option<SqliteConnection>,
    group: &mut [Box<dyn Transaction>],
) -> Result<(), Undone> {
    let mut db = match connection.take() {
        Some(db) => db,
        None => options.connect().await?,
    };
    db.execute("BEGIN IMMEDIATE").await?;
    for transaction in group {
        db.execute("SAVEPOINT one").await?;
        if let Err(undone) = transaction.work(&mut db).await {
            // This fails if SQLite had to undo the whole transaction, as it does when the disk
            // is full (https://www.sqlite.org/lang_transaction.html, "Response To Errors").
            db.execute("ROLLBACK TO one").await.map_err(|_| undone)?;
        }
        db.execute("RELEASE one").await?;
    }
    db.execute("COMMIT").await?;
    *connection = Some(db);
    Ok(())
}

/// Transactions that may wait; more make their callers wait.
const QUEUE: usize = 256;
/// Transactions committed together at most.
const GROUP: usize = 64;
