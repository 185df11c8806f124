//! https: a certificate and its key from files.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    /// A file is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// A file is there, but not what it should be.
    #[error("{0}")]
    Unusable(String),
}

pub(super) fn config(cert: &str, key: &str) -> Result<ServerConfig, TlsError> {
    for (name, path) in [("frontend.ssl_cert", cert), ("frontend.ssl_key", key)] {
        if !Path::new(path).exists() {
            return Err(TlsError::Missing(format!("{name} {path}")));
        }
    }
    let unusable = |what: &str, error: &dyn std::fmt::Display| {
        TlsError::Unusable(format!("frontend.{what}: {error}"))
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| unusable("ssl_cert", &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("ssl_key", &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("ssl_cert", &error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unusable("ssl_cert", &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
