//! MQTT over a WebSocket: the same connection in binary frames.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::line::{connect, report};
use crate::support::{Open, Thing, soon};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a WebSocket at `/mqtt`, or the status with which it is refused.
async fn web(open: &Open, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{}/mqtt", open.house.http).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match soon(connect_async(request)).await {
        Ok((socket, answer)) => {
            assert_eq!(answer.headers()["sec-websocket-protocol"], "mqtt");
            Ok(socket)
        }
        Err(Error::Http(refused)) => Err(refused.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

const MQTT: (&str, &str) = ("sec-websocket-protocol", "mqtt");

/// Bytes of the server's next frame; none if it closed.
async fn heard(socket: &mut Socket) -> Option<Vec<u8>> {
    loop {
        match soon(socket.next()).await? {
            Ok(Message::Binary(bytes)) => return Some(bytes.to_vec()),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(other) => panic!("no binary frame but {other:?}"),
        }
    }
}

async fn say(socket: &mut Socket, bytes: &[u8]) {
    socket.send(Message::binary(bytes.to_vec())).await.unwrap();
}

#[tokio::test]
async fn mqtt_6_0_0_2_a_device_reports_however_its_packets_lie_in_frames() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut socket = web(&open, &[MQTT]).await.unwrap();
    for byte in connect(Some(&lamp)) {
        say(&mut socket, &[byte]).await;
    }
    assert_eq!(heard(&mut socket).await.as_deref(), Some(&[0x20, 2, 0, 0][..]));
    let both = [report(&lamp, &json!({"on": true})), report(&lamp, &json!({"brightness": 40}))];
    say(&mut socket, &both.concat()).await;
    let mut acknowledged = Vec::new();
    while acknowledged.len() < 8 {
        acknowledged.extend(heard(&mut socket).await.unwrap());
    }
    assert_eq!(acknowledged, [0x40, 2, 0, 7, 0x40, 2, 0, 7]);
    let reported = &bob.see(&lamp).await["reported"];
    assert_eq!((&reported["on"], &reported["brightness"]), (&json!(true), &json!(40)));
}

#[tokio::test]
async fn a_wish_goes_down_to_a_device_in_a_web_socket() {
    let open = Open::new().await;
    let bob = open.person("bob").await;
    let lamp = bob.add("light", "lamp").await;
    let mut socket = web(&open, &[MQTT]).await.unwrap();
    say(&mut socket, &connect(Some(&lamp))).await;
    heard(&mut socket).await.unwrap();
    let filter = format!("devices/{}/set", lamp.id);
    let length = u8::try_from(filter.len()).unwrap();
    let head = [0x82, length + 5, 0, 1, 0, length];
    say(&mut socket, &[&head, filter.as_bytes(), &[1]].concat()).await;
    assert_eq!(heard(&mut socket).await.as_deref(), Some(&[0x90, 3, 0, 1, 1][..]));
    bob.want(&lamp, json!({"on": true})).await;
    let wish = heard(&mut socket).await.unwrap();
    assert!(String::from_utf8_lossy(&wish).contains(r#"{"on":true"#), "{wish:?}");
}

#[tokio::test]
async fn wrong_credentials_are_answered_and_the_socket_closed() {
    let open = Open::new().await;
    let mut socket = web(&open, &[MQTT]).await.unwrap();
    let nobody = Thing { mqtt: open.house.mqtt, id: 1, secret: "no".to_owned() };
    say(&mut socket, &connect(Some(&nobody))).await;
    assert_eq!(heard(&mut socket).await.as_deref(), Some(&[0x20, 2, 0, 5][..]));
    assert_eq!(heard(&mut socket).await, None);
}

#[tokio::test]
async fn mqtt_6_0_0_4_a_web_socket_for_something_else_or_of_a_strange_page_is_refused() {
    let open = Open::new().await;
    assert_eq!(web(&open, &[]).await.err(), Some(400));
    let other = ("sec-websocket-protocol", "soap, graphql");
    assert_eq!(web(&open, &[other]).await.err(), Some(400));
    let ours = format!("http://{}", open.house.http);
    assert!(web(&open, &[MQTT, ("origin", &ours)]).await.is_ok());
    let strange = web(&open, &[MQTT, ("origin", "https://evil.example")]).await;
    assert_eq!(strange.err(), Some(403));
}

#[tokio::test]
async fn mqtt_6_0_0_1_a_text_frame_closes_with_1003_and_disturbs_nobody() {
    let open = Open::new().await;
    let lamp = open.person("bob").await.add("light", "lamp").await;
    let mut link = lamp.connect().await;
    for logged_in in [false, true] {
        let mut socket = web(&open, &[MQTT]).await.unwrap();
        if logged_in {
            let other = open.person("eve").await.add("light", "other").await;
            say(&mut socket, &connect(Some(&other))).await;
            heard(&mut socket).await.unwrap();
        }
        socket.send(Message::text("hello")).await.unwrap();
        let code = loop {
            match soon(socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => break u16::from(frame.code),
                Some(Ok(_)) => {}
                other => panic!("no close frame but {other:?}"),
            }
        };
        assert_eq!(code, 1003, "logged in: {logged_in}");
    }
    link.report(json!({"on": true})).await;
}

#[tokio::test]
async fn a_frame_that_is_larger_than_any_packet_ends_the_socket() {
    let open = Open::with(&[("MQTT__PACKET_BYTES_MAX", "8192")]).await;
    let lamp = open.person("bob").await.add("light", "lamp").await;
    let mut socket = web(&open, &[MQTT]).await.unwrap();
    say(&mut socket, &connect(Some(&lamp))).await;
    heard(&mut socket).await.unwrap();
    socket.send(Message::binary(vec![0xC0; 10_000])).await.ok();
    assert_eq!(heard(&mut socket).await, None);
}
