//! TLS by rustls with ring.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as AsyncTlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme, StreamOwned,
};

use super::options::TlsOptions;

fn other(text: impl Into<String>) -> io::Error {
    io::Error::other(text.into())
}

/// Opens a TLS session on a connected stream.
pub(super) async fn connect(
    options: &TlsOptions,
    tcp: TcpStream,
) -> io::Result<AsyncTlsStream<TcpStream>> {
    let config = config(options)?;
    let name = ServerName::try_from(options.server_name.clone())
        .map_err(|_| other(format!("'{}' is no server name", options.server_name)))?;
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
}

/// A TLS session that blocks, to a server with a certificate of the system's authorities.
pub(crate) struct TlsStream(StreamOwned<ClientConnection, std::net::TcpStream>);

impl TlsStream {
    /// Opens a session with `host` on a connected stream.
    pub(crate) fn open(host: &str, tcp: std::net::TcpStream) -> io::Result<Self> {
        let config = config(&TlsOptions {
            ca: None,
            identity: None,
            verify: true,
            server_name: host.to_owned(),
        })?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| other(format!("'{host}' is no server name")))?;
        let session = ClientConnection::new(Arc::new(config), name)
            .map_err(|error| other(error.to_string()))?;
        Ok(Self(StreamOwned::new(session, tcp)))
    }
}

impl io::Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn config(options: &TlsOptions) -> io::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| other(error.to_string()))?;
    let builder = if options.verify {
        builder.with_root_certificates(roots(options)?)
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    };
    match &options.identity {
        None => Ok(builder.with_no_client_auth()),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| other(format!("mqtt.key: {key}: {error}")))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| other(format!("mqtt.cert: {error}")))
        }
    }
}

fn certificates(path: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| other(format!("{path}: {error}")))
}

/// Whether a file holds certificates; else why not.
pub(crate) fn check_certificates(path: &str) -> Result<(), String> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| why(&error))?;
    if found.is_empty() {
        return Err("must be a file of PEM certificates; it holds none".to_owned());
    }
    let mut roots = RootCertStore::empty();
    for certificate in found {
        roots
            .add(certificate)
            .map_err(|error| format!("holds a certificate that is damaged ({error})"))?;
    }
    Ok(())
}

/// Whether a file holds a private key; else why not.
pub(crate) fn check_key(path: &str) -> Result<(), String> {
    match PrivateKeyDer::from_pem_file(path) {
        Ok(_) => Ok(()),
        Err(pem::Error::NoItemsFound) => {
            Err("must be a file with a PEM key without a passphrase; it holds none".to_owned())
        }
        Err(error) => Err(why(&error)),
    }
}

/// Whether a key belongs to a certificate; else why it can't be used.
pub(crate) fn check_identity(cert: &str, key: &str) -> Result<(), String> {
    let options = TlsOptions {
        ca: None,
        identity: Some((cert.to_owned(), key.to_owned())),
        verify: false,
        server_name: String::new(),
    };
    match config(&options) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("does not go with mqtt.cert ({error})")),
    }
}

fn why(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => format!("can't be read: {error}"),
        other => format!("is not a PEM file ({other})"),
    }
}

fn roots(options: &TlsOptions) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &options.ca {
        for certificate in certificates(path)? {
            roots
                .add(certificate)
                .map_err(|error| other(format!("mqtt.ca: {path}: {error}")))?;
        }
    } else {
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
    }
    if roots.is_empty() {
        return Err(other(
            "no certificate authorities to check the broker with; set mqtt.ca",
        ));
    }
    Ok(roots)
}

/// `reject_unauthorized: false`: the owner wants encryption without knowing with whom.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
