//! Files that are either the old or the new, whatever happens while they are written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::DataError;

/// Largest file that is read, in bytes. The largest real ones, databases of 500 devices, have 5 MB.
const MAX_BYTES: u64 = 256 << 20;

/// Read and written by the owner, by nobody else.
const OWNER_ONLY: u32 = 0o600;

/// How a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Beside and renamed: nobody ever saw half of it.
    Renamed,
    /// In place, because the file is a mount point of its own and can't be replaced.
    InPlace,
}

/// The content of a file; `None` if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, DataError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DataError::io("open", path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(DataError::io("read", path))?;
    if bytes.len() as u64 > MAX_BYTES {
        let error = io::Error::other(format!("it is larger than {MAX_BYTES} bytes"));
        return Err(DataError::io("read", path)(error));
    }
    Ok(Some(bytes))
}

/// Creates an empty file, its owner's alone, unless there is one.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path);
    match created {
        Ok(_) => sync_directory(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Creates a directory and those above it that are not there, durably: a file that is on the disk is
/// lost if its directory is not.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .collect();
    fs::create_dir_all(path)?;
    missing.into_iter().try_for_each(sync_directory)
}

/// Writes a file atomically and durably: beside it, to the disk, over it, and the directory to the disk.
/// A symbolic link stays one; permissions stay as they are. A new file is its owner's alone: most files of
/// the data directory hold keys.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<Written, DataError> {
    // `canonicalize` fails for a file that is not there yet, which is no link either.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let beside = temporary(&target);
    let result = write_beside(&target, &beside, bytes);
    match result {
        Ok(()) => Ok(Written::Renamed),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            let _ = fs::remove_file(&beside);
            write_in_place(&target, bytes).map_err(DataError::io("write", path))?;
            Ok(Written::InPlace)
        }
        Err(error) => {
            // What is left of it is of no use; the old file is untouched.
            let _ = fs::remove_file(&beside);
            Err(DataError::io("write", path)(error))
        }
    }
}

fn write_beside(target: &Path, beside: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a crash left could be readable by others, or be held open by them.
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let old = fs::metadata(target).ok().map(|old| old.permissions());
    let mode = old.as_ref().map_or(OWNER_ONLY, PermissionsExt::mode);
    // Never wider than the old file, not even for a moment.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode & OWNER_ONLY)
        .open(beside)?;
    if let Some(permissions) = old {
        file.set_permissions(permissions)?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(beside, target)?;
    sync_directory(target)
}

fn write_in_place(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(target)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Where a file is written before it replaces the old one.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    suffixed(path, "tmp")
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// A name beside `path` that nothing has yet: `<path>.<label>-1` and so on.
fn free_name(path: &Path, label: &str) -> PathBuf {
    // Nobody has that many; should he, the last of them is overwritten.
    (1_u32..=9_999)
        .map(|number| suffixed(path, &format!("{label}-{number}")))
        .find(|candidate| fs::symlink_metadata(candidate).is_err())
        .unwrap_or_else(|| suffixed(path, label))
}

/// Gives a file another name and returns it.
pub(crate) fn set_aside(path: &Path, label: &str) -> Result<PathBuf, DataError> {
    let to = free_name(path, label);
    fs::rename(path, &to).map_err(DataError::io("rename", path))?;
    sync_directory(path).map_err(DataError::io("rename", path))?;
    Ok(to)
}

/// Keeps bytes in a new file beside `path` and returns its name.
pub(crate) fn keep_copy(path: &Path, label: &str, bytes: &[u8]) -> Result<PathBuf, DataError> {
    let to = free_name(path, label);
    write(&to, bytes)?;
    Ok(to)
}

/// The last part of a path, for messages.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_keeps_its_permissions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(temporary(&path), "left by a crash").unwrap();
        assert_eq!(write(&path, b"new").unwrap(), Written::Renamed);
        assert_eq!(read(&path).unwrap().unwrap(), b"new");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!temporary(&path).exists());
    }

    #[test]
    fn a_new_file_is_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        // What a crash left was open to all.
        fs::write(temporary(&path), "half").unwrap();
        fs::set_permissions(temporary(&path), fs::Permissions::from_mode(0o666)).unwrap();
        write(&path, b"key").unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, b"other key").unwrap();
        assert_eq!(mode(), 0o640);
    }

    #[test]
    fn names_for_what_is_set_aside_are_free() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        for number in 1..3 {
            fs::write(&path, "x").unwrap();
            let to = set_aside(&path, "damaged").unwrap();
            assert_eq!(name(&to), format!("a.damaged-{number}"));
        }
        assert_eq!(read(&path).unwrap(), None);
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "old").unwrap();
        // A directory where the new file would be written.
        fs::create_dir(temporary(&path)).unwrap();
        assert!(write(&path, b"new").is_err());
        assert_eq!(read(&path).unwrap().unwrap(), b"old");
    }
}
