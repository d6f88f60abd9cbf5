//! MQTT over TLS: the handshake, and the certificate that can be changed while the house is open.
//!
//! - Process: a task per connection, as without TLS (`listener` accepts them).
//! - Supervised by: the connection tasks of `doors`; never restarted, the device reconnects.
//! - Takes: bytes.
//! - Tells: `connection`, once the handshake is done.
//! - Never: lets a connection wait for a certificate that is read again.

mod files;
pub mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::config::section::Mqtt;
use crate::model::Fingerprint;
use crate::observe::metrics;
use crate::supervision::tasks::Cancel;

pub use files::BadFile;
use files::{Files, Stamp};

use super::admission::Pass;
use super::{MqttFloor, Peer, connection};

/// What the TLS door shows: the certificate, and what it asks of clients.
pub struct Tls {
    files: Files,
    shown: Mutex<Shown>,
    /// Handshakes that may still begin.
    handshakes: Semaphore,
    /// How long one may take.
    within: Duration,
}

struct Shown {
    config: Arc<ServerConfig>,
    /// Of the files when they were last read, whether they were good or not.
    stamp: Stamp,
}

impl Tls {
    /// What the configuration names; none if MQTT is not served over TLS.
    ///
    /// # Errors
    /// [`BadFile`]
    pub fn load(mqtt: &Mqtt) -> Result<Option<Self>, BadFile> {
        let Some(files) = Files::named_by(mqtt) else { return Ok(None) };
        let stamp = files.stamp();
        let shown = Shown { config: Arc::new(files.read()?), stamp };
        Ok(Some(Self {
            files,
            shown: Mutex::new(shown),
            handshakes: Semaphore::new(mqtt.tls_handshakes_max),
            within: mqtt.connect_s_max,
        }))
    }

    /// Reads the files again if they have changed.
    pub fn look(&self) {
        if self.with(|shown| shown.stamp != self.files.stamp()) {
            self.reload();
        }
    }

    /// Reads the files again. Connections from now on get what they say; if they are wrong, what
    /// was shown before.
    pub fn reload(&self) {
        let stamp = self.files.stamp();
        let read = self.files.read();
        match &read {
            Ok(_) => tracing::info!("the certificate was read again"),
            Err(error) => {
                metrics().tls_reloads_failed.inc();
                tracing::error!(%error, "the new certificate can't be used, the old one stays");
            }
        }
        self.with(|shown| {
            shown.stamp = stamp;
            if let Ok(config) = read {
                shown.config = Arc::new(config);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Shown) -> T) -> T {
        act(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The stream behind the handshake, and the certificate of a client that has one.
    async fn accept(
        &self,
        stream: TcpStream,
        cancel: &Cancel,
    ) -> Option<(Box<TlsStream<TcpStream>>, Option<Fingerprint>)> {
        let Ok(_turn) = self.handshakes.try_acquire() else {
            metrics().tls_handshakes_refused.inc();
            return None;
        };
        let acceptor = TlsAcceptor::from(self.with(|shown| shown.config.clone()));
        let handshake = tokio::time::timeout(self.within, acceptor.accept(stream));
        let stream = tokio::select! {
            stream = handshake => stream,
            () = cancel.cancelled() => return None,
        };
        match stream {
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let certificate = session.peer_certificates().and_then(|chain| chain.first());
                let certificate = certificate.map(|certificate| Fingerprint::of(certificate));
                Some((Box::new(stream), certificate))
            }
            Ok(Err(error)) => {
                metrics().tls_handshakes_failed.inc();
                tracing::debug!(%error, "no TLS connection");
                None
            }
            Err(_) => {
                metrics().tls_handshakes_failed.inc();
                tracing::debug!("a TLS handshake took too long");
                None
            }
        }
    }
}

/// Runs a connection from its handshake to its last byte.
pub async fn serve(
    stream: TcpStream,
    pass: Pass,
    tls: Arc<Tls>,
    floor: Arc<MqttFloor>,
    cancel: Cancel,
) {
    // A handshake is dear: whoever would only hear a refusal behind it is spared.
    if pass.refusal().is_some() {
        return;
    }
    // Boxed: a link that is open does not carry the room that the handshake took.
    let accepted = Box::pin(tls.accept(stream, &cancel)).await;
    drop(tls);
    let Some((stream, certificate)) = accepted else { return };
    connection::run(stream, Box::new(Peer { pass, certificate }), floor, cancel).await;
}
