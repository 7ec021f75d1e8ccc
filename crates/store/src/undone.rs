//! Why a statement or a transaction did not happen, before it is known where.

use std::path::Path;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite};

use crate::StoreError;

/// Why a transaction was rolled back or a query gave nothing.
#[derive(Debug, Clone)]
pub(crate) enum Undone {
    /// The database did not do it.
    Database(DatabaseFault),
    /// A row holds what nobody wrote there.
    DamagedRow {
        table: &'static str,
        column: &'static str,
        row: String,
        reason: String,
    },
    /// A compare-and-set lost: somebody else was there first.
    Beaten,
    /// The database was sealed with another key meanwhile.
    KeyChanged,
    /// The transaction panicked.
    Panicked,
    /// The writer has ended.
    Closed,
}

/// What SQLite's result code means for us (<https://www.sqlite.org/rescode.html>).
#[derive(Debug, Clone)]
pub(crate) enum DatabaseFault {
    Locked,
    DiskFull,
    Damaged(String),
    Unusable(String),
    Refused(String),
}

impl Undone {
    /// Says it with the place of the database. A lost compare-and-set is answered by the
    /// caller, who knows of what; if it comes here, that is a bug.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Database(fault) => fault.at(path),
            Self::DamagedRow {
                table,
                column,
                row,
                reason,
            } => StoreError::DamagedRow {
                table,
                column,
                row,
                reason,
            },
            Self::Beaten => {
                DatabaseFault::Refused("an unexpected concurrent change".to_owned()).at(path)
            }
            Self::KeyChanged => StoreError::KeyChanged {
                path: path.to_owned(),
            },
            Self::Panicked => StoreError::Panicked {
                path: path.to_owned(),
            },
            Self::Closed => StoreError::Closed,
        }
    }
}

impl DatabaseFault {
    fn at(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Locked => StoreError::Locked { path },
            Self::DiskFull => StoreError::DiskFull { path },
            Self::Damaged(reason) => StoreError::Damaged { path, reason },
            Self::Unusable(reason) => StoreError::Unusable { path, reason },
            Self::Refused(reason) => StoreError::Refused { path, reason },
        }
    }
}

impl From<sqlx::Error> for Undone {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(DatabaseFault::from(error))
    }
}

impl From<sqlx::Error> for DatabaseFault {
    fn from(error: sqlx::Error) -> Self {
        let reason = error.to_string();
        match error {
            sqlx::Error::Database(database) => {
                let code = database.code().and_then(|code| code.parse().ok());
                Self::of_code(code.unwrap_or(SQLITE_ERROR), reason)
            }
            sqlx::Error::PoolTimedOut => Self::Locked,
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unusable(reason)
            }
            _ => Self::Refused(reason),
        }
    }
}

impl DatabaseFault {
    /// The low octet is the primary code.
    fn of_code(code: i32, reason: String) -> Self {
        if code == SQLITE_IOERR_SHMSIZE {
            return Self::DiskFull;
        }
        match code & 0xff {
            SQLITE_BUSY | SQLITE_LOCKED | SQLITE_PROTOCOL => Self::Locked,
            SQLITE_FULL => Self::DiskFull,
            SQLITE_CORRUPT | SQLITE_NOTADB => Self::Damaged(reason),
            SQLITE_PERM | SQLITE_READONLY | SQLITE_IOERR | SQLITE_CANTOPEN => {
                Self::Unusable(reason)
            }
            _ => Self::Refused(reason),
        }
    }
}

/// Reads the columns of one row and names the row when one of them is damaged.
pub(crate) struct Columns<'r> {
    row: &'r SqliteRow,
    table: &'static str,
    /// The column that names the row.
    key: &'static str,
}

impl<'r> Columns<'r> {
    pub(crate) fn new(row: &'r SqliteRow, table: &'static str, key: &'static str) -> Self {
        Self { row, table, key }
    }

    pub(crate) fn get<T>(&self, column: &'static str) -> Result<T, Undone>
    where
        T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    {
        self.row
            .try_get(column)
            .map_err(|error| self.damaged(column, error.to_string()))
    }

    /// A number that is never negative.
    pub(crate) fn count(&self, column: &'static str) -> Result<u64, Undone> {
        let number: i64 = self.get(column)?;
        u64::try_from(number).map_err(|error| self.damaged(column, error.to_string()))
    }

    /// The same, where there may be none.
    pub(crate) fn optional_count(&self, column: &'static str) -> Result<Option<u64>, Undone> {
        self.get::<Option<i64>>(column)?
            .map(|number| {
                u64::try_from(number).map_err(|error| self.damaged(column, error.to_string()))
            })
            .transpose()
    }

    /// A time.
    pub(crate) fn time(&self, column: &'static str) -> Result<Option<jiff::Timestamp>, Undone> {
        self.get::<Option<i64>>(column)?
            .map(|micros| {
                jiff::Timestamp::from_microsecond(micros)
                    .map_err(|error| self.damaged(column, error.to_string()))
            })
            .transpose()
    }

    /// What is wrong with a column of this row.
    pub(crate) fn damaged(&self, column: &'static str, reason: impl Into<String>) -> Undone {
        let row = self
            .row
            .try_get::<String, _>(self.key)
            .or_else(|_| {
                self.row
                    .try_get::<i64, _>(self.key)
                    .map(|id| id.to_string())
            })
            .unwrap_or_else(|_| "unnamed".to_owned());
        Undone::DamagedRow {
            table: self.table,
            column,
            row,
            reason: reason.into(),
        }
    }
}

const SQLITE_ERROR: i32 = 1;
const SQLITE_PERM: i32 = 3;
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
/// The race for the write-ahead log's own locks went on for too long.
const SQLITE_PROTOCOL: i32 = 15;
const SQLITE_NOTADB: i32 = 26;
/// The index of the write-ahead log (`-shm`) cannot grow.
const SQLITE_IOERR_SHMSIZE: i32 = 0x130a;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let of = |code| DatabaseFault::of_code(code, String::new());
        assert!(matches!(of(13), DatabaseFault::DiskFull));
        assert!(matches!(of(4874), DatabaseFault::DiskFull));
        assert!(matches!(of(778), DatabaseFault::Unusable(_)));
        assert!(matches!(of(517), DatabaseFault::Locked));
        assert!(matches!(of(15), DatabaseFault::Locked));
    }
}
