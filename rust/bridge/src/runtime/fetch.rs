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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;
    use tokio::sync::mpsc::unbounded_channel;
    use zigbee::ota::{FileVersion, Header, ImageId, ImageType};
    use zigbee::{ManufacturerCode, ota::Image};

    fn image() -> Vec<u8> {
        let id = ImageId {
            manufacturer: ManufacturerCode(1),
            image_type: ImageType(2),
            version: FileVersion(3),
        };
        Header::new(id).emit(&[(0, b"software")])
    }

    fn wanted(location: &str, sha512: Option<[u8; 64]>) -> Fetch {
        Fetch::Image {
            location: location.to_owned(),
            sha512: sha512.map(Box::new),
        }
    }

    fn got(fetched: Fetched) -> Result<Arc<Image>, String> {
        match fetched {
            Fetched::Image(result) => result,
            Fetched::Index(result) => Err(format!("an index: {result:?}")),
        }
    }

    /// A server that gives each answer to one client. Its address.
    fn server(answers: Vec<Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).unwrap();
                // A client that has had enough closes its end.
                let _ = stream.write_all(&answer);
            }
        });
        address
    }

    fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
        [head.as_bytes(), body].concat()
    }

    /// What becomes of downloads of `/x` from a server, one after the other.
    fn downloaded(answers: Vec<Vec<u8>>) -> Vec<Result<Arc<Image>, String>> {
        let count = answers.len();
        let address = server(answers);
        let (results, mut received) = unbounded_channel();
        let mut downloads = Downloads::new(results);
        (0..count)
            .map(|_| {
                downloads.start(FetchId(7), wanted(&format!("{address}/x"), None));
                match received.blocking_recv() {
                    Some(FileResult::Fetched(FetchId(7), fetched)) => {
                        got(fetched).map_err(|error| error.replace(&address, ""))
                    }
                    other => panic!("{other:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn a_download_gives_the_image_or_the_reason() {
        let length = format!("Content-Length: {}\r\n", image().len());
        let too_long = format!("Content-Length: {}\r\n", MAX_IMAGE + 1);
        let results = downloaded(vec![
            answer("200 OK", &length, &image()),
            answer("404 Not Found", "Content-Length: 0\r\n", b""),
            answer("200 OK", "Content-Length: 2\r\n", b"PK"),
            answer("200 OK", &too_long, &vec![0; 1 << 20]),
            // Less than was announced.
            answer("200 OK", &length, b"\x1e\xf1\xee\x0b"),
        ]);
        assert_eq!(results[0].as_ref().unwrap().bytes(), image());
        let errors: Vec<&String> = results[1..]
            .iter()
            .map(|r| r.as_ref().unwrap_err())
            .collect();
        assert!(
            errors[0].starts_with("/x: ") && errors[0].contains("404"),
            "{errors:?}"
        );
        assert_eq!(errors[1], "/x: not a Zigbee OTA file");
        assert!(errors[2].starts_with("/x: "), "{errors:?}");
        assert!(errors[3].starts_with("/x: "), "{errors:?}");
    }

    #[test]
    fn a_server_that_sends_without_end_is_cut_off() {
        let endless = vec![0x5a; usize::try_from(MAX_IMAGE).unwrap() + (1 << 16)];
        let results = downloaded(vec![answer("200 OK", "", &endless)]);
        let error = results[0].as_ref().unwrap_err();
        assert!(error.contains("limit"), "{error}");
    }

    #[test]
    fn a_server_without_tls_is_no_server_for_https() {
        let address = server(vec![b"SSH-2.0-x\r\n".to_vec()]);
        let address = address.replace("http:", "https:");
        let (results, mut received) = unbounded_channel();
        Downloads::new(results).start(FetchId(1), wanted(&address, None));
        let Some(FileResult::Fetched(_, fetched)) = received.blocking_recv() else {
            panic!("nothing came");
        };
        assert!(got(fetched).unwrap_err().starts_with(&address));
    }

    #[test]
    fn files_of_the_directory_are_read_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("x.ota"), image()).unwrap();
        let read = |location: &str, sha512| got(local(directory.path(), &wanted(location, sha512)));
        assert_eq!(read("x.ota", None).unwrap().bytes(), image());
        let digest = ring_digest(&image());
        assert!(read("x.ota", Some(digest)).is_ok());
        assert!(
            read("x.ota", Some([0; 64]))
                .unwrap_err()
                .contains("SHA-512")
        );
        assert!(
            read("gone.ota", None)
                .unwrap_err()
                .starts_with("gone.ota: ")
        );
        assert_eq!(read(".", None).unwrap_err(), ".: it is no file");
        // An address with a password is not told with it.
        let text = told(&wanted("https://me:secret@example.org/x", None), "no");
        assert_eq!(text, "https://example.org/x: no");
    }

    fn ring_digest(bytes: &[u8]) -> [u8; 64] {
        let digest = ::ring::digest::digest(&::ring::digest::SHA512, bytes);
        digest.as_ref().try_into().unwrap()
    }

    #[test]
    fn an_index_of_the_directory_is_completed_from_its_images() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("x.ota"), image()).unwrap();
        let list =
            r#"[{"url": "x.ota"}, {"url": "gone.ota"}, {"url": "https://example.org/x"}, {}]"#;
        std::fs::write(directory.path().join("index.json"), list).unwrap();
        let Fetched::Index(Ok(index)) = local(directory.path(), &Fetch::Index("index.json".into()))
        else {
            panic!("no index");
        };
        assert_eq!(index.entries.len(), 1);
        assert_eq!(
            index.entries[0].id(),
            Some(Image::parse(image()).unwrap().id())
        );
        assert_eq!(index.problems.len(), 3, "{:?}", index.problems);
        assert!(
            index.problems[1].starts_with("gone.ota can't be used"),
            "{:?}",
            index.problems
        );
    }
}
