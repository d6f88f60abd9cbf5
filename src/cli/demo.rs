//! `hearth demo`: the whole house with somebody in it, for whoever wants to see it first.
//!
//! An ordinary server, an ordinary account and ordinary devices: only that the devices are
//! simulated, and that their credentials are kept beside the store.

mod home;
mod kept;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::simulator::{Broker, Build, Credential, SPEED_MAX, Simulator};
use crate::store::Store;
use crate::supervision::{Ended, quiet_panics};
use crate::tree::{House, Sockets};

use super::operator::Post;
use super::serve::{runtime, told_to_stop};
use super::{Common, load_kinds, print, say};
use home::{Furnished, OWN};
use kept::Folder;

/// How long the devices may take to connect before the demo goes on without them.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// How often to look whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long the devices may take to say goodbye.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Devices that connect in one second: so that a person sees them come.
const CONNECTS_PER_S: u32 = 20;

/// How often a device tells what it measures.
const EVERY: Duration = Duration::from_secs(5);

/// A house with simulated devices, to look at.
#[derive(Args)]
pub struct Demo {
    /// How much faster than the clock the cooker's water warms and its timer runs.
    #[arg(
        long, default_value_t = 60,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(SPEED_MAX))
    )]
    speed: u32,
}

impl Demo {
    /// Runs it until told to stop.
    ///
    /// # Errors
    /// Whatever kept it from opening, or made it give up.
    pub fn run(self, common: &Common) -> anyhow::Result<()> {
        let mut config = common.load(std::env::vars())?;
        let folder = match common.data() {
            Some(path) => Folder::kept(path)?,
            None => Folder::temporary()?,
        };
        folder.path().clone_into(&mut config.store.path);
        if config.log.level == "info" {
            // What the demo has to say is on the terminal already.
            config.log.level = "warn";
        }
        runtime()?.block_on(self.show(&config, &folder))
    }

    async fn show(&self, config: &Config, folder: &Folder) -> anyhow::Result<()> {
        crate::observe::start(&config.log)?;
        quiet_panics();
        say("opening the house …");
        let kinds = load_kinds(config)?;
        let sockets = Sockets {
            http: bind("http.listen", config.http.listen).await?,
            mqtt: bind("mqtt.listen", config.mqtt.listen).await?,
            mqtts: None,
        };
        let (store, writer) = Store::open(folder.path())?;
        let house = Box::pin(House::open(config.clone(), kinds, sockets, (store, writer))).await?;
        let _post = Post::put_up(folder.path(), &house)?;
        print(&format!("ready http={} mqtt={}", house.http, house.mqtt));
        let shown = tokio::select! {
            shown = self.inhabit(config, &house, folder) => shown,
            ended = house.ended() => Err(anyhow::anyhow!("the house ended: {ended:?}")),
            stopped = told_to_stop() => stopped.map_err(Into::into),
        };
        say("closing the house …");
        let ended = house.close(config.drain.deadline_s).await;
        shown?;
        match ended {
            Ended::Stopped => Ok(()),
            Ended::Overdue => anyhow::bail!("not everything could be closed in time"),
            Ended::GaveUp(why) => anyhow::bail!("gave up: {why}"),
        }
    }

    /// Furnishes the house, switches everything on and shows it until it is told to stop.
    async fn inhabit(&self, config: &Config, house: &House, folder: &Folder) -> anyhow::Result<()> {
        say("moving in …");
        let home = home::furnish(config, house, folder).await?;
        let mut simulator = Simulator::new(Broker::from(house.mqtt), CONNECTS_PER_S);
        for device in home.simulated() {
            let build = Build { kind: device.kind.clone(), speed: self.speed, every: EVERY };
            let secret = device.secret.clone();
            simulator.start(&build, Credential { device: device.id, secret })?;
        }
        wait_until_online(&simulator).await;
        let page = config.http.public_url.clone();
        let page = page.unwrap_or_else(|| format!("http://{}", reachable(house.http)));
        print(&self.welcome(&page, house.mqtt, &home, folder));
        told_to_stop().await?;
        simulator.stop(STOP_WITHIN).await;
        Ok(())
    }

    /// What the terminal says once everything is there.
    fn welcome(&self, page: &str, mqtt: SocketAddr, home: &Furnished, folder: &Folder) -> String {
        let broker = Broker::from(mqtt);
        let own = home.own().map_or_else(String::new, |own| {
            format!(
                "\n  * be a device yourself: this makes \"{OWN}\" speak\n\n      \
                 mosquitto_pub -h {} -p {} -i my-thermometer -u {} -P {} -q 1 \\\n        \
                 -t devices/{}/state -m '{{\"temperature_c\": 23.5}}'\n",
                broker.host, broker.port, own.id, own.secret, own.id,
            )
        });
        let store = if folder.is_kept() {
            format!("Everything is kept in {}.", folder.path().display())
        } else {
            "Everything is forgotten when it stops; --data DIR keeps it.".to_owned()
        };
        format!(
            "\n  Hearth is open\n\n    \
             page       {page}\n    \
             username   {}\n    \
             password   {}\n    \
             devices    {broker}\n\n  \
             What to try\n\n  \
             * switch a lamp in one window and watch it in another\n  \
             * start the cooker: its water warms {} times as fast as real water\n  \
             * see what runs where on the page of the administrator{own}\n  \
             {store} Ctrl-C stops.\n",
            home.user, home.password, self.speed,
        )
    }
}

/// Binds an address, or, where its port is taken, a free one beside it.
async fn bind(name: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let listener = TcpListener::bind(SocketAddr::new(address.ip(), 0)).await?;
            let free = listener.local_addr()?;
            say(&format!("{name}: port {} is taken, using {}", address.port(), free.port()));
            Ok(listener)
        }
        Err(error) => Err(error).with_context(|| format!("{name} = \"{address}\"")),
    }
}

/// The address that a browser on this machine may use for a listener.
fn reachable(address: SocketAddr) -> String {
    let Broker { host, port } = Broker::from(address);
    format!("{host}:{port}")
}

/// Waits until all devices are online, and says how many are while some are not.
async fn wait_until_online(simulator: &Simulator) {
    let connecting = async {
        let mut told = 0;
        loop {
            let progress = simulator.progress();
            if progress.online > told {
                told = progress.online;
                say(&format!("{told} of {} devices are online", progress.started));
            }
            if told >= progress.started {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(CONNECT_WITHIN, connecting).await.is_err() {
        let why = simulator.progress().last_fault.unwrap_or_default();
        say(&format!("not every device is online yet {why}"));
    }
}
