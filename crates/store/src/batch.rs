//! Statements that run one after another in one go.
//!
//! A connection is a thread of its own, and each statement that is awaited costs two hand-overs
//! between threads, which is more than most statements take themselves.

use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, Encode, Executor as _, Sqlite, Type};

use crate::undone::Undone;

/// Statements with what is bound in them. Their placeholders are `?`, filled in the order of what
/// is bound.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    sql: String,
    arguments: SqliteArguments,
    statements: usize,
    fault: Option<sqlx::error::BoxDynError>,
}

impl Batch {
    /// One statement more.
    pub(crate) fn push(&mut self, statement: &'static str) -> &mut Self {
        if !self.sql.is_empty() {
            self.sql.push(';');
        }
        self.sql.push_str(statement);
        self.statements += 1;
        self
    }

    /// What stands in the place of the next `?`.
    pub(crate) fn bind<'v, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'v, Sqlite> + Type<Sqlite>,
    {
        if let Err(fault) = self.arguments.add(value) {
            self.fault.get_or_insert(fault);
        }
        self
    }

    /// Runs all of them and answers their rows. What was done before one that fails is for the
    /// transaction to undo.
    pub(crate) async fn run(self, db: &mut SqliteConnection) -> Result<Vec<SqliteRow>, Undone> {
        self.run_behind("", db).await
    }

    /// The same behind other statements, in which nothing is bound. Those run in any case.
    pub(crate) async fn run_behind(
        self,
        first: &'static str,
        db: &mut SqliteConnection,
    ) -> Result<Vec<SqliteRow>, Undone> {
        if let Some(fault) = self.fault {
            db.execute(first).await?;
            return Err(sqlx::Error::Encode(fault).into());
        }
        let sql = match (first, self.sql) {
            ("", sql) if sql.is_empty() => return Ok(Vec::new()),
            ("", sql) => sql,
            (first, sql) => format!("{first};{sql}"),
        };
        // Made of statements of this program alone.
        let all = sqlx::query_with(AssertSqlSafe(sql), self.arguments);
        let all = all.persistent(self.statements <= MOST_KEPT);
        Ok(all.fetch_all(db).await?)
    }
}

/// A batch of up to so many statements stays prepared for the next of its kind. Larger ones come in
/// too many lengths, of which the connection would hold each.
const MOST_KEPT: usize = 24;

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions as _, Connection as _, Row as _, sqlite::SqliteConnectOptions};

    use super::*;
    use crate::undone::DatabaseFault;

    async fn database() -> SqliteConnection {
        let options = SqliteConnectOptions::new();
        let mut db = options.connect().await.expect("a database in memory");
        db.execute(
            "CREATE TABLE notes (place INTEGER PRIMARY KEY, text TEXT UNIQUE, about INTEGER)",
        )
        .await
        .expect("a new database");
        db
    }

    async fn notes(db: &mut SqliteConnection) -> Vec<(String, Option<i64>)> {
        let rows = db.fetch_all("SELECT text, about FROM notes ORDER BY place");
        let rows = rows.await.expect("the table is there");
        rows.iter()
            .map(|row| (row.get("text"), row.get("about")))
            .collect()
    }

    const NOTE: &str = "INSERT INTO notes (text) VALUES (?)";
    const ABOUT_IT: &str = "INSERT INTO notes (text, about) VALUES (?, last_insert_rowid())";

    #[tokio::test]
    async fn each_statement_has_what_was_bound_after_it() {
        let mut db = database().await;
        let mut batch = Batch::default();
        batch.push(NOTE).bind("a");
        batch.push(ABOUT_IT).bind("b");
        batch
            .push("DELETE FROM notes WHERE text = ?")
            .bind("nothing");
        batch.push(NOTE).bind("c");
        batch.run(&mut db).await.expect("four statements");
        let all = [("a", None), ("b", Some(1)), ("c", None)];
        let all = all.map(|(text, about)| (text.to_owned(), about));
        assert_eq!(notes(&mut db).await, all);
        let nothing = Batch::default().run(&mut db).await;
        nothing.expect("no statement at all");
    }

    #[tokio::test]
    async fn large_ones_do_not_stay_prepared() {
        let mut db = database().await;
        let run = async |count: usize, db: &mut SqliteConnection| {
            let mut batch = Batch::default();
            for _ in 0..count {
                batch.push("DELETE FROM notes WHERE text = ?").bind("x");
            }
            batch.run(db).await.expect("they are good");
            db.cached_statements_size()
        };
        let small = run(MOST_KEPT, &mut db).await;
        for more in 1..10 {
            assert_eq!(run(MOST_KEPT + more, &mut db).await, small);
        }
        assert!(run(1, &mut db).await > small, "small ones do");
    }

    #[tokio::test]
    async fn one_that_fails_ends_it() {
        let mut db = database().await;
        let mut batch = Batch::default();
        batch.push(NOTE).bind("a");
        batch.push(NOTE).bind("a");
        batch.push(NOTE).bind("b");
        let ended = batch.run(&mut db).await;
        let is_refused = matches!(ended, Err(Undone::Database(DatabaseFault::Refused(_))));
        assert!(is_refused, "{ended:?}");
        assert_eq!(notes(&mut db).await, [("a".to_owned(), None)]);
    }
}
