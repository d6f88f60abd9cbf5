//! A configuration of discovery, and a message of what it announces, of hostile bytes.
#![no_main]

use hearth::discovery::availability::Words;
use hearth::discovery::config::read;
use hearth::discovery::payload::Payload;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (config, message) = input;
    let Ok(message) = Payload::new(message) else { return };
    for topic in ["homeassistant/light/a/config", "homeassistant/device/a/config"] {
        let Ok(announced) = read(topic, config) else { continue };
        for entity in announced.entities {
            for topic in entity.topics() {
                let _ = entity.availability.hear(Words::default(), topic, &message);
                let Ok(said) = entity.heard(topic, &message) else { continue };
                let _ = entity.command(&said, &said);
            }
        }
    }
});
