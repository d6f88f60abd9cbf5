//! `hearth gateway`: carries a board with a serial line to the server.

use anyhow::Context;

use crate::gateway::{LineAddress, Lines, Settings, run};

use super::serve::{runtime, told_to_stop};
use super::{Common, print};

/// Carries one line; run one gateway for each board.
#[derive(clap::Args)]
pub struct Gateway {
    /// The line: /dev/ttyUSB0, host:port, or listen:address:port to wait for a call.
    #[arg(long)]
    line: LineAddress,
    /// The server's MQTT address.
    #[arg(long, default_value = "127.0.0.1:1883")]
    server: String,
    /// Sets the device on the line up: its number and its secret, as `number:secret`, or `-` to
    /// read that from standard input.
    #[arg(long)]
    provision: Option<String>,
}

impl Gateway {
    /// Serves the line until it is told to stop.
    ///
    /// # Errors
    /// What is wrong with the arguments, or that the line can never be opened.
    pub fn run(self, common: &Common) -> anyhow::Result<()> {
        let config = common.load(std::env::vars())?;
        let provision = self.provision.map(|text| who(&text)).transpose()?;
        runtime()?.block_on(async {
            crate::observe::start(&config.log)?;
            let lines = Lines::at(self.line).await.context("the line can't be opened")?;
            print(&format!("ready line={}", lines.address()));
            tokio::select! {
                ended = run(lines, Settings { server: self.server, provision }) => Ok(ended?),
                stopped = told_to_stop() => Ok(stopped?),
            }
        })
    }
}

/// `number:secret` as the firmware wants to hear it.
fn who(text: &str) -> anyhow::Result<String> {
    let mut line = String::new();
    let text = if text == "-" {
        std::io::stdin().read_line(&mut line)?;
        line.trim()
    } else {
        text
    };
    let (device, secret) = text.split_once(':').context("not of the form number:secret")?;
    let device: u64 = device.parse().context("the device's number is not a number")?;
    let fits = !secret.is_empty() && secret.len() <= 64;
    let plain = secret.bytes().all(|byte| byte.is_ascii_graphic());
    anyhow::ensure!(fits && plain, "a secret has 1 to 64 visible ASCII characters");
    Ok(format!("{device} {secret}"))
}
