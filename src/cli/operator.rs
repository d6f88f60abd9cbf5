//! How a command at the machine reaches the running server: a file in the store's folder says
//! where it listens and what opens its door to the operator. Who can read the folder already holds
//! the keys to everything in it; so the file gives nobody more than they have.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;

use crate::host::random_bytes;
use crate::store::secret::Secret;
use crate::tree::House;

/// The file's name in the store's folder.
const FILE: &str = "operator.json";

/// How long the server may take to accept a connection; what it does then takes its time.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Where the running server is, and what it lets the operator in by.
#[derive(Serialize, Deserialize)]
pub struct Post {
    http: SocketAddr,
    token: String,
    #[serde(skip)]
    file: PathBuf,
    #[serde(skip)]
    ours: bool,
}

impl Post {
    /// Puts the file up for as long as this lives.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn put_up(data: &Path, house: &House) -> anyhow::Result<Self> {
        let secret = Secret::from_random(random_bytes()?);
        house.view.admits(secret.hash());
        let http = SocketAddr::new(reachable(house.http.ip()), house.http.port());
        let token = secret.reveal().to_owned();
        let post = Self { http, token, file: data.join(FILE), ours: true };
        remove(&post.file)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&post.file);
        file.and_then(|mut file| file.write_all(&serde_json::to_vec(&post)?))
            .with_context(|| post.file.display().to_string())?;
        Ok(post)
    }

    /// What the running server has put up, if one runs. One that was killed leaves its file.
    #[must_use]
    pub fn find(data: &Path) -> Option<Self> {
        let text = fs::read(data.join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Asks the server for something; `None` if no server of ours is there.
    ///
    /// # Errors
    /// Why the server did not do it, in its words.
    pub fn ask(&self, path: &str, body: &JsonValue) -> anyhow::Result<Option<JsonValue>> {
        let Ok(mut stream) = TcpStream::connect_timeout(&self.http, CONNECT_WITHIN) else {
            return Ok(None);
        };
        let body = body.to_string();
        // HTTP 1.0: the answer ends with the connection.
        let request = format!(
            "POST {path} HTTP/1.0\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.http,
            self.token,
            body.len(),
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the server broke off")?;
        let status = head.split(' ').nth(1).and_then(|word| word.parse::<u16>().ok());
        let json: JsonValue = serde_json::from_str(body).unwrap_or_default();
        match status {
            Some(200..300) => Ok(Some(json)),
            Some(401) => Ok(None),
            _ => bail!("{}", json.get("detail").and_then(JsonValue::as_str).unwrap_or(head)),
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = remove(&self.file)
        {
            tracing::warn!(%error, "the operator's file stays");
        }
    }
}

fn remove(file: &Path) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Who listens everywhere also listens here.
const fn reachable(address: IpAddr) -> IpAddr {
    match address {
        _ if !address.is_unspecified() => address,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}
