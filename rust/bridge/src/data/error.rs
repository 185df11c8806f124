//! What can be wrong with a data directory.

use std::fmt;
use std::path::{Path, PathBuf};

use super::ledger::LedgerFileError;

/// Stands for a file where a variable is meant.
pub(crate) const ENVIRONMENT: &str = "environment";

/// The data directory can not be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// `configuration.yaml` (or a file it names) says something that can not be.
    #[error("{}", join(.0))]
    Invalid(Vec<Problem>),
    /// A file can not be read or written.
    #[error("can't {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file of durable timers and values can not be used.
    #[error("{}: {source}", path.display())]
    Ledger {
        /// Which.
        path: PathBuf,
        /// Why.
        source: LedgerFileError,
    },
}

impl DataError {
    /// For `map_err` at an operation on `path`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

impl DataError {
    /// With the whole paths of the files: there may be several data directories.
    pub(crate) fn in_directory(mut self, directory: &Path) -> Self {
        if let Self::Invalid(problems) = &mut self {
            for problem in problems
                .iter_mut()
                .filter(|problem| problem.file != ENVIRONMENT)
            {
                problem.file = directory.join(&problem.file).display().to_string();
            }
        }
        self
    }
}

fn join(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// One thing that is wrong in a configuration file, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of the file, or `environment` for a variable.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The key, such as `advanced.channel`; the variable's name for the environment; may be empty.
    pub key: String,
    /// The value as JSON, shortened. `None` where there is none or where it is a secret.
    pub value: Option<String>,
    /// What is wrong, such as `must be <= 26`.
    pub rule: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        f.write_str(": ")?;
        if !self.key.is_empty() {
            f.write_str(&self.key)?;
            f.write_str(" ")?;
        }
        f.write_str(&self.rule)?;
        if let Some(value) = &self.value {
            write!(f, " (it is {value})")?;
        }
        if !self.fix.is_empty() {
            write!(f, ". {}", self.fix)?;
        }
        Ok(())
    }
}

/// Something odd in the data directory that does not keep us from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file.
    pub file: String,
    /// What is odd and what was done.
    pub text: String,
}

impl Warning {
    pub(crate) fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.text)
    }
}
