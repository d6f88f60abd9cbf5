//! Who lives in the demo's house, and what stands in it.

use std::sync::Arc;

use crate::cli::user;
use crate::config::Config;
use crate::host::random_u64;
use crate::model::{DeviceId, UserId};
use crate::session::{NewDevice, SessionMsg};
use crate::store;
use crate::tree::House;

use super::kept::{Folder, Kept, KeptDevice};

/// The demo's account.
const USER: &str = "demo";

/// The device that nobody simulates: it is for the person who tries the demo.
pub(super) const OWN: &str = "Your own thermometer";

/// What stands where: description, room, kind.
const FURNITURE: [(&str, &str, &str); 10] = [
    ("Ceiling light", "Living room", "light"),
    ("Reading lamp", "Living room", "light"),
    ("Television", "Living room", "plug"),
    ("Kitchen light", "Kitchen", "light"),
    ("Sous-vide cooker", "Kitchen", "sous_vide"),
    ("Bedside lamp", "Bedroom", "light"),
    ("Bedroom thermometer", "Bedroom", "thermometer"),
    ("Water meter", "Cellar", "counter"),
    ("Cellar pump", "Cellar", "switch"),
    (OWN, "Workshop", "thermometer"),
];

/// A house with its inhabitant and its devices.
pub(super) struct Furnished {
    pub(super) user: String,
    pub(super) password: String,
    devices: Vec<KeptDevice>,
}

impl Furnished {
    /// The devices that are simulated.
    pub(super) fn simulated(&self) -> impl Iterator<Item = &KeptDevice> {
        self.devices.iter().filter(|device| device.description != OWN)
    }

    /// The device that is not.
    pub(super) fn own(&self) -> Option<&KeptDevice> {
        self.devices.iter().find(|device| device.description == OWN)
    }
}

/// Makes the account and the devices, as far as an earlier demo on this store has not.
///
/// # Errors
/// That the store is somebody else's, or whatever the house refuses.
pub(super) async fn furnish(
    config: &Config,
    house: &House,
    folder: &Folder,
) -> anyhow::Result<Furnished> {
    let (owner, mut kept) = inhabitant(config, house, folder).await?;
    for (description, room, kind) in FURNITURE {
        if kept.devices.iter().any(|device| device.description == description) {
            continue;
        }
        let (text, room) = (Arc::from(description), Some(Arc::from(room)));
        let new = NewDevice { description: text, kind: kind.into(), room, announced: None };
        let create = |answer| SessionMsg::Create(Box::new(new), answer);
        let created = house.sessions.ask(owner, create).await?;
        kept.devices.push(KeptDevice {
            id: created.id.0,
            secret: created.secret.reveal().to_owned(),
            kind: kind.to_owned(),
            description: description.to_owned(),
        });
        folder.keep(&kept)?;
    }
    let mut devices = kept.devices;
    let mut there = Vec::with_capacity(devices.len());
    for device in devices.drain(..) {
        // Somebody may have deleted it on the page; then it stays away.
        if store::devices::get(&house.store, DeviceId(device.id))?.is_some() {
            there.push(device);
        }
    }
    Ok(Furnished { user: kept.user, password: kept.password, devices: there })
}

async fn inhabitant(
    config: &Config,
    house: &House,
    folder: &Folder,
) -> anyhow::Result<(UserId, Kept)> {
    if let Some(kept) = folder.read()?
        && let Some(user) = store::accounts::user_named(&house.store, &kept.user)?
    {
        return Ok((user.id, kept));
    }
    if !store::accounts::users(&house.store, None, 1)?.is_empty() {
        anyhow::bail!(
            "the store in {} is not a demo's: a demo makes an administrator whose password is on \
             the terminal, so it needs a store of its own",
            folder.path().display()
        );
    }
    let password = readable(random_u64()?);
    let user = user::add(config, &house.store, USER, &password, true).await?;
    let kept = Kept { user: USER.to_owned(), password, devices: vec![] };
    folder.keep(&kept)?;
    Ok((user.id, kept))
}

/// A password that can be read out: 48 of the random bits as three words of consonants and vowels
/// in turn ("proquints", Wilkerson 2009).
fn readable(bits: u64) -> String {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let letter = |letters: &[u8], place: u64| {
        let place = usize::try_from(place).unwrap_or(0) % letters.len();
        letters.get(place).map_or('x', |letter| char::from(*letter))
    };
    let word = |bits: u64| -> String {
        [
            letter(CONSONANTS, bits >> 12 & 15),
            letter(VOWELS, bits >> 10 & 3),
            letter(CONSONANTS, bits >> 6 & 15),
            letter(VOWELS, bits >> 4 & 3),
            letter(CONSONANTS, bits & 15),
        ]
        .into_iter()
        .collect()
    };
    [word(bits >> 32), word(bits >> 16), word(bits)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::KINDS;

    #[test]
    fn a_password_can_be_read_out_and_carries_48_bits() {
        // Wilkerson's own example: 127.0.0.1 is lusab-babad.
        assert_eq!(readable(0x7F00_0001), "babab-lusab-babad");
        assert_ne!(readable(1 << 47), readable(0));
    }

    #[test]
    fn everything_in_the_house_can_be_simulated_and_told_apart() {
        for (place, (description, _, kind)) in FURNITURE.iter().enumerate() {
            assert!(KINDS.contains(kind), "{kind}");
            let alike = FURNITURE.iter().skip(place + 1).any(|(other, ..)| other == description);
            assert!(!alike, "{description}");
        }
    }
}
