//! A piece of the journal: a file.
//!
//! Eight bytes that name the format, then chunks: the length of what follows and its CRC-32, four bytes
//! each, least significant first, then bytes of one stream of raw deflate for the whole file, flushed at
//! the end of each chunk. Inside are lines of JSON (`record`, `frame`). A crash leaves a chunk that is not whole at the end;
//! everything before it can be read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress};

const MAGIC: [u8; 8] = *b"ferrobj1";
/// The longest chunk that is read, bytes.
const LONGEST_CHUNK: usize = 32 << 20;
/// The most that a chunk may hold, bytes.
const LARGEST_CHUNK: usize = 256 << 20;

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A piece that is written.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    file: W,
    stream: Compress,
    /// Its length so far, bytes.
    length: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a piece.
    pub(crate) fn new(mut file: W) -> io::Result<Self> {
        file.write_all(&MAGIC)?;
        Ok(Self {
            file,
            stream: Compress::new(Compression::fast(), false),
            length: MAGIC.len() as u64,
        })
    }

    /// Bytes of the file so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// What was written to.
    pub(crate) fn into_inner(self) -> W {
        self.file
    }

    /// Appends lines as one chunk.
    pub(crate) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut chunk = vec![0; 8];
        let mut rest = lines;
        loop {
            chunk.reserve(rest.len() / 2 + 256);
            let (read, written) = (self.stream.total_in(), chunk.len());
            self.stream
                .compress_vec(rest, &mut chunk, FlushCompress::Sync)
                .map_err(io::Error::other)?;
            let read = usize::try_from(self.stream.total_in() - read).unwrap_or(rest.len());
            rest = rest.get(read..).unwrap_or_default();
            // All is out when there is room left.
            if rest.is_empty() && chunk.len() < chunk.capacity() {
                break;
            }
            debug_assert!(chunk.len() > written || read > 0, "progress");
        }
        let body = chunk.get(8..).unwrap_or_default();
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        let head = [length.to_le_bytes(), crc(body).to_le_bytes()].concat();
        if let Some(place) = chunk.get_mut(..8) {
            place.copy_from_slice(&head);
        }
        self.file.write_all(&chunk)?;
        self.length += chunk.len() as u64;
        Ok(())
    }
}

/// A piece that is read, also while it is being written.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    /// Where the next chunk begins.
    offset: u64,
    stream: Decompress,
    /// Lines that were not given yet.
    lines: Vec<u8>,
    given: usize,
}

/// Why a file is no piece of a journal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadSegment {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is no journal of ferrobee")]
    Magic,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, BadSegment> {
        let mut file = File::open(path)?;
        let mut magic = [0; MAGIC.len()];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            _ => return Err(BadSegment::Magic),
        }
        Ok(Self {
            file,
            offset: MAGIC.len() as u64,
            stream: Decompress::new(false),
            lines: Vec::new(),
            given: 0,
        })
    }

    /// The next line; `None` where nothing whole follows (yet).
    pub(crate) fn line(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            let rest = self.lines.get(self.given..).unwrap_or_default();
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let start = self.given;
                self.given += length + 1;
                return Ok(self.lines.get(start..start + length));
            }
            self.lines.drain(..self.given.min(self.lines.len()));
            self.given = 0;
            if !self.chunk()? {
                return Ok(None);
            }
        }
    }

    /// Bytes after the last whole chunk.
    pub(crate) fn torn(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().saturating_sub(self.offset))
    }

    /// Reads a chunk; false if none is whole.
    fn chunk(&mut self) -> io::Result<bool> {
        self.file.seek(SeekFrom::Start(self.offset))?;
        let mut head = [0; 8];
        if !read_whole(&mut self.file, &mut head)? {
            return Ok(false);
        }
        let (numbers, _) = head.as_chunks::<4>();
        let mut numbers = numbers.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let (length, sum) = (numbers.next(), numbers.next());
        let length = length.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if length > LONGEST_CHUNK {
            return Ok(false);
        }
        let mut body = Vec::new();
        (&mut self.file)
            .take(length as u64)
            .read_to_end(&mut body)?;
        if body.len() < length || Some(crc(&body)) != sum {
            return Ok(false);
        }
        if !self.inflate(&body) {
            return Ok(false);
        }
        self.offset += 8 + length as u64;
        Ok(true)
    }

    /// Appends what a chunk holds; false if that makes no sense.
    fn inflate(&mut self, body: &[u8]) -> bool {
        let mut rest = body;
        let begin = self.lines.len();
        loop {
            self.lines.reserve(rest.len() * 4 + 1024);
            let before = (self.stream.total_in(), self.lines.len());
            let done = self
                .stream
                .decompress_vec(rest, &mut self.lines, FlushDecompress::Sync);
            let read = usize::try_from(self.stream.total_in() - before.0).unwrap_or(rest.len());
            rest = rest.get(read..).unwrap_or_default();
            let is_full = self.lines.len() == self.lines.capacity();
            if done.is_err() || self.lines.len() - begin > LARGEST_CHUNK {
                return false;
            }
            if rest.is_empty() && !is_full {
                return true;
            }
            if read == 0 && self.lines.len() == before.1 {
                return rest.is_empty();
            }
        }
    }
}

fn read_whole(file: &mut File, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(path: &Path) -> (Vec<Vec<u8>>, u64) {
        let mut reader = Reader::open(path).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = reader.line().unwrap() {
            lines.push(line.to_vec());
        }
        (lines, reader.torn().unwrap())
    }

    fn written(chunks: &[Vec<String>]) -> (Vec<u8>, Vec<usize>) {
        let mut writer = Writer::new(Vec::new()).unwrap();
        let mut ends = Vec::new();
        for chunk in chunks {
            let text = chunk.join("\n") + "\n";
            writer.write(text.as_bytes()).unwrap();
            ends.push(usize::try_from(writer.length()).unwrap());
        }
        (writer.file, ends)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read(
            chunks in proptest::collection::vec(proptest::collection::vec("[ -~]{0,300}", 1..20), 0..8)
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("x");
            let (bytes, _) = written(&chunks);
            std::fs::write(&path, bytes).unwrap();
            let all: Vec<Vec<u8>> =
                chunks.iter().flatten().map(|line| line.clone().into_bytes()).collect();
            prop_assert_eq!(lines(&path), (all, 0));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("x");
            std::fs::write(&path, [&MAGIC[..], &bytes].concat()).unwrap();
            lines(&path);
        }
    }

    #[test]
    fn a_file_that_ends_anywhere_gives_its_whole_chunks() {
        let chunks: Vec<Vec<String>> = (0..5)
            .map(|n| {
                (0..n + 3)
                    .map(|m| format!("line {m} of chunk {n}"))
                    .collect()
            })
            .collect();
        let (bytes, ends) = written(&chunks);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        for length in MAGIC.len()..=bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let whole = ends.iter().filter(|end| **end <= length).count();
            let expected: Vec<Vec<u8>> = chunks[..whole]
                .iter()
                .flatten()
                .map(|line| line.clone().into_bytes())
                .collect();
            let begin = whole.checked_sub(1).map_or(MAGIC.len(), |last| ends[last]);
            assert_eq!(
                lines(&path),
                (expected, (length - begin) as u64),
                "{length}"
            );
        }
    }

    #[test]
    fn a_byte_that_changed_ends_the_reading_there() {
        let chunks = vec![
            vec!["a".to_owned()],
            vec!["b".to_owned()],
            vec!["c".to_owned()],
        ];
        let (mut bytes, ends) = written(&chunks);
        bytes[ends[0] + 9] ^= 1;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(lines(&path).0, [b"a".to_vec()]);
    }

    #[test]
    fn a_reader_goes_on_when_more_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let mut writer = Writer::new(File::create(&path).unwrap()).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        assert_eq!(reader.line().unwrap(), None);
        writer.write(b"one\ntw").unwrap();
        assert_eq!(reader.line().unwrap(), Some(&b"one"[..]));
        assert_eq!(reader.line().unwrap(), None);
        writer.write(b"o\n").unwrap();
        assert_eq!(reader.line().unwrap(), Some(&b"two"[..]));
        assert_eq!(reader.line().unwrap(), None);
    }
}
