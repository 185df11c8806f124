use std::os::unix::fs::PermissionsExt;

use super::*;

fn timer(id: &str, due_ms: i64) -> DurableTimer {
    DurableTimer {
        owner: "hall.py".to_owned(),
        id: id.to_owned(),
        due_ms,
        span_ms: None,
        missed: MissedPolicy::RunIfWithin(600),
        data: r#"{"a": "ü\u0000"}"#.to_owned(),
    }
}

fn put(id: &str, due_ms: i64) -> DurableChange {
    DurableChange::PutTimer(timer(id, due_ms))
}

fn value(key: &str, value: &str) -> DurableChange {
    DurableChange::PutValue {
        owner: "hall.py".to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn open(path: &Path) -> (LedgerFile, DurableRows) {
    let mut warnings = Vec::new();
    let opened = LedgerFile::open(path, &mut warnings).unwrap();
    assert_eq!(warnings, []);
    opened
}

#[test]
fn what_was_committed_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let (mut file, rows) = open(&path);
    assert_eq!(rows, DurableRows::default());
    let mut span = timer("span", i64::MIN);
    span.span_ms = Some(1);
    file.commit(&[
        put("b", -1),
        put("a", i64::MAX),
        put("b", 5),
        value("k", "1"),
        value("gone", "1"),
        DurableChange::PutTimer(span.clone()),
    ])
    .unwrap();
    file.commit(&[
        DurableChange::RemoveValue {
            owner: "hall.py".to_owned(),
            key: "gone".to_owned(),
        },
        DurableChange::RemoveTimer {
            owner: "hall.py".to_owned(),
            id: "nobody".to_owned(),
        },
        value("k", "2"),
    ])
    .unwrap();
    drop(file);
    let (_, rows) = open(&path);
    assert_eq!(rows.timers, [timer("a", i64::MAX), timer("b", 5), span]);
    let values = [("k".to_owned(), "2".to_owned())].into();
    assert_eq!(rows.values, [("hall.py".to_owned(), values)].into());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_is_one_processs_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let (mut file, _) = open(&path);
    let mut warnings = Vec::new();
    let error = LedgerFile::open(&path, &mut warnings).unwrap_err();
    assert!(
        error.to_string().contains("another process uses it"),
        "{error}"
    );
    file.commit(&[put("a", 1)]).unwrap();
    drop(file);
    let (file, _) = open(&path);
    // Also where nothing has to be written.
    assert!(LedgerFile::open(&path, &mut warnings).is_err());
    drop(file);
    assert_eq!(open(&path).1.timers.len(), 1);
}

#[test]
fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let (mut file, _) = open(&path);
    let many: Vec<_> = (0..500).map(|id| put(&id.to_string(), 1)).collect();
    file.commit(&many).unwrap();
    drop(file);
    let good = fs::read(&path).unwrap();
    let mut holed = good.clone();
    holed[4096..12_000].fill(0x55);
    let damaged: [Vec<u8>; 3] = [b"hello ".repeat(1000), holed, good[..6000].to_vec()];
    for (number, bytes) in damaged.into_iter().enumerate() {
        fs::write(&path, &bytes).unwrap();
        fs::write(beside(&path, "-wal"), "left").unwrap();
        let mut warnings = Vec::new();
        let (mut file, rows) = LedgerFile::open(&path, &mut warnings).unwrap();
        assert_eq!(rows, DurableRows::default());
        let kept = format!("{FILE}.damaged-{}", number + 1);
        assert!(warnings[0].to_string().contains(&kept), "{warnings:?}");
        assert_eq!(fs::read(directory.path().join(kept)).unwrap(), bytes);
        file.commit(&[put("a", 1)]).unwrap();
        drop(file);
        assert_eq!(open(&path).1.timers.len(), 1);
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    drop(open(&path));
    let newer = Connection::open(&path).unwrap();
    newer
        .pragma_update(None, "user_version", VERSION + 1)
        .unwrap();
    drop(newer);
    let before = fs::read(&path).unwrap();
    let error = LedgerFile::open(&path, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("format 2"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_of_something_else_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("photos.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE photos (name TEXT)")
        .unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    let error = LedgerFile::open(&path, &mut Vec::new()).unwrap_err();
    assert!(
        error.to_string().contains("not one of ferrobee's"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_could_not_be_written_is_written_with_the_next_commit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let (mut file, _) = open(&path);
    file.commit(&[put("a", 1), value("k", "1")]).unwrap();
    // The disk is full for a while.
    file.connection
        .execute_batch("CREATE TEMP TRIGGER full BEFORE INSERT ON timers BEGIN SELECT RAISE(ABORT, 'full'); END")
        .unwrap();
    let error = file
        .commit(&[value("k", "2"), put("a", 2), put("b", 1)])
        .unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    assert!(file.commit(&[put("a", 3)]).is_err());
    file.connection.execute_batch("DROP TRIGGER full").unwrap();
    file.commit(&[]).unwrap();
    drop(file);
    let rows = open(&path).1;
    assert_eq!(rows.timers, [timer("a", 3), timer("b", 1)]);
    assert_eq!(rows.values["hall.py"]["k"], "2");
}

#[test]
fn a_copy_of_a_file_in_use_is_whole_and_leaves_the_lock() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let (mut file, _) = open(&path);
    file.commit(&[put("a", 1)]).unwrap();
    let copy = directory.path().join("copy.db");
    fs::write(&copy, file.content().unwrap()).unwrap();
    assert_eq!(open(&copy).1.timers, [timer("a", 1)]);
    assert!(LedgerFile::open(&path, &mut Vec::new()).is_err());
}
