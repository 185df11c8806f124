//! Images and their indexes: from the data directory, and from the web on threads of their own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hub::{Fetch, FetchId, Fetched};
use tokio::sync::mpsc::UnboundedSender;
use tokio_rustls::rustls::crypto::ring;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::files::FileResult;
use crate::data::without_credentials;
use crate::ota::{self, MAX_IMAGE, MAX_INDEX};

/// Downloads at a time; more wait.
const WORKERS: usize = 3;
/// How long a server may take to take a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// How long a server may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// How long a download may take.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The threads that download. They are left to themselves at the end of the program.
pub(super) struct Downloads {
    jobs: Option<Sender<(FetchId, Fetch)>>,
    results: UnboundedSender<FileResult>,
}

impl Downloads {
    pub(super) fn new(results: UnboundedSender<FileResult>) -> Self {
        Self {
            jobs: None,
            results,
        }
    }

    /// Downloads a file.
    pub(super) fn start(&mut self, id: FetchId, fetch: Fetch) {
        let jobs = self.jobs.get_or_insert_with(|| workers(&self.results));
        if let Err(mpsc::SendError((id, fetch))) = jobs.send((id, fetch)) {
            let why = io::Error::other("no thread for downloads");
            let failed = failed(&fetch, &why);
            let _ = self.results.send(FileResult::Fetched(id, failed));
        }
    }
}

fn workers(results: &UnboundedSender<FileResult>) -> Sender<(FetchId, Fetch)> {
    let (jobs, queue) = mpsc::channel();
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..WORKERS {
        let (queue, results) = (Arc::clone(&queue), results.clone());
        // Without any thread the channel has no other end, and that is told at every download.
        let _ = std::thread::Builder::new()
            .name("ferrobee-download".to_owned())
            .spawn(move || work(&queue, &results));
    }
    jobs
}

fn work(queue: &Mutex<Receiver<(FetchId, Fetch)>>, results: &UnboundedSender<FileResult>) {
    let agent = agent();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((id, fetch)) = job else {
            return;
        };
        let fetched = match download(&agent, location(&fetch), limit(&fetch)) {
            Ok(bytes) => finish(&fetch, bytes, |_| {
                Err("an index on the web must tell everything about its images".to_owned())
            }),
            Err(error) => failed(&fetch, &error),
        };
        if results.send(FileResult::Fetched(id, fetched)).is_err() {
            return;
        }
    }
}

fn agent() -> Agent {
    let native = rustls_native_certs::load_native_certs();
    let roots = native
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .user_agent(concat!("ferrobee/", env!("CARGO_PKG_VERSION")))
        .max_redirects(5)
        .timeout_connect(Some(CONNECT_LIMIT))
        .timeout_recv_response(Some(SILENCE_LIMIT))
        .timeout_per_read(Some(SILENCE_LIMIT))
        .timeout_global(Some(DOWNLOAD_LIMIT))
        .build()
        .new_agent()
}

fn download(agent: &Agent, address: &str, limit: u64) -> io::Result<Vec<u8>> {
    let mut response = agent.get(address).call().map_err(ureq::Error::into_io)?;
    response
        .body_mut()
        .with_config()
        .limit(limit)
        .read_to_vec()
        .map_err(ureq::Error::into_io)
}

/// A file of the data directory, or one of which the owner says where it is.
pub(super) fn local(directory: &Path, fetch: &Fetch) -> Fetched {
    match read(&directory.join(location(fetch)), limit(fetch)) {
        Ok(bytes) => finish(fetch, bytes, |location| {
            read(&directory.join(location), MAX_IMAGE).map_err(|error| error.to_string())
        }),
        Err(error) => failed(fetch, &error),
    }
}

fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(io::Error::other(format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

fn location(fetch: &Fetch) -> &str {
    match fetch {
        Fetch::Index(location) | Fetch::Image { location, .. } => location,
    }
}

fn limit(fetch: &Fetch) -> u64 {
    match fetch {
        Fetch::Index(_) => MAX_INDEX,
        Fetch::Image { .. } => MAX_IMAGE,
    }
}

fn finish(
    fetch: &Fetch,
    bytes: Vec<u8>,
    read: impl Fn(&str) -> Result<Vec<u8>, String>,
) -> Fetched {
    let told = |error: String| told(fetch, &error);
    match fetch {
        Fetch::Index(_) => Fetched::Index(ota::index(&bytes, read).map(Arc::new).map_err(told)),
        Fetch::Image { sha512, .. } => Fetched::Image(
            ota::image(bytes, sha512.as_deref())
                .map(Arc::new)
                .map_err(told),
        ),
    }
}

fn failed(fetch: &Fetch, error: &io::Error) -> Fetched {
    let text = told(fetch, &error.to_string());
    match fetch {
        Fetch::Index(_) => Fetched::Index(Err(text)),
        Fetch::Image { .. } => Fetched::Image(Err(text)),
    }
}

fn told(fetch: &Fetch, error: &str) -> String {
    format!("{}: {error}", without_credentials(location(fetch)))
}
