//! MQTT over TLS: certificates of the server that change, and of devices that need no password.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use hearth::model::Fingerprint;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::line::Line;
use crate::process::{Server, hearth};
use crate::support::{Open, Thing, raw, until};

/// Somebody who signs certificates.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
struct Identity {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Identity { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }
}

impl Identity {
    fn lay(&self, folder: &Path) {
        std::fs::write(folder.join("server.pem"), self.certificate.pem()).unwrap();
        std::fs::write(folder.join("server.key"), self.key.serialize_pem()).unwrap();
    }

    fn fingerprint(&self) -> String {
        Fingerprint::of(self.certificate.der()).to_string()
    }
}

/// A house with TLS, and who signed its certificate.
struct Secured {
    open: Open,
    authority: Authority,
    files: TempDir,
}

impl Secured {
    async fn new(more: &[(&str, &str)]) -> Self {
        let (authority, files) = (Authority::new(), TempDir::new().unwrap());
        authority.issue("localhost").lay(files.path());
        std::fs::write(files.path().join("ca.pem"), authority.certificate.pem()).unwrap();
        let path = |name: &str| files.path().join(name).display().to_string();
        let (certificate, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
        let mut keys = vec![
            ("MQTT__TLS_LISTEN", "127.0.0.1:0"),
            ("MQTT__TLS_CERTIFICATE", &certificate),
            ("MQTT__TLS_KEY", &key),
            ("MQTT__TLS_CLIENT_CA", &ca),
            ("MQTT__TLS_WATCH_S", "3600"),
        ];
        keys.extend(more);
        let open = Open::with(&keys).await;
        Self { open, authority, files }
    }

    fn address(&self) -> SocketAddr {
        self.open.house.mqtts.unwrap()
    }

    /// A connection of somebody who trusts `authority`, if the server proves to be who it is.
    async fn line(&self, authority: &Authority, identity: Option<&Identity>) -> Option<Line> {
        tls(self.address(), authority, identity, &TLS13).await
    }
}

/// What somebody expects who connects: an authority behind the server, and a version.
async fn tls(
    address: SocketAddr,
    authority: &Authority,
    identity: Option<&Identity>,
    version: &'static SupportedProtocolVersion,
) -> Option<Line> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let client = match identity {
        None => client.with_no_client_auth(),
        Some(identity) => {
            let chain: Vec<CertificateDer<'static>> = vec![identity.certificate.der().clone()];
            let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
            client.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.ok()?;
    Some(Line::new(stream))
}

#[tokio::test]
async fn a_device_reports_over_both_versions_of_tls() {
    let secured = Secured::new(&[]).await;
    let bob = secured.open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    for (version, brightness) in [(&TLS12, 40), (&TLS13, 41)] {
        let line = tls(secured.address(), &secured.authority, None, version).await;
        let mut line = line.unwrap();
        assert_eq!(line.connect(Some(&lamp)).await, Some(0));
        line.report(&lamp, &json!({"on": true, "brightness": brightness})).await;
        assert_eq!(bob.see(&lamp).await["reported"]["brightness"], brightness);
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_from_now_on_and_open_links_stay() {
    let secured = Secured::new(&[]).await;
    let lamp = secured.open.person("bob").await.add("light", "lamp").await;
    let mut link = secured.line(&secured.authority, None).await.unwrap();
    assert_eq!(link.connect(Some(&lamp)).await, Some(0));
    let other = Authority::new();
    other.issue("localhost").lay(secured.files.path());
    assert!(secured.line(&other, None).await.is_none());
    secured.open.house.reload_certificate();
    assert!(secured.line(&other, None).await.is_some());
    assert!(secured.line(&secured.authority, None).await.is_none());
    link.report(&lamp, &json!({"on": true})).await;
}

#[tokio::test]
async fn changed_files_are_found_without_a_word() {
    let secured = Secured::new(&[("MQTT__TLS_WATCH_S", "1")]).await;
    let other = Authority::new();
    other.issue("localhost").lay(secured.files.path());
    until(async || secured.line(&other, None).await).await;
}

#[tokio::test]
async fn a_bad_file_leaves_the_old_certificate_in_force_and_is_counted() {
    let secured = Secured::new(&[]).await;
    let failed = async || secured.open.metric("hearth_tls_reloads_failed_total").await;
    let before = failed().await;
    let key = secured.files.path().join("server.key");
    std::fs::write(&key, "not a key").unwrap();
    secured.open.house.reload_certificate();
    let foreign = Authority::new().issue("localhost");
    std::fs::write(&key, foreign.key.serialize_pem()).unwrap();
    secured.open.house.reload_certificate();
    assert!(failed().await >= before + 2.0);
    assert!(secured.line(&secured.authority, None).await.is_some());
}

#[tokio::test]
async fn a_registered_certificate_is_all_that_a_device_needs() {
    let secured = Secured::new(&[]).await;
    let bob = secured.open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let identity = secured.authority.issue("lamp");
    let come = async || secured.line(&secured.authority, Some(&identity)).await.unwrap();
    assert_eq!(come().await.connect(None).await, Some(5));
    let path = format!("/devices/{}/certificate", lamp.id);
    let fingerprint = json!({"fingerprint": identity.fingerprint()});
    let put = bob.ask("PUT", &path, Some(fingerprint.clone())).await;
    assert_eq!((put.status, put.json()), (200, fingerprint.clone()));
    assert_eq!(bob.ask("GET", &path, None).await.json(), fingerprint);
    let mut link = come().await;
    assert_eq!(link.connect(None).await, Some(0));
    link.report(&lamp, &json!({"on": true})).await;
    // The user name means nothing then.
    let nobody = Thing { id: 1, secret: String::new(), ..lamp.clone() };
    assert_eq!(come().await.connect(Some(&nobody)).await, Some(0));
    let mut link = come().await;
    assert_eq!(link.connect(None).await, Some(0));
    assert_eq!(bob.ask("DELETE", &path, None).await.status, 204);
    assert_eq!(link.hear().await, None, "the open link is closed");
    assert_eq!(come().await.connect(None).await, Some(5));
    assert_eq!(come().await.connect(Some(&lamp)).await, Some(0));
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_is_refused_in_the_handshake() {
    let secured = Secured::new(&[]).await;
    let failed = async || secured.open.metric("hearth_tls_handshakes_failed_total").await;
    let before = failed().await;
    let stranger = Authority::new().issue("lamp");
    // In TLS 1.3 the client hears of it after its own handshake is done.
    if let Some(mut line) = secured.line(&secured.authority, Some(&stranger)).await {
        assert_eq!(line.connect(None).await, None);
    }
    until(async || (failed().await > before).then_some(())).await;
}

#[tokio::test]
async fn a_fingerprint_is_one_devices_and_its_owners_to_say() {
    let open = Open::new().await;
    let (bob, eve) = (open.person("bob").await, open.person("eve").await);
    let (lamp, other) = (bob.add("light", "lamp").await, bob.add("light", "other").await);
    let path = |thing: &Thing| format!("/devices/{}/certificate", thing.id);
    let fingerprint = json!({"fingerprint": "AB:".repeat(31) + "AB"});
    assert_eq!(bob.ask("GET", &path(&lamp), None).await.status, 404);
    assert_eq!(bob.ask("DELETE", &path(&lamp), None).await.status, 404);
    assert_eq!(eve.ask("PUT", &path(&lamp), Some(fingerprint.clone())).await.status, 404);
    assert_eq!(bob.ask("PUT", &path(&lamp), Some(fingerprint.clone())).await.status, 200);
    let taken = bob.ask("PUT", &path(&other), Some(fingerprint.clone())).await;
    assert_eq!((taken.status, taken.json()["code"].clone()), (409, json!("certificate_taken")));
    for wrong in ["", "AB", "zz"] {
        let refused = bob.ask("PUT", &path(&lamp), Some(json!({"fingerprint": wrong}))).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
    assert_eq!(bob.ask("DELETE", &format!("/devices/{}", lamp.id), None).await.status, 204);
    assert_eq!(bob.ask("PUT", &path(&other), Some(fingerprint)).await.status, 200);
}

#[tokio::test]
async fn what_is_no_tls_is_closed_and_counted() {
    let secured = Secured::new(&[("MQTT__CONNECT_S_MAX", "1")]).await;
    let failed = async || secured.open.metric("hearth_tls_handshakes_failed_total").await;
    let before = failed().await;
    raw(secured.address(), b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02id").await;
    assert!(raw(secured.address(), b"").await.is_empty(), "the silent are not waited for");
    until(async || (failed().await >= before + 2.0).then_some(())).await;
}

#[tokio::test]
async fn one_handshake_too_many_is_closed_at_once_and_counted() {
    let secured = Secured::new(&[("MQTT__TLS_HANDSHAKES_MAX", "1")]).await;
    let refused = async || secured.open.metric("hearth_tls_handshakes_refused_total").await;
    let before = refused().await;
    let first = TcpStream::connect(secured.address()).await.unwrap();
    until(async || {
        let line = secured.line(&secured.authority, None).await;
        line.is_none().then_some(())
    })
    .await;
    assert!(refused().await > before);
    drop(first);
    until(async || secured.line(&secured.authority, None).await).await;
}

#[tokio::test]
async fn the_ready_line_names_the_tls_door_and_sighup_reads_the_certificate_again() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (Authority::new(), Authority::new());
    first.issue("localhost").lay(folder.path());
    let mut command = hearth(folder.path());
    command
        .arg("serve")
        .env("HEARTH__MQTT__TLS_LISTEN", "127.0.0.1:0")
        .env("HEARTH__MQTT__TLS_CERTIFICATE", "server.pem")
        .env("HEARTH__MQTT__TLS_KEY", "server.key")
        .env("HEARTH__MQTT__TLS_WATCH_S", "3600");
    let server = Server::of(command.spawn().unwrap());
    let address = server.mqtts.unwrap();
    assert!(tls(address, &first, None, &TLS13).await.is_some());
    second.issue("localhost").lay(folder.path());
    let id = server.child.id().to_string();
    Command::new("kill").args(["-HUP", &id]).status().unwrap();
    until(async || tls(address, &second, None, &TLS13).await).await;
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_certificate_that_can_not_be_used_is_a_configuration_error() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new();
    authority.issue("localhost").lay(folder.path());
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    let foreign = authority.issue("localhost").key.serialize_pem();
    std::fs::write(folder.path().join("foreign.key"), foreign).unwrap();
    let cases = [
        (["missing.pem", "server.key", ""], "mqtt.tls_certificate: missing.pem can't be read"),
        (["empty.pem", "server.key", ""], "mqtt.tls_certificate: empty.pem holds no certificate"),
        (["server.pem", "empty.pem", ""], "mqtt.tls_key: empty.pem holds no private key"),
        (["server.pem", "foreign.key", ""], "mqtt.tls_certificate: server.pem can't be used"),
        (["server.pem", "server.key", "none"], "mqtt.tls_client_ca: none can't be read"),
        (["server.pem", "", ""], "mqtt.tls_key: must name a file"),
    ];
    for ([certificate, key, client_ca], reason) in cases {
        for command in ["check-config", "serve"] {
            let refused = hearth(folder.path())
                .arg(command)
                .env("HEARTH__MQTT__TLS_LISTEN", "127.0.0.1:0")
                .env("HEARTH__MQTT__TLS_CERTIFICATE", certificate)
                .env("HEARTH__MQTT__TLS_KEY", key)
                .env("HEARTH__MQTT__TLS_CLIENT_CA", client_ca)
                .stderr(Stdio::piped())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(said.contains(reason), "{reason} is not in: {said}");
            assert_eq!(refused.status.code(), Some(2), "{reason}");
        }
    }
}
