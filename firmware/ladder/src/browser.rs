//! A person's browser: REST to begin with, then one WebSocket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tungstenite::{Message, WebSocket};

use crate::house::{House, NAME, PASSWORD};
use crate::{Held, within};

/// How long a person waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A device as it was made.
pub(crate) struct NewDevice {
    pub(crate) id: u64,
    pub(crate) secret: String,
}

/// A signed-in browser that watches one device.
pub(crate) struct Browser {
    http: String,
    token: String,
    socket: Option<WebSocket<TcpStream>>,
    device: u64,
    shown: Map<String, Value>,
    commands: Vec<(String, String)>,
    asked: u32,
}

impl Browser {
    /// Signs in.
    pub(crate) fn sign_in(house: &House) -> Held<Self> {
        let login = json!({"username": NAME, "password": PASSWORD});
        let answer = call(&house.http, "POST", "/auth/login", None, &login)?;
        let token = answer["access_token"].as_str().ok_or("no token")?.to_owned();
        let (http, shown) = (house.http.clone(), Map::new());
        Ok(Self { http, token, socket: None, device: 0, shown, commands: Vec::new(), asked: 0 })
    }

    /// Adds a device.
    pub(crate) fn add(&mut self, kind: &str) -> Held<NewDevice> {
        let body = json!({"description": format!("The ladder's {kind}"), "kind": kind});
        let answer = call(&self.http, "POST", "/devices", Some(&self.token), &body)?;
        let id = answer["device"]["id"].as_u64().ok_or("no id")?;
        let secret = answer["mqtt"]["password"].as_str().ok_or("no secret")?.to_owned();
        Ok(NewDevice { id, secret })
    }

    /// Opens the page of a device.
    pub(crate) fn watch(&mut self, device: u64) -> Held {
        let ticket = call(&self.http, "POST", "/auth/ticket", Some(&self.token), &json!({}))?;
        let ticket = ticket["ticket"].as_str().ok_or("no ticket")?;
        let stream = TcpStream::connect(&self.http)?;
        let url = format!("ws://{}/ws?token={ticket}", self.http);
        let (mut socket, _) =
            tungstenite::client(url, stream).map_err(|fault| fault.to_string())?;
        socket.get_mut().set_read_timeout(Some(Duration::from_millis(20)))?;
        self.socket = Some(socket);
        self.device = device;
        self.until("a snapshot", |device| device.get("id").is_some())
    }

    /// Points of a property's history since then (Unix ms), at most one a minute.
    pub(crate) fn history(&self, property: &str, from_ms: u64) -> Held<Vec<Value>> {
        let id = self.device;
        let path = format!("/devices/{id}/history?property={property}&from={from_ms}&step=60");
        let answer = call(&self.http, "GET", &path, Some(&self.token), &Value::Null)?;
        let points = answer.as_array().or_else(|| answer["points"].as_array());
        Ok(points.cloned().unwrap_or_default())
    }

    /// Asks for something, and waits until the device did it.
    pub(crate) fn set(&mut self, desired: &Value) -> Held {
        match self.ask(desired)?.as_str() {
            "applied" => Ok(()),
            other => Err(format!("{desired} was {other}").into()),
        }
    }

    /// Asks for something; how that ended.
    pub(crate) fn ask(&mut self, desired: &Value) -> Held<String> {
        self.asked += 1;
        let name = format!("ladder-{}", self.asked);
        let frame = json!({"type": "set", "ref": name, "device": self.device, "desired": desired});
        let socket = self.socket.as_mut().ok_or("no page is open")?;
        socket.send(Message::text(frame.to_string()))?;
        within(PATIENCE, &format!("an end of {desired}"), || {
            self.read()?;
            let last = self.commands.iter().rev().find(|(asked, _)| *asked == name);
            let phase = last.map(|(_, phase)| phase.clone());
            Ok(phase.filter(|phase| !matches!(phase.as_str(), "accepted" | "delivered")))
        })
    }

    /// Waits until the page shows something.
    pub(crate) fn until(
        &mut self,
        what: &str,
        shows: impl Fn(&Map<String, Value>) -> bool,
    ) -> Held {
        let waited = within(PATIENCE, what, || {
            self.read()?;
            Ok(shows(&self.shown).then_some(()))
        });
        waited.map_err(|broken| format!("{broken}; the page shows {:?}", self.shown).into())
    }

    /// Waits until a reported property has a value.
    pub(crate) fn sees(&mut self, property: &str, value: &Value) -> Held {
        self.until(&format!("{property} = {value}"), |device| {
            device.get("reported").and_then(|reported| reported.get(property)) == Some(value)
        })
    }

    /// A reported number, as the page shows it now.
    pub(crate) fn number(&self, property: &str) -> Option<f64> {
        self.shown.get("reported")?.get(property)?.as_f64()
    }

    fn read(&mut self) -> Held {
        loop {
            let socket = self.socket.as_mut().ok_or("no page is open")?;
            let text = match socket.read() {
                Ok(Message::Text(text)) => text,
                Ok(_) => continue,
                Err(tungstenite::Error::Io(fault))
                    if matches!(
                        fault.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    return Ok(());
                }
                Err(fault) => return Err(fault.into()),
            };
            let frame: Value = serde_json::from_str(&text)?;
            self.take(&frame);
        }
    }

    fn take(&mut self, frame: &Value) {
        let ours = |device: &Value| device["id"].as_u64() == Some(self.device);
        match frame["type"].as_str() {
            Some("snapshot") => {
                let devices = frame["devices"].as_array().into_iter().flatten();
                for device in devices.filter(|device| ours(device)) {
                    self.shown = device.as_object().cloned().unwrap_or_default();
                }
            }
            Some("device") if ours(&frame["device"]) => {
                self.shown = frame["device"].as_object().cloned().unwrap_or_default();
            }
            Some("delta") if ours(frame) => {
                for (name, value) in frame["changes"].as_object().into_iter().flatten() {
                    merge(self.shown.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
            Some("command") => {
                let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
                self.commands.push((text("ref"), text("phase")));
            }
            Some("error") => {
                let name = frame["ref"].as_str().unwrap_or_default().to_owned();
                self.commands.push((name, format!("refused: {frame}")));
            }
            _ => {}
        }
    }
}

/// Lays a change over a value: objects are merged, all else is replaced.
fn merge(onto: &mut Value, change: &Value) {
    match (onto, change) {
        (Value::Object(onto), Value::Object(change)) => {
            for (name, value) in change {
                merge(onto.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (onto, change) => onto.clone_from(change),
    }
}

/// One HTTP call on a connection of its own.
fn call(at: &str, method: &str, path: &str, token: Option<&str>, body: &Value) -> Held<Value> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n{token}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    if !head.starts_with("HTTP/1.1 2") {
        return Err(format!("{method} {path}: {answer}").into());
    }
    // Nothing here is long enough to come in chunks, but a chunked answer is still JSON inside.
    let (start, end) = (body.find(['{', '[']), body.rfind(['}', ']']));
    match (start, end) {
        (Some(start), Some(end)) => Ok(serde_json::from_str(&body[start..=end])?),
        _ => Ok(Value::Null),
    }
}
