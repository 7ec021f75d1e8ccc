//! The one writing connection. Transactions that wait at the same time are committed together
//! (group commit): one fsync for all of them, each still whole or undone by itself.
//!
//! A transaction runs to its end even if the one who asked for it has gone away meanwhile. One that
//! panics is undone and answered as a bug; nobody else is harmed by it.
//!
//! The writer ends with the tasks of its store (`Store::close`). Its thread cannot be aborted: where
//! the runtime ends first, a wait for company has no clock any more, and the thread ends with a
//! panic that is printed and harms nothing, since nothing was begun.

use std::future::Future;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use gatepost_host::{Stop, Tasks};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::batch::Batch;
use crate::undone::Undone;

/// What a transaction does with the connection.
pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Undone>> + Send + 'c>>;

/// Whether somebody waits for a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// It is begun as soon as the one before it is done.
    AtOnce,
    /// A moment sooner or later is the same to everybody: it waits that long for one that cannot,
    /// with which it is committed.
    InCompany,
}

/// Takes transactions and runs them one after another.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Transaction>>,
}

impl Writer {
    /// Starts the writer; its connection is opened when it is first needed. It fails where no
    /// thread can be started.
    pub(crate) fn start(options: SqliteConnectOptions, tasks: &Tasks) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let run = run(options, waiting, tasks.stop());
        let thread = thread::Builder::new().name(THREAD.to_owned());
        tasks.start(THREAD, on_its_own(thread, run)?);
        Ok(Self { queue })
    }

    /// Runs `work` as one transaction. It is durable when this returns `Ok`.
    pub(crate) async fn run<T, F>(&self, haste: Haste, work: F) -> Result<T, Undone>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        self.run_behind(haste, Batch::default(), |db, _| work(db))
            .await
    }

    /// Runs `first` and then `work`, which is given the rows of `first`, as one transaction. It
    /// costs no more hand-overs between threads than `work` alone: `first` runs in one go with what
    /// begins a transaction. It is durable when this returns `Ok`.
    pub(crate) async fn run_behind<T, F>(
        &self,
        haste: Haste,
        first: Batch,
        work: F,
    ) -> Result<T, Undone>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection, Vec<SqliteRow>) -> Work<'c, T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let transaction = Waiting {
            first,
            work: Some(work),
            outcome: None,
            haste,
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
    /// Does the work, after the statements that begin it; says whether it is to be kept.
    async fn work(
        &mut self,
        beginning: &'static str,
        db: &mut SqliteConnection,
    ) -> Result<(), Undone>;

    fn haste(&self) -> Haste;

    /// Answers the one who waits: with the outcome of the work, or with why it was not kept.
    fn answer(self: Box<Self>, committed: Result<(), Undone>);
}

struct Waiting<T, F> {
    first: Batch,
    work: Option<F>,
    outcome: Option<Result<T, Undone>>,
    haste: Haste,
    answer: oneshot::Sender<Result<T, Undone>>,
}

#[async_trait]
impl<T, F> Transaction for Waiting<T, F>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection, Vec<SqliteRow>) -> Work<'c, T> + Send + 'static,
{
    async fn work(
        &mut self,
        beginning: &'static str,
        db: &mut SqliteConnection,
    ) -> Result<(), Undone> {
        let first = mem::take(&mut self.first);
        let work = self.work.take().expect("a transaction is run once");
        let all = async {
            let rows = first.run_behind(beginning, &mut *db).await?;
            work(db, rows).await
        };
        let caught = AssertUnwindSafe(all).catch_unwind();
        let outcome = caught.await.unwrap_or(Err(Undone::Panicked));
        let kept = outcome.as_ref().map(|_| ()).map_err(Undone::clone);
        self.outcome = Some(outcome);
        kept
    }

    fn haste(&self) -> Haste {
        self.haste
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

/// Runs a task on a thread of its own; what is answered ends when it does. The connection is a
/// thread, too: what two threads hand to each other with nobody in between takes half the time that
/// it takes with the scheduler, which wakes further threads to look for work.
fn on_its_own(
    thread: thread::Builder,
    task: impl Future<Output = ()> + Send + 'static,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let runtime = Handle::current();
    let (ended, end) = oneshot::channel();
    thread.spawn(move || {
        let caught = catch_unwind(AssertUnwindSafe(|| runtime.block_on(task)));
        // Nobody listens any more when the runtime ends.
        let _ = ended.send(caught);
    })?;
    Ok(async move {
        if let Ok(Err(panicked)) = end.await {
            resume_unwind(panicked);
        }
    })
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
        gather(&mut waiting, &mut group).await;
        while !group.is_empty() {
            let ran = run_group(&options, &mut connection, &mut group).await;
            let (count, done) = match ran {
                Ok(count) => (count, Ok(())),
                Err(undone) => (group.len(), Err(undone)),
            };
            for transaction in group.drain(..count) {
                transaction.answer(done.clone());
            }
        }
    }
    if let Some(connection) = connection {
        let _ = SqliteConnection::close(connection).await;
    }
}

/// Adds what waits already; and if nobody is in haste, what comes within a moment.
async fn gather(
    waiting: &mut mpsc::Receiver<Box<dyn Transaction>>,
    group: &mut Vec<Box<dyn Transaction>>,
) {
    let mut until = None;
    loop {
        while group.len() < GROUP {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        let is_patient = group.iter().all(|one| one.haste() == Haste::InCompany);
        if !is_patient || group.len() == GROUP {
            return;
        }
        let until = *until.get_or_insert_with(|| Instant::now() + MOMENT);
        match tokio::time::timeout_at(until, waiting.recv()).await {
            Ok(Some(next)) => group.push(next),
            Ok(None) | Err(_) => return,
        }
    }
}

/// Runs the group in one transaction of the database; answers how many of it ran. If that breaks
/// as a whole, the connection is given up with everything undone. One that panics is the last on
/// its connection: what it left there is not relied on.
async fn run_group(
    options: &SqliteConnectOptions,
    connection: &mut Option<SqliteConnection>,
    group: &mut [Box<dyn Transaction>],
) -> Result<usize, Undone> {
    let mut db = match connection.take() {
        Some(db) => db,
        None => options.connect().await?,
    };
    let alone = group.len() == 1;
    let mut mark = if alone { Mark::ALONE } else { Mark::FIRST };
    let mut ran = 0;
    let (mut panicked, mut is_kept) = (false, false);
    for transaction in group {
        let worked = transaction.work(mark.set, &mut db).await;
        panicked = matches!(worked, Err(Undone::Panicked));
        match worked {
            Ok(()) => is_kept = true,
            // This fails if it was not begun, or if SQLite had to undo all, as it does when the
            // disk is full (https://www.sqlite.org/lang_transaction.html, "Response To Errors").
            Err(undone) => {
                db.execute(mark.undo).await.map_err(|_| undone)?;
            }
        }
        ran += 1;
        if panicked {
            break;
        }
        mark = mark.next();
    }
    if is_kept || !alone {
        db.execute("COMMIT").await?;
    }
    if !panicked {
        *connection = Some(db);
    }
    Ok(ran)
}

/// Where a transaction of a group begins, and to where it is undone. The names of savepoints
/// alternate: where the one before could not be released, going back to the next finds none, and
/// what was done before it is not undone in its place.
#[derive(Debug, Clone, Copy)]
struct Mark {
    set: &'static str,
    undo: &'static str,
}

impl Mark {
    const ALONE: Self = Self {
        set: "BEGIN IMMEDIATE",
        undo: "ROLLBACK",
    };
    const FIRST: Self = Self {
        set: "BEGIN IMMEDIATE; SAVEPOINT odd",
        undo: "ROLLBACK TO odd",
    };
    const EVEN: Self = Self {
        set: "RELEASE odd; SAVEPOINT even",
        undo: "ROLLBACK TO even",
    };
    const ODD: Self = Self {
        set: "RELEASE even; SAVEPOINT odd",
        undo: Self::FIRST.undo,
    };

    fn next(self) -> Self {
        if self.undo == Self::EVEN.undo {
            Self::ODD
        } else {
            Self::EVEN
        }
    }
}

const THREAD: &str = "store writer";
/// Transactions that may wait; more make their callers wait.
const QUEUE: usize = 256;
/// How long a transaction waits for company.
const MOMENT: Duration = Duration::from_millis(2);
/// Transactions committed together at most.
const GROUP: usize = 64;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::undone::DatabaseFault;

    fn options(folder: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(folder.join("test.db"))
            .create_if_missing(true)
            .busy_timeout(Duration::from_millis(1))
    }

    async fn started(options: SqliteConnectOptions) -> (Writer, Tasks) {
        let tasks = Tasks::new();
        let writer = Writer::start(options, &tasks).expect("a thread");
        let made = execute(
            &writer,
            "CREATE TABLE IF NOT EXISTS notes (text TEXT UNIQUE)",
        );
        made.await.expect("a new database");
        (writer, tasks)
    }

    async fn execute(writer: &Writer, sql: &'static str) -> Result<(), Undone> {
        let work = writer.run(Haste::AtOnce, move |db| {
            Box::pin(async move {
                db.execute(sql).await?;
                Ok(())
            })
        });
        work.await
    }

    async fn notes(writer: &Writer) -> Vec<String> {
        let read = writer.run(Haste::AtOnce, |db| {
            Box::pin(async move {
                let notes = sqlx::query_scalar("SELECT text FROM notes ORDER BY text");
                Ok(notes.fetch_all(db).await?)
            })
        });
        read.await.expect("the table is there")
    }

    /// Otherwise everything would go on with a store that takes nothing.
    #[tokio::test]
    async fn a_writer_without_a_thread_is_none() {
        // More than any machine has.
        let thread = thread::Builder::new().stack_size(1 << 60);
        let ended = on_its_own(thread, async {}).err();
        assert!(ended.is_some(), "there is no such thread");
    }

    #[tokio::test]
    async fn in_one_group_each_stands_or_falls_by_itself() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (writer, _tasks) = started(options(folder.path())).await;
        let ended = tokio::join!(
            execute(&writer, "INSERT INTO notes VALUES ('a')"),
            execute(&writer, "INSERT INTO notes VALUES ('b'), ('a')"),
            execute(&writer, "INSERT INTO notes VALUES ('c')"),
        );
        ended.0.expect("the first of its name");
        ended.1.expect_err("there is an a");
        ended.2.expect("the first of its name");
        assert_eq!(notes(&writer).await, ["a", "c"]);
    }

    #[tokio::test]
    async fn first_statements_stand_or_fall_with_the_work_behind_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (writer, _tasks) = started(options(folder.path())).await;
        // None of them is in haste, so those that are asked for together are one group.
        let all = |first: Batch, work: &'static str| {
            writer.run_behind(Haste::InCompany, first, move |db, rows| {
                Box::pin(async move {
                    db.execute(work).await?;
                    Ok(rows.len())
                })
            })
        };
        let named = |names: &[&'static str], work| {
            let mut first = Batch::default();
            for name in names {
                first
                    .push("INSERT INTO notes VALUES (?) RETURNING text")
                    .bind(*name);
            }
            all(first, work)
        };
        let mut unwritable = Batch::default();
        unwritable
            .push("INSERT INTO notes VALUES (?)")
            .bind(Unwritable);
        let nothing = "SELECT 1";
        let alone = named(&["a", "b"], nothing).await;
        assert_eq!(alone.expect("the first of their names"), 2);
        let ended = tokio::join!(
            named(&["c"], "INSERT INTO notes VALUES ('d')"),
            named(&["e", "a"], "INSERT INTO notes VALUES ('f')"),
            named(&["g"], "INSERT INTO notes VALUES ('a')"),
            all(unwritable, nothing),
            named(&["h"], nothing),
        );
        assert_eq!(ended.0.expect("the first of their names"), 1);
        ended.1.expect_err("there is an a before its work");
        ended
            .2
            .expect_err("there is an a behind its first statement");
        ended.3.expect_err("nobody can write it");
        assert_eq!(ended.4.expect("the first of its name"), 1);
        assert_eq!(notes(&writer).await, ["a", "b", "c", "d", "h"]);
        let lonely = named(&["i", "a"], nothing).await;
        lonely.expect_err("there is an a");
        assert_eq!(notes(&writer).await, ["a", "b", "c", "d", "h"]);
    }

    struct Unwritable;

    impl sqlx::Type<sqlx::Sqlite> for Unwritable {
        fn type_info() -> sqlx::sqlite::SqliteTypeInfo {
            <str as sqlx::Type<sqlx::Sqlite>>::type_info()
        }
    }

    impl sqlx::Encode<'_, sqlx::Sqlite> for Unwritable {
        fn encode_by_ref(
            &self,
            _: &mut sqlx::sqlite::SqliteArgumentsBuffer,
        ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
            Err("on purpose".into())
        }
    }

    #[tokio::test]
    async fn going_back_does_not_undo_the_transaction_before() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let db = options(folder.path()).connect().await;
        let mut db = db.expect("a new database");
        let mut mark = Mark::FIRST;
        db.execute(mark.set).await.expect("nobody writes");
        for _ in 0..3 {
            let next = mark.next();
            let back = db.execute(next.undo).await;
            back.expect_err("what comes next was not begun");
            db.execute(next.set).await.expect("the one before is open");
            mark = next;
        }
        db.execute(mark.undo).await.expect("it was begun");
        db.execute("COMMIT").await.expect("all of them");
    }

    #[tokio::test]
    async fn one_that_is_not_in_haste_waits_for_company_and_not_for_ever() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (writer, _tasks) = started(options(folder.path())).await;
        let patient = |text: &'static str| {
            let writer = &writer;
            async move {
                let work = writer.run(Haste::InCompany, move |db| {
                    Box::pin(async move {
                        db.execute(sqlx::query("INSERT INTO notes VALUES ($1)").bind(text))
                            .await?;
                        Ok(())
                    })
                });
                work.await
            }
        };
        let mut first = Box::pin(patient("b"));
        assert!(poll_once(&mut first).await.is_none(), "it waits");
        // The one in haste takes it along.
        execute(
            &writer,
            "INSERT INTO notes SELECT 'a' FROM notes WHERE text = 'b'",
        )
        .await
        .expect("the first is in the same group");
        first.await.expect("it was committed");
        assert_eq!(notes(&writer).await, ["a", "b"]);
        patient("c").await.expect("nobody came");
        assert_eq!(notes(&writer).await, ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_panic_undoes_one_transaction_and_the_rest_goes_on() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (writer, _tasks) = started(options(folder.path())).await;
        let clumsy = writer.run::<(), _>(Haste::AtOnce, |db| {
            Box::pin(async move {
                db.execute("INSERT INTO notes VALUES ('b')").await?;
                // Without the hook, which would fill the output of the test.
                resume_unwind(Box::new("on purpose"));
            })
        });
        let ended = tokio::join!(
            execute(&writer, "INSERT INTO notes VALUES ('a')"),
            clumsy,
            execute(&writer, "INSERT INTO notes VALUES ('c')"),
        );
        ended.0.expect("it ran before");
        assert!(matches!(ended.1, Err(Undone::Panicked)), "{:?}", ended.1);
        ended.2.expect("it ran afterwards");
        assert_eq!(notes(&writer).await, ["a", "c"]);
    }

    #[tokio::test]
    async fn a_transaction_whose_asker_went_away_runs_to_its_end() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (writer, tasks) = started(options(folder.path())).await;
        let asked = Box::pin(execute(&writer, "INSERT INTO notes VALUES ('a')"));
        let gone = poll_once(asked).await;
        assert!(gone.is_none(), "it waits for the writer");
        assert_eq!(notes(&writer).await, ["a"]);
        tasks.end().await;
        let late = execute(&writer, "INSERT INTO notes VALUES ('b')").await;
        assert!(matches!(late, Err(Undone::Closed)), "{late:?}");
    }

    #[tokio::test]
    async fn a_locked_database_undoes_and_is_tried_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (writer, _tasks) = started(options(folder.path())).await;
        let mut other = options(folder.path()).connect().await.expect("it is there");
        other
            .execute("BEGIN EXCLUSIVE")
            .await
            .expect("nobody writes");
        let locked = execute(&writer, "INSERT INTO notes VALUES ('a')").await;
        let is_locked = matches!(locked, Err(Undone::Database(DatabaseFault::Locked)));
        assert!(is_locked, "{locked:?}");
        other.execute("COMMIT").await.expect("it began");
        execute(&writer, "INSERT INTO notes VALUES ('a')")
            .await
            .expect("it is free again");
    }

    #[tokio::test]
    async fn a_full_disk_undoes_the_whole_and_later_work_is_done() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let few = options(folder.path()).pragma("max_page_count", "16");
        let (writer, _tasks) = started(few).await;
        let ended = tokio::join!(
            execute(&writer, "INSERT INTO notes VALUES ('a')"),
            execute(&writer, "INSERT INTO notes VALUES (hex(zeroblob(200000)))"),
        );
        let is_full = |ended: &_| matches!(ended, Err(Undone::Database(DatabaseFault::DiskFull)));
        assert!(is_full(&ended.1), "{:?}", ended.1);
        let kept = notes(&writer).await.len();
        assert_eq!(
            kept,
            usize::from(ended.0.is_ok()),
            "what was answered is true"
        );
        execute(&writer, "INSERT INTO notes VALUES ('b')")
            .await
            .expect("there is room for this");
    }

    /// Polls a future once and drops it.
    async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match Pin::new(&mut future).poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
