//! `ferrobee.db`: durable timers and values, in SQLite.
//!
//! Every commit is one transaction that is on the disk when it returns (`synchronous=FULL` over a
//! write-ahead log). A process that uses the file has it for itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use hub::{DurableChange, DurableRows, DurableTimer, MissedPolicy};
use rusqlite::{Connection, ErrorCode, Transaction, params};

use super::error::{DataError, Warning};
use super::files;

/// Its name in a data directory.
pub(crate) const FILE: &str = "ferrobee.db";

/// The format that is written, SQLite's `user_version`.
const VERSION: i64 = 1;
/// SQLite's `application_id`: `Ferr`.
const APPLICATION: i64 = 0x4665_7272;

const SCHEMA: &str = "
    CREATE TABLE timers (
        owner TEXT NOT NULL,
        id TEXT NOT NULL,
        due_ms INTEGER NOT NULL,
        span_ms INTEGER,
        missed TEXT NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (owner, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE store (
        owner TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (owner, key)
    ) STRICT, WITHOUT ROWID;
";

/// Why a file of durable timers and values can not be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFileError {
    /// Another process has it.
    #[error("another process uses it. Stop that one, or give this one a file of its own")]
    InUse,
    /// A newer program wrote it.
    #[error(
        "it has format {0}; this ferrobee knows formats up to {VERSION}. Use the ferrobee that wrote \
         it or a newer one, or give the file another name to begin without timers"
    )]
    Newer(i64),
    /// Something else's database.
    #[error("it is a database, but not one of ferrobee's; name another file")]
    Foreign,
    /// SQLite can't do it.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl LedgerFileError {
    /// The content is no database any more.
    fn is_damage(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return false;
        };
        match error.sqlite_error_code() {
            // The last: a statement finds no such table.
            Some(code) => matches!(
                code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
            ),
            // A column holds something else than the schema says.
            None => true,
        }
    }
}

/// What a change is of: table, owner, id or key.
type Place = (bool, String, String);

/// Changes that are not on the disk: the last one of each row.
#[derive(Debug, Default)]
pub(super) struct Unsaved(BTreeMap<Place, DurableChange>);

impl Unsaved {
    pub(super) fn add(&mut self, changes: &[DurableChange]) {
        for change in changes {
            self.0.insert(place(change), change.clone());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An open file of durable timers and values.
#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
    connection: Connection,
    /// Changes that could not be written yet; the next commit writes them too.
    unsaved: Unsaved,
}

impl LedgerFile {
    /// Opens a file, or begins one, and reads what it holds. A damaged one is set aside under another
    /// name and a new one begun; `warnings` tells.
    pub fn open(
        path: &Path,
        warnings: &mut Vec<Warning>,
    ) -> Result<(Self, DurableRows), DataError> {
        let failed = |source| DataError::Ledger {
            path: path.to_owned(),
            source,
        };
        files::create(path).map_err(DataError::io("create", path))?;
        let error = match Self::try_open(path, warnings) {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        if !error.is_damage() {
            return Err(failed(error));
        }
        let kept = files::set_aside(path, "damaged")?;
        // A log that is left beside would be taken for that of the new file.
        for suffix in ["-wal", "-journal", "-shm"] {
            let log = beside(path, suffix);
            match fs::rename(&log, beside(&kept, suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(DataError::io("rename", log)(error));
                }
                _ => {}
            }
        }
        warnings.push(Warning::new(
            files::name(path),
            format!(
                "is damaged and was renamed to {}: {error}. Timers and values of automations begin \
                 anew",
                files::name(&kept)
            ),
        ));
        files::create(path).map_err(DataError::io("create", path))?;
        Self::try_open(path, warnings).map_err(failed)
    }

    fn try_open(
        path: &Path,
        warnings: &mut Vec<Warning>,
    ) -> Result<(Self, DurableRows), LedgerFileError> {
        let connection = Connection::open(path)?;
        let prepared = prepare(&connection).and_then(|()| read(&connection, path, warnings));
        let rows = prepared.map_err(|error| match error {
            LedgerFileError::Sqlite(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
                ) =>
            {
                LedgerFileError::InUse
            }
            error => error,
        })?;
        let file = Self {
            path: path.to_owned(),
            connection,
            unsaved: Unsaved::default(),
        };
        Ok((file, rows))
    }

    /// Writes changes in one transaction. What could not be written is kept and written with the next
    /// commit, before it.
    pub fn commit(&mut self, changes: &[DurableChange]) -> Result<(), DataError> {
        self.unsaved.add(changes);
        self.write()
    }

    /// Writes changes that came while there was no file.
    pub(super) fn catch_up(&mut self, unsaved: Unsaved) -> Result<(), DataError> {
        self.unsaved = unsaved;
        self.write()
    }

    fn write(&mut self) -> Result<(), DataError> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        let failed = |source: rusqlite::Error| DataError::Ledger {
            path: self.path.clone(),
            source: source.into(),
        };
        let transaction = self.connection.transaction().map_err(failed)?;
        for change in self.unsaved.0.values() {
            write(&transaction, change).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        self.unsaved.0.clear();
        Ok(())
    }

    /// The file as it would be after a clean end, for a copy of it.
    pub(crate) fn content(&mut self) -> Result<Vec<u8>, DataError> {
        let content = self.connection.serialize("main");
        let content = content.map_err(|source| DataError::Ledger {
            path: self.path.clone(),
            source: source.into(),
        })?;
        Ok(content.to_vec())
    }
}

/// Brings a file that was just opened to the current format, and takes it for this process alone.
fn prepare(connection: &Connection) -> Result<(), LedgerFileError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    connection.busy_timeout(std::time::Duration::ZERO)?;
    // Before the first look: it is this mode that takes the lock with the first look, for good.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let version = number("user_version")?;
    let application = number("application_id")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (application != 0 || version != 0 || tables > 0) {
        return Err(LedgerFileError::Foreign);
    }
    if version > VERSION {
        return Err(LedgerFileError::Newer(version));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    if version == 0 {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION}; \
             PRAGMA user_version = {VERSION}; COMMIT"
        ))?;
    } else {
        // Takes the lock where nothing had to be written.
        connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
    }
    Ok(())
}

fn read(
    connection: &Connection,
    path: &Path,
    warnings: &mut Vec<Warning>,
) -> Result<DurableRows, LedgerFileError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(code, Some(verdict)).into());
    }
    let mut rows = DurableRows::default();
    let mut select = connection.prepare(
        "SELECT owner, id, due_ms, span_ms, missed, data FROM timers ORDER BY owner, id",
    )?;
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        let (owner, id): (String, String) = (row.get(0)?, row.get(1)?);
        let policy: String = row.get(4)?;
        let missed = policy.parse().unwrap_or_else(|error| {
            warnings.push(Warning::new(
                files::name(path),
                format!("timer {id} of {owner}: {error}; it is taken for run_late"),
            ));
            MissedPolicy::RunLate
        });
        let span: Option<i64> = row.get(3)?;
        rows.timers.push(DurableTimer {
            owner,
            id,
            due_ms: row.get(2)?,
            span_ms: span.map(|span| u64::try_from(span).unwrap_or(0)),
            missed,
            data: row.get(5)?,
        });
    }
    let mut select = connection.prepare("SELECT owner, key, value FROM store")?;
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        let values = rows.values.entry(row.get(0)?).or_default();
        values.insert(row.get(1)?, row.get(2)?);
    }
    Ok(rows)
}

fn write(transaction: &Transaction<'_>, change: &DurableChange) -> rusqlite::Result<()> {
    match change {
        DurableChange::PutTimer(timer) => {
            let span = timer
                .span_ms
                .map(|span| i64::try_from(span).unwrap_or(i64::MAX));
            transaction.execute(
                "INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?, ?, ?)",
                params![
                    timer.owner,
                    timer.id,
                    timer.due_ms,
                    span,
                    timer.missed.to_string(),
                    timer.data
                ],
            )
        }
        DurableChange::RemoveTimer { owner, id } => transaction.execute(
            "DELETE FROM timers WHERE owner = ? AND id = ?",
            params![owner, id],
        ),
        DurableChange::PutValue { owner, key, value } => transaction.execute(
            "INSERT OR REPLACE INTO store VALUES (?, ?, ?)",
            params![owner, key, value],
        ),
        DurableChange::RemoveValue { owner, key } => transaction.execute(
            "DELETE FROM store WHERE owner = ? AND key = ?",
            params![owner, key],
        ),
    }
    .map(|_| ())
}

fn place(change: &DurableChange) -> Place {
    match change {
        DurableChange::PutTimer(timer) => (true, timer.owner.clone(), timer.id.clone()),
        DurableChange::RemoveTimer { owner, id } => (true, owner.clone(), id.clone()),
        DurableChange::PutValue { owner, key, .. } | DurableChange::RemoveValue { owner, key } => {
            (false, owner.clone(), key.clone())
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
