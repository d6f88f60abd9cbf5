use super::*;
use mqttrs2::{Packet as Theirs, decode_slice_with_len};
use std::string::{String, ToString};
use std::vec::Vec;

const OPTIONS: Options<'static> = Options {
    client: "42",
    username: "42",
    password: "secret",
    keepalive_s: 30,
    will: None,
    filter: "devices/42/set",
};

type Client = Session<'static, 64, 256>;

/// Everything the session sends now, named by another codec.
fn sends(session: &mut Client, now_ms: u64) -> Vec<String> {
    let mut line = Vec::new();
    loop {
        // Never more than a serial line's FIFO at once.
        let due = session.outgoing();
        let count = due.len().min(7);
        line.extend_from_slice(&due[..count]);
        if count == 0 {
            break;
        }
        session.sent(now_ms, count);
    }
    let mut names = Vec::new();
    let mut rest = &line[..];
    while let Ok(Some((length, packet))) = decode_slice_with_len(rest) {
        names.push(match packet {
            Theirs::Publish(publish) => {
                let payload = String::from_utf8_lossy(publish.payload).to_string();
                std::format!("{}={payload}", publish.topic_name)
            }
            other => std::format!("{:?}", other.get_type()),
        });
        rest = &rest[length..];
    }
    assert!(rest.is_empty(), "{rest:x?}");
    names
}

fn online() -> Client {
    let mut session = Client::new(OPTIONS, 7);
    session.link_opened(0).unwrap();
    assert_eq!(sends(&mut session, 0), ["Connect"]);
    session.receive(&[0x20, 2, 0, 0]);
    assert_eq!(session.poll(1), Ok(None));
    assert_eq!(sends(&mut session, 1), ["Subscribe"]);
    session.receive(&[0x90, 3, 0, 1, 1]);
    assert_eq!(session.poll(2), Ok(Some(Event::Online)));
    session
}

#[test]
fn a_message_of_qos_1_is_told_and_acknowledged() {
    let mut session = online();
    let mut packet = std::vec![0; 40];
    let length = publish(&mut packet, Some(9), "devices/42/set", b"{}").unwrap();
    // Byte by byte: a line does not keep packets together.
    for byte in &packet[..length - 1] {
        assert_eq!(session.receive(&[*byte]), 1);
        assert_eq!(session.poll(3), Ok(None));
    }
    session.receive(&packet[length - 1..length]);
    let message = Event::Message { topic: "devices/42/set", payload: b"{}" };
    assert_eq!(session.poll(3), Ok(Some(message)));
    assert_eq!(session.poll(3), Ok(None));
    assert_eq!(sends(&mut session, 3), ["Puback"]);
}

#[test]
fn what_was_not_acknowledged_is_sent_again_on_the_next_link() {
    let mut session = online();
    session.publish("a", b"1", true).unwrap();
    session.publish("a", b"2", false).unwrap();
    session.publish("a", b"3", true).unwrap();
    assert_eq!(sends(&mut session, 3), ["a=1", "a=2", "a=3"]);
    session.receive(&[0x40, 2, 0, 2]); // the first message's identifier
    assert_eq!(session.poll(4), Ok(None));
    session.link_closed(5);
    session.publish("a", b"4", true).unwrap();
    assert!(!session.wants_link(6));
    session.link_opened(2_000).unwrap();
    assert_eq!(sends(&mut session, 2_000), ["Connect"], "nothing else before the server said yes");
    session.receive(&[0x20, 2, 0, 0, 0x90, 3, 0, 1, 1]);
    assert_eq!(session.poll(2_001), Ok(Some(Event::Online)));
    assert_eq!(sends(&mut session, 2_001), ["Subscribe", "a=3", "a=4"]);
}

#[test]
fn a_silent_server_is_asked_and_then_given_up() {
    let mut session = online();
    assert_eq!(session.poll(19_000), Ok(None));
    assert!(sends(&mut session, 19_000).is_empty());
    assert_eq!(session.poll(20_100), Ok(None));
    assert_eq!(sends(&mut session, 20_100), ["Pingreq"]);
    session.receive(&[0xd0, 0]);
    assert_eq!(session.poll(20_200), Ok(None));
    assert_eq!(session.poll(40_300), Ok(None));
    assert_eq!(sends(&mut session, 40_300), ["Pingreq"]);
    assert_eq!(session.poll(50_400), Err(Broken::Silent));
}

#[test]
fn a_device_that_only_talks_still_asks_whether_anybody_listens() {
    let mut session = online();
    for second in 1..=20 {
        session.publish("a", b"1", false).unwrap();
        sends(&mut session, second * 1_000);
    }
    assert_eq!(session.poll(20_100), Ok(None));
    assert_eq!(sends(&mut session, 20_100), ["Pingreq"]);
}

#[test]
fn a_refused_device_comes_back_rarely() {
    let mut session = Client::new(OPTIONS, 7);
    session.link_opened(0).unwrap();
    session.receive(&[0x20, 2, 0, 5]);
    assert_eq!(session.poll(1), Err(Broken::Refused(5)));
    session.link_closed(1);
    assert!(!session.wants_link(29_000));
    assert!(session.wants_link(60_001));
}

#[test]
fn a_packet_too_long_is_acknowledged_dropped_and_counted() {
    let mut session = online();
    let mut packet = std::vec![0; 300];
    let length = publish(&mut packet, Some(9), "devices/42/set", &[b' '; 200]).unwrap();
    let after = [&packet[..length], &[0x30, 4, 0, 1, b'a', b'!']].concat();
    let mut rest = &after[..];
    let mut heard = Vec::new();
    while !rest.is_empty() {
        let count = session.receive(rest);
        rest = &rest[count..];
        while let Some(event) = session.poll(3).unwrap() {
            heard.push(std::format!("{event:?}"));
        }
    }
    assert_eq!(heard, [std::format!("{:?}", Event::Message { topic: "a", payload: b"!" })]);
    assert_eq!(sends(&mut session, 3), ["Puback"]);
    assert_eq!(session.dropped(), 1);
}

#[test]
fn a_full_outbox_says_so_and_loses_nothing_it_took() {
    let mut session = online();
    let taken = (0..40).take_while(|_| session.publish("a", b"12345678", true).is_ok()).count();
    assert!(taken > 10);
    assert_eq!(sends(&mut session, 3).len(), taken);
    assert_eq!(session.publish("a", b"12345678", true), Err(Full));
    session.receive(&[0x40, 2, 0, 2]);
    assert_eq!(session.poll(4), Ok(None));
    assert_eq!(session.publish("a", b"12345678", true), Ok(()));
}

#[test]
fn options_that_fit_nowhere_are_refused_at_once() {
    let options = Options { password: include_str!("tests.rs"), ..OPTIONS };
    let mut session = Client::new(options, 7);
    assert_eq!(session.link_opened(0), Err(Broken::NoRoom));
}

#[test]
fn a_goodbye_is_the_last_packet() {
    let mut session = online();
    session.publish("a", b"1", false).unwrap();
    session.disconnect();
    let last = sends(&mut session, 3);
    assert!(last.contains(&"Disconnect".to_string()));
}
