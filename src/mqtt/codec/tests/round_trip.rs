use crate::mqtt::codec::*;

#[test]
fn a_publish_comes_back_as_it_was_written() {
    let publish = Publish { topic: "devices/1/state", payload: b"{}", ..Publish::default() };
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut out = Vec::new();
        encode(version, &Packet::Publish(publish), &mut out).unwrap();
        assert_eq!(frame_len(&out, 100), Ok(Some(out.len())));
        assert_eq!(decode(version, &out), Ok(Packet::Publish(publish)));
    }
}
