//! `hearth town`: fills an empty store with accounts and devices, for load tests.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;

use crate::codec::TopicScope;
use crate::config::Config;
use crate::host::{now_ms, random_bytes, random_u64};
use crate::http::auth::Auth;
use crate::http::auth::passwords::Passwords;
use crate::kind::Kinds;
use crate::model::{Device, DeviceId, User, UserId};
use crate::store::credentials::ClientCredential;
use crate::store::secret::Secret;
use crate::store::{self, Batch, Store};
use crate::throttle::SignIns;

use super::serve::runtime;
use super::user::with_writer;
use super::{Common, load_kinds, say};

/// How long the tokens are good, in seconds.
const TOKEN_S: i64 = 24 * 3_600;

/// Rows in one batch.
const BATCH_ROWS: usize = 200;

/// The one password of the whole town: hashing twenty thousand would take minutes.
const PASSWORD: &str = "town-password";

/// A town for load tests.
#[derive(Args)]
pub struct Town {
    /// How many accounts.
    #[arg(long)]
    users: usize,
    /// How many devices, dealt to the accounts in turn.
    #[arg(long)]
    devices: usize,
    /// Where the credentials go.
    #[arg(long)]
    out: PathBuf,
    /// What the devices are.
    #[arg(long, default_value = "counter")]
    kind: String,
}

impl Town {
    /// Builds it.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn run(self, common: &Common) -> anyhow::Result<()> {
        let config = common.load(std::env::vars())?;
        let kinds = load_kinds(&config)?;
        std::fs::create_dir_all(&config.store.path)?;
        let (store, writer) = Store::open(&config.store.path)?;
        if !store::accounts::users(&store, None, 1)?.is_empty() {
            bail!(
                "{} is not empty: a town is built on an empty store",
                config.store.path.display()
            );
        }
        runtime()?.block_on(with_writer(writer, self.build(&config, &kinds, &store)))
    }

    async fn build(&self, config: &Config, kinds: &Kinds, store: &Store) -> anyhow::Result<()> {
        let kind = kinds.get(&self.kind).with_context(|| format!("no kind {}", self.kind))?;
        let users = self.users.max(1);
        let sign_ins = Arc::new(SignIns::new(config.auth.sign_in_limits()));
        let auth = Auth::open(store, config, sign_ins).await?;
        let password = Passwords::start(&config.auth)?.hash(PASSWORD.to_owned()).await?;
        let out = File::create(&self.out).with_context(|| self.out.display().to_string())?;
        let mut out = BufWriter::new(out);
        writeln!(out, "user,token,device,secret,client,client_secret")?;
        let now_ms = now_ms();
        let mut batch = Batch::new();
        for number in 0..users {
            let user = User {
                id: UserId::from_random(random_u64()?),
                name: format!("user{number}").into(),
                admin: false,
                created_ms: now_ms,
            };
            store::accounts::create_user(&mut batch, &user, &password);
            let token = auth.token(&user, now_ms / 1_000, TOKEN_S)?;
            let client_secret = Secret::from_random(random_bytes()?);
            let label = "load";
            let client = ClientCredential {
                user: user.id,
                label: label.into(),
                hash: client_secret.hash(),
                created_ms: now_ms,
                scope: TopicScope::default(),
            };
            store::credentials::create_client(&mut batch, &client);
            let share = self.devices / users + usize::from(number < self.devices % users);
            for place in 0..share {
                let id = DeviceId::from_random(random_u64()?);
                let secret = Secret::from_random(random_bytes()?);
                let name = format!("{} {place} of user{number}", self.kind);
                let device = Device::new(id, user.id, kind.name.clone(), name.into(), None, now_ms);
                store::devices::create(&mut batch, &device, &secret.hash());
                writeln!(
                    out,
                    "{},{token},{id},{},{}/{label},{}",
                    user.name,
                    secret.reveal(),
                    user.name,
                    client_secret.reveal(),
                )?;
            }
            if batch.len() >= BATCH_ROWS {
                store.commit(std::mem::take(&mut batch)).await?;
            }
        }
        store.commit(batch).await?;
        out.flush()?;
        say(&format!(
            "{users} users, {} devices; everybody's password is {PASSWORD}",
            self.devices
        ));
        Ok(())
    }
}
