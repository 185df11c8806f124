//! TLS to the broker: whom the client believes, and how it shows itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test: a panic is how it fails"
)]

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bridge::core::{Publish, Qos};
use bridge::data::Settings;
use bridge::mqtt::{Event, Options, Outbox, run};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::channel;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

const LIMIT: Duration = Duration::from_secs(20);
/// The name in the broker's certificate.
const NAME: &str = "broker.test";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

impl Authority {
    /// Writes its certificate to `file`.
    fn new(file: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(file, certificate.pem()).unwrap();
        Self {
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A client's certificate and key, in files.
    fn identity(&self, directory: &Path, label: &str) -> (String, String) {
        let (certificate, key) = self.issue("ferrobee");
        let [cert_file, key_file] =
            ["crt", "key"].map(|end| directory.join(format!("{label}.{end}")));
        std::fs::write(&cert_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        (text(&cert_file), text(&key_file))
    }

    /// A broker's side; with `client` only who has a certificate of that authority may come in.
    fn acceptor(&self, client: Option<&Self>) -> TlsAcceptor {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match client {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der.clone()).unwrap();
                let roots = Arc::new(roots);
                builder.with_client_cert_verifier(
                    WebPkiClientVerifier::builder_with_provider(roots, provider)
                        .build()
                        .unwrap(),
                )
            }
        };
        let (certificate, key) = self.issue(NAME);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Takes one client after the other, and each that gets through the handshake as an MQTT client.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    let mut open = Vec::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        if let Ok(mut stream) = acceptor.accept(tcp).await {
            let mut greeting = [0; 256];
            if stream.read(&mut greeting).await.is_ok_and(|read| read > 0) {
                // CONNACK: accepted.
                stream.write_all(&[0x20, 2, 0, 0]).await.unwrap();
            }
            open.push(stream);
        }
    }
}

/// The first thing that a client with these settings tells: `None` when it is connected, else why not.
fn attempt(acceptor: TlsAcceptor, mqtt: Json) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut document = json!({ "version": 5, "mqtt": mqtt });
        document["mqtt"]["server"] = json!(format!("mqtts://{}", listener.local_addr().unwrap()));
        let settings = Settings::new(document.as_object().unwrap().clone()).unwrap();
        let will = Publish {
            topic: Arc::from("z/bridge/state"),
            payload: Vec::new(),
            qos: Qos::AtMostOnce,
            retain: true,
            expiry: None,
            common: None,
        };
        let options = Options::new(settings.mqtt(), Some(will), "c1".to_owned()).unwrap();
        let (sender, mut events) = channel(4);
        let event = tokio::select! {
            () = run(options, Rc::new(Outbox::default()), sender) => panic!("the client ended"),
            () = serve(listener, acceptor) => panic!("the broker ended"),
            event = timeout(LIMIT, events.recv()) => event.unwrap().unwrap(),
        };
        match event {
            Event::Connected(_) => None,
            Event::Disconnected(reason) => Some(reason),
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn a_broker_is_believed_by_its_authority_and_name() {
    let directory = tempfile::tempdir().unwrap();
    let [ca, other] = ["ca.pem", "other.pem"].map(|name| directory.path().join(name));
    let authority = Authority::new(&ca);
    Authority::new(&other);
    let attempt = |mqtt| attempt(authority.acceptor(None), mqtt);

    assert_eq!(attempt(json!({"ca": text(&ca), "server_name": NAME})), None);
    // The certificate is not for 127.0.0.1.
    let wrong_name = attempt(json!({"ca": text(&ca)})).unwrap();
    assert!(wrong_name.contains("not valid for name"), "{wrong_name}");
    let unknown = attempt(json!({"ca": text(&other), "server_name": NAME})).unwrap();
    assert!(unknown.contains("invalid peer certificate"), "{unknown}");
    // Encryption without knowing with whom, as the owner wants it.
    assert_eq!(attempt(json!({"reject_unauthorized": false})), None);
}

#[test]
fn a_client_shows_its_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let ca = path.join("ca.pem");
    let authority = Authority::new(&ca);
    let stranger = Authority::new(&path.join("other.pem"));
    let attempt = |identity: Option<(String, String)>| {
        let mut mqtt = json!({"ca": text(&ca), "server_name": NAME});
        if let Some((cert, key)) = identity {
            mqtt["cert"] = json!(cert);
            mqtt["key"] = json!(key);
        }
        attempt(authority.acceptor(Some(&authority)), mqtt)
    };

    assert_eq!(attempt(Some(authority.identity(path, "own"))), None);
    assert!(attempt(None).is_some());
    assert!(attempt(Some(stranger.identity(path, "strange"))).is_some());
}
