//! `hearth serve`: opens the house, and closes it when it is told to.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::host::random_bytes;
use crate::store::secret::Secret;
use crate::store::{self, Batch, Store};
use crate::supervision::{Ended, quiet_panics};
use crate::tree::{House, Sockets};

use super::operator::Post;
use super::{Common, check_certificate, load_kinds, print};

/// Runs the server until it is told to stop.
///
/// # Errors
/// Whatever kept it from opening, or made it give up.
pub fn run(common: &Common) -> anyhow::Result<()> {
    let config = common.load(std::env::vars())?;
    check_certificate(&config)?;
    runtime()?.block_on(serve(config))
}

/// The runtime of every command that serves or connects.
///
/// # Errors
/// If the operating system has no threads left.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

async fn serve(config: Config) -> anyhow::Result<()> {
    crate::observe::start(&config.log)?;
    quiet_panics();
    let sockets = Sockets::bind(&config).await?;
    let deadline = config.drain.deadline_s;
    let data = config.store.path.clone();
    let house = Box::pin(open(config, sockets)).await?;
    let _post = Post::put_up(&data, &house)?;
    let mqtts = house.mqtts.map(|mqtts| format!(" mqtts={mqtts}")).unwrap_or_default();
    print(&format!("ready http={} mqtt={}{mqtts}", house.http, house.mqtt));
    let ended = tokio::select! {
        ended = house.ended() => ended,
        failed = told_to_reload(&house) => return failed,
        stopped = told_to_stop() => {
            stopped?;
            tracing::info!("closing");
            house.close(deadline).await
        }
    };
    match ended {
        Ended::Stopped => Ok(()),
        Ended::Overdue => anyhow::bail!("not everything could be closed in time"),
        Ended::GaveUp(why) => anyhow::bail!("gave up: {why}"),
    }
}

/// Opens the house on the store of the configuration.
///
/// # Errors
/// Whatever keeps it from opening.
pub async fn open(config: Config, sockets: Sockets) -> anyhow::Result<House> {
    let kinds = load_kinds(&config)?;
    std::fs::create_dir_all(&config.store.path)
        .with_context(|| format!("store.path = {}", config.store.path.display()))?;
    let (store, writer) = Store::open(&config.store.path)?;
    let is_empty = store::accounts::users(&store, None, 1)?.is_empty();
    let public_url = config.http.public_url.clone();
    let house = Box::pin(House::open(config, kinds, sockets, (store, writer))).await?;
    if is_empty {
        let secret = Secret::from_random(random_bytes()?);
        let mut batch = Batch::new();
        store::credentials::put_admin_link(&mut batch, &secret.hash());
        house.store.commit(batch).await?;
        let url = public_url.unwrap_or_else(|| format!("http://{}", house.http));
        print(&format!("first administrator: {url}/?setup={}", secret.reveal()));
    }
    Ok(house)
}

/// Reads the certificate again at every SIGHUP.
async fn told_to_reload(house: &House) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    while hangup.recv().await.is_some() {
        house.reload_certificate();
    }
    std::future::pending().await
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// If the operating system does not tell us of signals.
pub async fn told_to_stop() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
