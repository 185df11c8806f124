//! The journal: every input of the core with its number and time, so that a run can be replayed.
//!
//! [`Recorder`] writes it: the core's thread makes a line of each input (with secrets replaced, see
//! `secrets`) and a digest of what it led to; a thread of its own compresses them and appends them to
//! the last of a ring of files, `journal/*.fbj` in the data directory, bounded in size. At most about a
//! second is lost when the process is killed.
//!
//! Each file begins with the settings, devices, groups and states as they were. From the first file of
//! a run [`Replay`] gives byte for byte what the run gave, and shows so by the digests; from a later one
//! it gives what the house did without what was under way when the file began: procedures are futures,
//! which can't be written down. What the core asks then has other numbers than it had; `asked` leads
//! answers to their questions.

mod asked;
mod bundle;
mod capture;
mod capturing;
mod decoder;
mod digest;
mod file;
mod frame;
mod hex;
mod input;
mod options;
mod output;
mod record;
mod recorder;
mod redact;
mod replay;
mod ring;
mod secrets;
mod segment;
mod start;
mod suspicion;

pub use bundle::Redactor;
pub use capture::Capture;
pub use decoder::{Call, Decoded, Decoder};
pub use options::JournalOptions;
pub use output::describe;
pub use recorder::Recorder;
pub use replay::{Beginning, Given, JournalError, Replay, Skip, Step, live, pieces};
pub use ring::DELAY;
pub use secrets::conceal;
