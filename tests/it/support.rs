//! A house on free ports and a store of its own, and short words for what people and devices do.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hearth::config::Config;
use hearth::kind::Kinds;
use hearth::store::Store;
use hearth::tree::{House, Sockets};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The longest that anything here may take.
pub const SOON: Duration = Duration::from_secs(20);

/// Waits for `what`, but not for ever.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it takes too long")
}

/// Looks again and again until it is so.
pub async fn until<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    soon(async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

/// A configuration for tests: free ports, cheap passwords, and what else is asked.
pub fn config(folder: &TempDir, more: &[(&str, &str)]) -> Config {
    let store = folder.path().display().to_string();
    let all = [
        ("HTTP__LISTEN", "127.0.0.1:0"),
        ("MQTT__LISTEN", "127.0.0.1:0"),
        ("STORE__PATH", store.as_str()),
        ("AUTH__ARGON2_KIB", "8"),
        ("AUTH__ARGON2_PASSES", "1"),
    ];
    let all =
        all.iter().chain(more).map(|(key, value)| (format!("HEARTH__{key}"), (*value).to_owned()));
    Config::load(None, "", all.collect::<Vec<_>>().into_iter()).unwrap()
}

/// An open house.
pub struct Open {
    pub house: House,
    /// Where it keeps everything; taken away with it.
    _folder: TempDir,
}

impl Open {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(more: &[(&str, &str)]) -> Self {
        Self::within(TempDir::new().unwrap(), more).await
    }

    /// The same in a folder that has something in it.
    pub async fn within(folder: TempDir, more: &[(&str, &str)]) -> Self {
        let config = config(&folder, more);
        let sockets = Sockets::bind(&config).await.unwrap();
        let kinds = Kinds::load([]).unwrap();
        let store = Store::open(folder.path()).unwrap();
        let house = soon(House::open(config, kinds, sockets, store)).await.unwrap();
        Self { house, _folder: folder }
    }

    pub async fn person(&self, name: &str) -> Person {
        Person::register(self.house.http, self.house.mqtt, name).await
    }

    pub async fn metric(&self, name: &str) -> f64 {
        let text = rest(self.house.http, "GET", "/metrics", None, None, &[]).await.text;
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let is = |line: &&str| line.to_lowercase().starts_with(&format!("{name}:"));
        let line = self.head.lines().find(is)?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    }
}

/// One HTTP request on a connection of its own.
pub async fn rest(
    server: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Json>,
    headers: &[(&str, &str)],
) -> Answer {
    let body = body.map(Json::to_string).unwrap_or_default();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n");
    if let Some(token) = token {
        head += &format!("authorization: Bearer {token}\r\n");
    }
    if !body.is_empty() {
        head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let answer = raw(server, format!("{head}\r\n{body}").as_bytes()).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), text: body.to_owned() }
}

/// Bytes there, and all that comes back.
pub async fn raw(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    // A server that is gone answers nothing.
    let Ok(mut stream) = soon(TcpStream::connect(server)).await else { return Vec::new() };
    // The other side may close before it has read all.
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.ok();
    answer
}

pub const PASSWORD: &str = "warm and dry feet";

/// Somebody who signed in.
#[derive(Clone)]
pub struct Person {
    pub http: SocketAddr,
    pub mqtt: SocketAddr,
    pub name: String,
    pub token: String,
    pub refresh: String,
}

impl Person {
    pub async fn register(http: SocketAddr, mqtt: SocketAddr, name: &str) -> Self {
        let who = json!({"username": name, "password": PASSWORD});
        let made = rest(http, "POST", "/auth/register", None, Some(&who), &[]).await;
        assert_eq!(made.status, 201, "{made:?}");
        Self::login(http, mqtt, name).await
    }

    pub async fn login(http: SocketAddr, mqtt: SocketAddr, name: &str) -> Self {
        let who = json!({"username": name, "password": PASSWORD});
        let granted = rest(http, "POST", "/auth/login", None, Some(&who), &[]).await;
        assert_eq!(granted.status, 200, "{granted:?}");
        let granted = granted.json();
        let text = |name: &str| granted[name].as_str().unwrap().to_owned();
        let (token, refresh) = (text("access_token"), text("refresh_token"));
        Self { http, mqtt, name: name.to_owned(), token, refresh }
    }

    pub async fn ask(&self, method: &str, path: &str, body: Option<Json>) -> Answer {
        rest(self.http, method, path, Some(&self.token), body.as_ref(), &[]).await
    }

    pub async fn add(&self, kind: &str, description: &str) -> Thing {
        let new = json!({"kind": kind, "description": description});
        let made = self.ask("POST", "/devices", Some(new)).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        Thing {
            mqtt: self.mqtt,
            id: made["device"]["id"].as_u64().unwrap(),
            secret: made["mqtt"]["password"].as_str().unwrap().to_owned(),
        }
    }

    pub async fn see(&self, thing: &Thing) -> Json {
        self.ask("GET", &format!("/devices/{}", thing.id), None).await.json()
    }

    pub async fn want(&self, thing: &Thing, desired: Json) -> Answer {
        let path = format!("/devices/{}", thing.id);
        self.ask("PATCH", &path, Some(json!({ "desired": desired }))).await
    }

    /// Waits until the device is seen to be as wanted.
    pub async fn sees(&self, thing: &Thing, so: impl Fn(&Json) -> bool) -> Json {
        until(|| async {
            let seen = self.see(thing).await;
            so(&seen).then_some(seen)
        })
        .await
    }

    /// What a tab sees that opens now; it tries again, as the page does, while its session is just
    /// being started anew.
    pub async fn snapshot(&self) -> Json {
        until(|| async {
            let ticket = self.ask("POST", "/auth/ticket", None).await.json();
            let mut tab = Tab::open(self.http, ticket["ticket"].as_str()?).await;
            let first = soon(tab.socket.next()).await?.ok()?;
            serde_json::from_str(first.to_text().ok()?).ok()
        })
        .await
    }

    pub async fn tab(&self) -> Tab {
        let ticket = self.ask("POST", "/auth/ticket", None).await.json();
        let ticket = ticket["ticket"].as_str().unwrap().to_owned();
        Tab::open(self.http, &ticket).await
    }
}

/// A browser's WebSocket.
pub struct Tab {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Tab {
    pub async fn open(http: SocketAddr, token: &str) -> Self {
        Self::open_at(http, "/ws", token).await
    }

    pub async fn open_at(http: SocketAddr, path: &str, token: &str) -> Self {
        let url = format!("ws://{http}{path}?token={token}");
        Self { socket: soon(connect_async(url)).await.unwrap().0 }
    }

    /// What is said to who may not open it.
    pub async fn refused_at(http: SocketAddr, path: &str, token: &str) -> String {
        let url = format!("ws://{http}{path}?token={token}");
        soon(connect_async(url)).await.unwrap_err().to_string()
    }

    /// With the token as a header, as programs may.
    pub async fn with_header(http: SocketAddr, token: &str) -> Self {
        let mut request = format!("ws://{http}/ws").into_client_request().unwrap();
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        Self { socket: soon(connect_async(request)).await.unwrap().0 }
    }

    pub async fn say(&mut self, frame: &Json) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub async fn say_raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Json {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no frame but {other:?}"),
            }
        }
    }

    /// The next frame that is wanted; others are passed over.
    pub async fn wait_for(&mut self, wanted: impl Fn(&Json) -> bool) -> Json {
        loop {
            let frame = self.frame().await;
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// The code with which the server closes.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map_or(0, |frame| frame.code.into());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return 0,
            }
        }
    }
}

/// A device's credentials.
#[derive(Clone, Debug)]
pub struct Thing {
    pub mqtt: SocketAddr,
    pub id: u64,
    pub secret: String,
}

/// A device's connection, driven by rumqttc.
pub struct Link {
    pub client: AsyncClient,
    topic: String,
    sets: mpsc::UnboundedReceiver<Json>,
    acks: mpsc::UnboundedReceiver<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Thing {
    pub fn options(&self) -> MqttOptions {
        let name = format!("device-{}", self.id);
        let mut options = MqttOptions::new(name, "127.0.0.1", self.mqtt.port());
        options.set_credentials(self.id.to_string(), self.secret.clone());
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(128 * 1024, 128 * 1024);
        options
    }

    /// Connects and listens to `set`.
    pub async fn connect(&self) -> Link {
        let (client, mut events) = AsyncClient::new(self.options(), 64);
        let topic = format!("devices/{}", self.id);
        client.subscribe(format!("{topic}/set"), QoS::AtLeastOnce).await.unwrap();
        let (tell_set, sets) = mpsc::unbounded_channel();
        let (tell_ack, acks) = mpsc::unbounded_channel();
        let (tell_ready, mut ready) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                match event {
                    Event::Incoming(Packet::SubAck(_)) => drop(tell_ready.send(())),
                    Event::Incoming(Packet::PubAck(_)) => drop(tell_ack.send(())),
                    Event::Incoming(Packet::Publish(publish)) => {
                        drop(tell_set.send(serde_json::from_slice(&publish.payload).unwrap()));
                    }
                    _ => {}
                }
            }
        });
        soon(ready.recv()).await.expect("the device is let in");
        Link { client, topic, sets, acks, task }
    }
}

impl Link {
    /// Says what the device is, and waits until the server has it safe.
    pub async fn report(&mut self, state: Json) {
        self.say("state", state).await;
    }

    /// Says something, and waits until the server has it safe.
    pub async fn say(&mut self, leaf: &str, json: Json) {
        self.publish(leaf, json.to_string().as_bytes()).await;
        soon(self.acks.recv()).await.expect("it is acknowledged");
    }

    pub async fn publish(&self, leaf: &str, payload: &[u8]) {
        let topic = format!("{}/{leaf}", self.topic);
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
    }

    /// The next wish that arrives.
    pub async fn set(&mut self) -> Json {
        soon(self.sets.recv()).await.expect("the link is open")
    }

    pub fn is_open(&self) -> bool {
        !self.task.is_finished()
    }

    /// Waits until the server has closed it.
    pub async fn closed(self) {
        soon(self.task).await.unwrap();
    }

    /// Breaks, without a word.
    pub fn cut(self) {
        self.task.abort();
    }
}
