//! Where log lines go besides `bridge/logging`: `tracing`, the console, and files in the form that
//! Zigbee2MQTT's users know (shared/facts/config.md §2.4).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::JoinHandle;

use chrono::{DateTime, Local};
use hub::LogLevel;
use serde_json::json;

use super::syslog::Syslog;
use crate::core::LogEntry;
use crate::data::{Advanced, Loaded};

/// Lines that may wait for a slow console or disk; more are dropped and counted.
const QUEUE: usize = 4096;
/// Zigbee2MQTT's: three files of 10 MB.
const FILE_SIZE: u64 = 10_000_000;

/// Where log lines go. The configuration (`advanced.log_output`) has to want it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogTargets {
    /// To standard output.
    pub console: bool,
    /// To files in the data directory, and to syslog.
    pub files: bool,
}

impl Default for LogTargets {
    fn default() -> Self {
        Self {
            console: true,
            files: true,
        }
    }
}

struct Line {
    level: LogLevel,
    time: DateTime<Local>,
    message: String,
}

/// The log's outputs.
pub(super) struct Log {
    lines: Option<SyncSender<Line>>,
    thread: Option<JoinHandle<()>>,
    dropped: u64,
}

impl Log {
    /// Opens the outputs. Files that cannot be written are left out, with a line for `warnings`.
    pub(super) fn start(
        loaded: &Loaded,
        targets: LogTargets,
        warnings: &mut Vec<String>,
    ) -> io::Result<Self> {
        let advanced = loaded.settings.advanced();
        let wants = |output: &str| advanced.log_output.iter().any(|wanted| wanted == output);
        let console = targets.console && wants("console");
        let mut files = None;
        if targets.files && wants("file") {
            match Files::open(loaded.directory.path(), advanced) {
                Ok(opened) => files = Some(opened),
                Err(error) => warnings.push(format!(
                    "No log files: {error}; check advanced.log_directory and its permissions"
                )),
            }
        }
        let syslog = (targets.files && wants("syslog"))
            .then(|| Syslog::new(advanced.log_syslog.clone().unwrap_or_default()));
        let (lines, thread) = if console || files.is_some() || syslog.is_some() {
            let (sender, receiver) = mpsc::sync_channel(QUEUE);
            let writer = Writer {
                console,
                json: advanced.log_console_json,
                format: strftime(&advanced.timestamp_format),
                files,
                syslog,
            };
            let thread = std::thread::Builder::new()
                .name("ferrobee-log".to_owned())
                .spawn(move || writer.work(&receiver))?;
            (Some(sender), Some(thread))
        } else {
            (None, None)
        };
        Ok(Self {
            lines,
            thread,
            dropped: 0,
        })
    }

    /// Writes a line. The core has decided that it is wanted.
    pub(super) fn write(&mut self, entry: &LogEntry) {
        let LogEntry {
            level,
            namespace,
            text,
        } = entry;
        match level {
            LogLevel::Error => tracing::error!(target: "ferrobee", "{namespace}: {text}"),
            LogLevel::Warning => tracing::warn!(target: "ferrobee", "{namespace}: {text}"),
            LogLevel::Info => tracing::info!(target: "ferrobee", "{namespace}: {text}"),
            LogLevel::Debug => tracing::debug!(target: "ferrobee", "{namespace}: {text}"),
        }
        let Some(lines) = &self.lines else {
            return;
        };
        if self.dropped > 0 {
            let line = Line {
                level: LogLevel::Warning,
                time: Local::now(),
                message: format!("z2m: {} log lines were dropped", self.dropped),
            };
            if lines.try_send(line).is_ok() {
                self.dropped = 0;
            }
        }
        let line = Line {
            level: *level,
            time: Local::now(),
            message: format!("{namespace}: {text}"),
        };
        if let Err(TrySendError::Full(_)) = lines.try_send(line) {
            self.dropped += 1;
        }
    }

    /// Waits until everything is written.
    pub(super) fn finish(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // A panic over there was printed there.
            let _ = thread.join();
        }
    }
}

struct Writer {
    console: bool,
    json: bool,
    format: String,
    files: Option<Files>,
    syslog: Option<Syslog>,
}

impl Writer {
    fn work(mut self, lines: &Receiver<Line>) {
        while let Ok(line) = lines.recv() {
            let level = level_name(line.level);
            let time = line.time.format(&self.format);
            let text = format!("[{time}] {level}: \t{}\n", line.message);
            if self.console {
                let mut out = io::stdout().lock();
                // A console that is gone has nobody to be told.
                let _ = if self.json {
                    let json = json!({
                        "level": level,
                        "message": line.message,
                        "timestamp": time.to_string(),
                    });
                    writeln!(out, "{json}")
                } else {
                    out.write_all(text.as_bytes())
                };
                let _ = out.flush();
            }
            if let Some(files) = &mut self.files
                && let Err(error) = files.write(text.as_bytes())
            {
                let place = files.directory.display().to_string();
                self.files = None;
                let _ = writeln!(io::stderr(), "The log in {place} ends: {error}");
            }
            if let Some(syslog) = &mut self.syslog
                && let Err(error) = syslog.send(line.level, line.time, &line.message)
            {
                let place = syslog.place();
                let _ = writeln!(
                    io::stderr(),
                    "No log lines to syslog at {place} for now: {error}"
                );
            }
        }
    }
}

fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warning",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

/// The log's files of one run.
struct Files {
    directory: PathBuf,
    name: String,
    rotate: bool,
    file: File,
    size: u64,
}

impl Files {
    fn open(data: &Path, advanced: &Advanced) -> io::Result<Self> {
        let stamp = Local::now().format("%Y-%m-%d.%H-%M-%S").to_string();
        let wanted = match &advanced.log_directory {
            Some(directory) => PathBuf::from(directory),
            None => data.join("log").join("%TIMESTAMP%"),
        };
        // Only where each run has a directory of its own are there old ones to remove.
        let parent = wanted
            .file_name()
            .is_some_and(|name| name == "%TIMESTAMP%")
            .then(|| wanted.parent().map(Path::to_owned))
            .flatten();
        let directory = wanted.to_string_lossy().replace("%TIMESTAMP%", &stamp);
        let directory = PathBuf::from(directory);
        fs::create_dir_all(&directory)?;
        let name = advanced.log_file.replace("%TIMESTAMP%", &stamp);
        if let Some(parent) = parent {
            if advanced.log_symlink_current {
                link_current(&parent, &directory)?;
            }
            remove_old(&parent, advanced.log_directories_to_keep);
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(directory.join(&name))?;
        Ok(Self {
            size: file.metadata()?.len(),
            file,
            directory,
            name,
            rotate: advanced.log_rotation,
        })
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.rotate && self.size >= FILE_SIZE {
            self.turn()?;
        }
        self.file.write_all(text)?;
        self.size += text.len() as u64;
        Ok(())
    }

    /// `log.log` becomes `log1.log`, that one `log2.log`.
    fn turn(&mut self) -> io::Result<()> {
        let numbered = |number: u8| {
            let name = match self.name.rsplit_once('.') {
                Some((stem, extension)) => format!("{stem}{number}.{extension}"),
                None => format!("{}{number}", self.name),
            };
            self.directory.join(name)
        };
        let newest = self.directory.join(&self.name);
        if numbered(1).exists() {
            fs::rename(numbered(1), numbered(2))?;
        }
        fs::rename(&newest, numbered(1))?;
        self.file = File::options().create(true).append(true).open(newest)?;
        self.size = 0;
        Ok(())
    }
}

#[cfg(unix)]
fn link_current(parent: &Path, directory: &Path) -> io::Result<()> {
    let link = parent.join("current");
    if link.is_symlink() {
        fs::remove_file(&link)?;
    }
    // They are neighbours: a link by name works from everywhere.
    let target = directory.file_name().map_or(directory, Path::new);
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn link_current(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes the oldest directories of earlier runs; only what is named like one of ours.
fn remove_old(parent: &Path, keep: u32) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    let mut runs: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| is_stamp(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    runs.sort();
    let surplus = runs.len().saturating_sub(keep as usize);
    for run in runs.into_iter().take(surplus) {
        // What cannot be removed now is tried again at the next start.
        let _ = fs::remove_dir_all(run);
    }
}

/// `2026-11-21.11-00-00`.
fn is_stamp(name: &str) -> bool {
    name.len() == 19
        && name.char_indices().all(|(index, c)| match index {
            4 | 7 | 13 | 16 => c == '-',
            10 => c == '.',
            _ => c.is_ascii_digit(),
        })
}

/// The configuration writes formats as moment.js does; the usual parts are understood.
fn strftime(format: &str) -> String {
    let mut text = format.replace('%', "%%");
    for (theirs, ours) in [
        ("YYYY", "%Y"),
        ("YY", "%y"),
        ("MM", "%m"),
        ("DD", "%d"),
        ("HH", "%H"),
        ("hh", "%I"),
        ("mm", "%M"),
        ("SSS", "%3f"),
        ("ss", "%S"),
        ("ZZ", "%z"),
        ("A", "%p"),
    ] {
        text = text.replace(theirs, ours);
    }
    // What follows a lone % would be read as a part of a format that nobody meant.
    if chrono::format::StrftimeItems::new(&text).parse().is_ok() {
        text
    } else {
        "%Y-%m-%d %H:%M:%S".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_the_configuration_are_understood() {
        assert_eq!(strftime("YYYY-MM-DD HH:mm:ss"), "%Y-%m-%d %H:%M:%S");
        assert_eq!(strftime("DD.MM.YY HH:mm:ss.SSS"), "%d.%m.%y %H:%M:%S.%3f");
        let now = Local::now();
        for odd in ["%", "100%", "%Q", "x YYYY %"] {
            let _ = now.format(&strftime(odd)).to_string();
        }
    }

    #[test]
    fn only_directories_of_runs_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        for day in 1..=8 {
            fs::create_dir(parent.path().join(format!("2026-11-0{day}.11-00-00"))).unwrap();
        }
        fs::create_dir(parent.path().join("0000-mine")).unwrap();
        remove_old(parent.path(), 5);
        let mut left: Vec<_> = fs::read_dir(parent.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left.len(), 6);
        assert_eq!(left[..2], ["0000-mine", "2026-11-04.11-00-00"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_link_to_the_current_run_is_moved() {
        let parent = tempfile::tempdir().unwrap();
        for run in ["one", "two"] {
            let directory = parent.path().join(run);
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join("log.log"), run).unwrap();
            link_current(parent.path(), &directory).unwrap();
        }
        let current = fs::read(parent.path().join("current").join("log.log")).unwrap();
        assert_eq!(current, b"two");
        let target = fs::read_link(parent.path().join("current")).unwrap();
        assert_eq!(target, Path::new("two"));
    }

    #[test]
    fn a_full_file_is_turned() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.log");
        let mut files = Files {
            directory: directory.path().to_owned(),
            name: "log.log".to_owned(),
            rotate: true,
            file: File::options()
                .create(true)
                .append(true)
                .open(&path)
                .unwrap(),
            size: FILE_SIZE,
        };
        files.write(b"new").unwrap();
        files.size = FILE_SIZE;
        files.write(b"newer").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"newer");
        assert_eq!(fs::read(directory.path().join("log1.log")).unwrap(), b"new");
        assert!(directory.path().join("log2.log").exists());
    }
}
