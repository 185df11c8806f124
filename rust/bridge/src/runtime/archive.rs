//! The data directory as a zip file (shared/facts/config.md §1).
//!
//! The format is PKWARE's APPNOTE.TXT 4.3: local headers with their data, the central directory, its
//! end record. No encryption, no 64-bit sizes: a data directory is small.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Not part of a backup: logs, firmware, the web interface, the journal, and everything that is not a
/// plain file.
const LEFT_OUT: [&str; 4] = ["frontend", "journal", "log", "ota"];

/// Zips a directory. `database`, a name and its content, stands for a file that must not be read, and
/// for what its database keeps beside it.
pub(super) fn directory(
    path: &Path,
    database: Option<(&'static str, Vec<u8>)>,
) -> io::Result<Vec<u8>> {
    let mut zip = Zip::default();
    let mut left_out = None;
    if let Some((name, content)) = database {
        zip.add(name, &content)?;
        left_out = Some(name);
    }
    add(&mut zip, path, "", 0, left_out)?;
    zip.finish()
}

fn add(
    zip: &mut Zip,
    path: &Path,
    prefix: &str,
    depth: usize,
    left_out: Option<&str>,
) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(path)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if left_out.is_some_and(|file| is_of_database(&name, file)) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < 8 && !(depth == 0 && LEFT_OUT.contains(&name.as_str())) {
            add(
                zip,
                &entry.path(),
                &format!("{prefix}{name}/"),
                depth + 1,
                None,
            )?;
        } else if kind.is_file() {
            match fs::read(entry.path()) {
                Ok(content) => zip.add(&format!("{prefix}{name}"), &content)?,
                // A temporary file that is gone by now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// SQLite's files beside a database are `-wal`, `-journal` and `-shm`.
fn is_of_database(name: &str, file: &str) -> bool {
    let rest = name.strip_prefix(file);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[derive(Default)]
struct Zip {
    bytes: Vec<u8>,
    central: Vec<u8>,
    count: u16,
}

fn small<T: TryFrom<usize>>(value: usize) -> io::Result<T> {
    T::try_from(value).map_err(|_| io::Error::other("too large for a zip file"))
}

impl Zip {
    fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut crc = Crc::new();
        crc.update(content);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content)?;
        let data = encoder.finish()?;
        // What local header and directory entry have in common.
        let mut common = Vec::new();
        for value in [20_u16, 1 << 11, 8, 0, DOS_DATE] {
            // Version needed 2.0; names are UTF-8; deflate; time; date.
            common.extend(value.to_le_bytes());
        }
        common.extend(crc.sum().to_le_bytes());
        common.extend(small::<u32>(data.len())?.to_le_bytes());
        common.extend(small::<u32>(content.len())?.to_le_bytes());
        common.extend(small::<u16>(name.len())?.to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        let offset = small::<u32>(self.bytes.len())?;
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&common);
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(&data);
        self.central.extend(b"PK\x01\x02");
        self.central.extend(20_u16.to_le_bytes());
        self.central.extend(&common);
        // Comment length, disk, internal attributes, external attributes.
        self.central.extend([0; 10]);
        self.central.extend(offset.to_le_bytes());
        self.central.extend(name.as_bytes());
        self.count = self
            .count
            .checked_add(1)
            .ok_or_else(|| io::Error::other("too many files for a zip file"))?;
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        let offset = small::<u32>(self.bytes.len())?;
        let size = small::<u32>(self.central.len())?;
        self.bytes.append(&mut self.central);
        self.bytes.extend(b"PK\x05\x06");
        // This disk, the directory's disk.
        self.bytes.extend([0; 4]);
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend(size.to_le_bytes());
        self.bytes.extend(offset.to_le_bytes());
        self.bytes.extend(0_u16.to_le_bytes());
        Ok(self.bytes)
    }
}

/// 1980-01-01, the first day the format knows: archives of the same files are the same.
const DOS_DATE: u16 = (1 << 5) | 1;

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn python_reads_the_archive_and_finds_what_belongs_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("configuration.yaml"), "a: 1\n".repeat(1000)).unwrap();
        for sub in ["log", "ota", "device_icons"] {
            fs::create_dir(path.join(sub)).unwrap();
            fs::write(path.join(sub).join("x"), sub).unwrap();
        }
        for name in ["ferrobee.db", "ferrobee.db-wal", "ferrobee.db.damaged-1"] {
            fs::write(path.join(name), "in use").unwrap();
        }
        let database = Some(("ferrobee.db", b"copy".to_vec()));
        let zip = super::directory(path, database).unwrap();
        let file = path.join("log").join("out.zip");
        fs::write(&file, &zip).unwrap();
        let script = "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
                      print(*[(i.filename,i.file_size) for i in z.infolist()])";
        let Ok(output) = Command::new("python3")
            .args(["-c", script])
            .arg(&file)
            .output()
        else {
            // No Python, no second opinion.
            return;
        };
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "('ferrobee.db', 4) ('configuration.yaml', 5000) ('device_icons/x', 12) \
             ('ferrobee.db.damaged-1', 6)",
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
