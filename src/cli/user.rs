//! `hearth user`: accounts from the command line, on a store that no server has open.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::config::Config;
use crate::host::{now_ms, random_u64};
use crate::http::auth::{check_new, passwords::Passwords};
use crate::model::audit::{Action, Entry, Subject, Who};
use crate::model::{self, UserId};
use crate::store::{self, Batch, CommitError, Store, Writer, accounts};

use super::serve::runtime;
use super::{Common, print, say};

/// What to do with accounts.
#[derive(Subcommand)]
pub enum User {
    /// Makes an account.
    Add {
        /// What the person will sign in with.
        name: String,
        /// Makes it an administrator's.
        #[arg(long)]
        admin: bool,
    },
    /// Gives an account a new password, and ends its sign-ins.
    Passwd {
        /// Whose.
        name: String,
    },
    /// Lists the accounts.
    List,
}

impl User {
    /// Does it.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn run(self, common: &Common) -> anyhow::Result<()> {
        let config = common.load(std::env::vars())?;
        std::fs::create_dir_all(&config.store.path)?;
        let (store, writer) = Store::open(&config.store.path)?;
        runtime()?.block_on(with_writer(writer, self.act(&config, &store)))
    }

    async fn act(self, config: &Config, store: &Store) -> anyhow::Result<()> {
        match self {
            Self::Add { name, admin } => {
                let password = read_password(&name)?;
                add(config, store, &name, &password, admin).await?;
                say(&format!("{name} can sign in now"));
            }
            Self::Passwd { name } => {
                let user = accounts::user_named(store, &name)?;
                let user = user.with_context(|| format!("there is no account {name}"))?;
                let password = read_password(&name)?;
                check(&name, &password, config)?;
                let hash = Passwords::start(&config.auth)?.hash(password).await?;
                let mut batch = Batch::new();
                accounts::put_password(&mut batch, user.id, &hash);
                for family in accounts::families(store, Some(user.id), None, usize::MAX)? {
                    accounts::remove_family(&mut batch, user.id, family.id);
                }
                store::audit::put(&mut batch, &by_operator(&user, Action::PasswordChanged)?);
                store.commit(batch).await?;
                say(&format!("{name} has a new password"));
            }
            Self::List => {
                let mut after = None;
                loop {
                    let page = accounts::users(store, after, 256)?;
                    let Some(last) = page.last() else { break };
                    after = Some(last.id);
                    for user in &page {
                        let role = if user.admin { "\tadmin" } else { "" };
                        print(&format!("{}\t{}{role}", user.id, user.name));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Makes an account.
///
/// # Errors
/// What is wrong with name or password, or that the name is taken.
pub async fn add(
    config: &Config,
    store: &Store,
    name: &str,
    password: &str,
    admin: bool,
) -> anyhow::Result<model::User> {
    check(name, password, config)?;
    let hash = Passwords::start(&config.auth)?.hash(password.to_owned()).await?;
    let user = model::User {
        id: UserId::from_random(random_u64()?),
        name: name.into(),
        admin,
        created_ms: now_ms(),
    };
    let mut batch = Batch::new();
    accounts::create_user(&mut batch, &user, &hash);
    let entry = by_operator(&user, Action::Registered)?.with("admin", admin);
    store::audit::put(&mut batch, &entry);
    match store.commit(batch).await {
        Ok(()) => Ok(user),
        Err(CommitError::Conflict) => bail!("there is an account {name} already"),
        Err(error) => Err(error.into()),
    }
}

/// What was done from the command line, for the audit.
fn by_operator(user: &model::User, action: Action) -> anyhow::Result<Entry> {
    let (subject, number) = (Subject::Account(user.id), store::audit::next_number()?);
    Ok(Entry::new(subject, Who::Server, action, now_ms(), number).with("username", &*user.name))
}

/// Runs the store's writer beside `work`, for commands without a house.
///
/// # Errors
/// Whatever `work` says, or that there is no thread.
pub async fn with_writer<T>(
    writer: Writer,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let running = writer.clone();
    let thread = crate::supervision::thread("store-writer", move || running.run())?;
    let done = work.await;
    writer.close();
    if thread.join().is_err() {
        bail!("the store's writer failed");
    }
    done
}

fn check(name: &str, password: &str, config: &Config) -> anyhow::Result<()> {
    check_new(name, password, config).map_err(|problem| anyhow::anyhow!("{problem}"))
}

/// One line of standard input: a person is asked for it, a program pipes it in.
fn read_password(name: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        say(&format!("password for {name} (it will be seen as you type):"));
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
