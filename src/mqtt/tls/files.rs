//! From PEM files to what a TLS server needs of them, or the key that is wrong and why.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::config::section::Mqtt;

/// Bytes of one file. A bundle of all the world's authorities has some 200 KB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Tickets for a client to come back with: one connection at a time needs one.
const TICKETS: usize = 1;

/// Where the certificate, its private key and the authority of client certificates lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// What is wrong with one of the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mqtt.{key}: {reason}")]
pub struct BadFile {
    /// The key of the section `mqtt` that names it.
    pub key: &'static str,
    /// What is wrong, with the file's name.
    pub reason: String,
}

/// When the files were last written, as far as the file system tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<(SystemTime, u64)>; 3]);

impl Files {
    /// What the configuration names; none without TLS.
    pub(super) fn named_by(mqtt: &Mqtt) -> Option<Self> {
        mqtt.tls_listen?;
        Some(Self {
            certificate: mqtt.tls_certificate.clone()?,
            key: mqtt.tls_key.clone()?,
            client_ca: mqtt.tls_client_ca.clone(),
        })
    }

    pub(super) fn stamp(&self) -> Stamp {
        let of = |path: &Path| {
            let about = path.metadata().ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        let client_ca = self.client_ca.as_deref();
        Stamp([of(&self.certificate), of(&self.key), client_ca.and_then(of)])
    }

    /// What a server needs: TLS 1.2 and 1.3, tickets, and a client's certificate if it has one.
    ///
    /// # Errors
    /// [`BadFile`], the first of them.
    pub(super) fn read(&self) -> Result<ServerConfig, BadFile> {
        let chain = certificates("tls_certificate", &self.certificate)?;
        let key = private_key("tls_key", &self.key)?;
        let provider = Arc::new(ring::default_provider());
        let fault = |error: &dyn std::fmt::Display| {
            bad("tls_certificate", &self.certificate, format!("can't be used: {error}"))
        };
        let versions = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(&error))?;
        let clients = match &self.client_ca {
            None => versions.with_no_client_auth(),
            Some(path) => versions.with_client_cert_verifier(client_verifier(provider, path)?),
        };
        let mut config = clients.with_single_cert(chain, key).map_err(|error| fault(&error))?;
        // New with every reading: a ticket stands for a certificate that was checked by the files
        // of then.
        config.ticketer = ring::Ticketer::new().map_err(|error| fault(&error))?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = TICKETS;
        Ok(config)
    }
}

/// Checks the certificates of those clients that have one.
fn client_verifier(
    provider: Arc<CryptoProvider>,
    path: &Path,
) -> Result<Arc<dyn tokio_rustls::rustls::server::danger::ClientCertVerifier>, BadFile> {
    let mut authorities = RootCertStore::empty();
    let fault = |error: &dyn std::fmt::Display| {
        bad("tls_client_ca", path, format!("can't be used: {error}"))
    };
    for authority in certificates("tls_client_ca", path)? {
        authorities.add(authority).map_err(|error| fault(&error))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| fault(&error))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, BadFile> {
    let text = text(key, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(bad(key, path, "holds no certificate in PEM form")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(bad(key, path, format!("is no PEM file: {error}"))),
    }
}

fn private_key(key: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, BadFile> {
    let text = text(key, path)?;
    match PrivateKeyDer::pem_slice_iter(&text).next() {
        Some(Ok(private)) => Ok(private),
        Some(Err(error)) => Err(bad(key, path, format!("is no PEM file: {error}"))),
        None => Err(bad(key, path, "holds no private key in PEM form")),
    }
}

fn text(key: &'static str, path: &Path) -> Result<Vec<u8>, BadFile> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text))
        .map_err(|error| bad(key, path, format!("can't be read: {error}")))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(bad(key, path, format!("has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn bad(key: &'static str, path: &Path, reason: impl std::fmt::Display) -> BadFile {
    BadFile { key, reason: format!("{} {reason}", path.display()) }
}
