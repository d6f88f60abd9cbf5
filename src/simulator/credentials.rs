//! Whom the devices sign in as: the columns `device` and `secret` of a table of comma separated
//! values, wherever they stand in it. Pure.

use std::fmt;

/// A device's identity and its MQTT password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The device: its MQTT user name.
    pub device: u64,
    /// Its MQTT password.
    pub secret: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("device", &self.device).finish_non_exhaustive()
    }
}

/// What is wrong with a table of credentials. Never quotes it: it is full of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCredentials {
    /// The first line has no such column.
    #[error("the first line names no column \"{0}\"")]
    Column(&'static str),
    /// A line does not have a device and a secret where the first line says.
    #[error("line {0}: expected a device's number and its secret")]
    Line(usize),
    /// There are fewer devices than wanted.
    #[error("has {found} devices, {wanted} are wanted")]
    TooFew {
        /// Devices in the table.
        found: usize,
        /// Devices asked for.
        wanted: usize,
    },
}

/// Reads the first `wanted` devices of a table.
///
/// # Errors
/// [`BadCredentials`]
pub fn read(table: &str, wanted: usize) -> Result<Vec<Credential>, BadCredentials> {
    let mut lines = table.lines().enumerate();
    let head = lines.next().map_or("", |(_, line)| line);
    let column = |name| {
        let found = head.split(',').position(|column| column.trim() == name);
        found.ok_or(BadCredentials::Column(name))
    };
    let (device, secret) = (column("device")?, column("secret")?);
    let rows = lines.filter(|(_, line)| !line.trim().is_empty()).take(wanted);
    let credentials: Vec<Credential> = rows
        .map(|(number, line)| {
            let field = |place| line.split(',').nth(place).map(str::trim);
            let secret = field(secret).filter(|secret| !secret.is_empty());
            match (field(device).and_then(|device| device.parse().ok()), secret) {
                (Some(device), Some(secret)) => Ok(Credential { device, secret: secret.into() }),
                _ => Err(BadCredentials::Line(number + 1)),
            }
        })
        .collect::<Result<_, _>>()?;
    if credentials.len() < wanted {
        return Err(BadCredentials::TooFew { found: credentials.len(), wanted });
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOWN: &str = "user,token,device,secret,client,client_secret\n\
        user0,t0,17,s17,user0/load,c0\n\
        user1,t1,18,s18,user1/load,c1\n";

    #[test]
    fn the_columns_are_found_by_their_names() {
        let read_all = read(TOWN, 2).unwrap();
        assert_eq!(read_all[1], Credential { device: 18, secret: "s18".into() });
        let other = "secret, device\r\nabc, 9\r\n\r\n";
        assert_eq!(read(other, 1).unwrap(), [Credential { device: 9, secret: "abc".into() }]);
        assert_eq!(read(TOWN, 1).unwrap().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_said_without_a_secret() {
        assert_eq!(read("", 1), Err(BadCredentials::Column("device")));
        assert_eq!(read("device,token\n1,2\n", 1), Err(BadCredentials::Column("secret")));
        assert_eq!(read("device,secret\nlamp,hidden\n", 1), Err(BadCredentials::Line(2)));
        assert_eq!(read("device,secret\n7\n", 1), Err(BadCredentials::Line(2)));
        let too_few = BadCredentials::TooFew { found: 2, wanted: 3 };
        assert_eq!(read(TOWN, 3), Err(too_few));
        assert!(!format!("{:?}", read(TOWN, 1).unwrap()).contains("s17"));
    }
}
