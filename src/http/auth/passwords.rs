//! Passwords: argon2id, in a small pool of threads of its own.
//!
//! - Process: `auth.argon2_threads` threads.
//! - Supervised by: nobody; a thread catches what fails in it and goes on.
//! - Takes: passwords to hash or to verify, from a queue of `auth.argon2_queue_max`.
//! - Tells: whoever asked.
//! - Never: runs on the threads that serve. One hash takes tens of milliseconds, on purpose.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::{PasswordHash as Phc, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::oneshot;

use crate::config::section::Auth;
use crate::host::random_bytes;
use crate::store::accounts::PasswordHash;
use crate::supervision::thread;

/// Why a password was neither hashed nor verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many sign-ins wait.
    #[error("too many sign-ins at once")]
    Busy,
    /// The machine failed us.
    #[error("passwords can't be checked")]
    Failed,
}

type Job = Box<dyn FnOnce(&Argon2<'static>) + Send>;

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    queue: SyncSender<Job>,
    /// Verified where there is no account, so that the time says nothing about who exists.
    nobody: PasswordHash,
}

impl Passwords {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the operating system has no threads left, or the parameters are not argon2's.
    pub fn start(auth: &Auth) -> io::Result<Self> {
        let params = Params::new(auth.argon2_kib, auth.argon2_passes, 1, None)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let (queue, jobs) = sync_channel::<Job>(auth.argon2_queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..auth.argon2_threads {
            let (jobs, argon2) = (jobs.clone(), argon2.clone());
            thread(&format!("password-{number}"), move || work(&jobs, &argon2))?;
        }
        let nobody = hash(&argon2, b"nobody has this password").map_err(io::Error::other)?;
        Ok(Self { queue, nobody })
    }

    /// The hash to keep of a password.
    ///
    /// # Errors
    /// [`PasswordError`]
    pub async fn hash(&self, password: String) -> Result<PasswordHash, PasswordError> {
        self.ask(move |argon2| hash(argon2, password.as_bytes())).await?
    }

    /// Whether `password` is the one that `kept` was made of. With nothing kept it takes as long
    /// and is not.
    ///
    /// # Errors
    /// [`PasswordError`]
    pub async fn verify(
        &self,
        password: String,
        kept: Option<PasswordHash>,
    ) -> Result<bool, PasswordError> {
        let exists = kept.is_some();
        let kept = kept.unwrap_or_else(|| self.nobody.clone());
        let right = self.ask(move |argon2| verify(argon2, password.as_bytes(), &kept)).await?;
        Ok(exists && right)
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |argon2| drop(sender.send(work(argon2))));
        self.queue.try_send(job).map_err(|_| PasswordError::Busy)?;
        receiver.await.map_err(|_| PasswordError::Failed)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, argon2: &Argon2<'static>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if catch_unwind(AssertUnwindSafe(|| job(argon2))).is_err() {
            tracing::error!("a password could not be hashed");
        }
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> Result<PasswordHash, PasswordError> {
    let salt = random_bytes::<16>().map_err(|_| PasswordError::Failed)?;
    let salt = SaltString::encode_b64(&salt).map_err(|_| PasswordError::Failed)?;
    let phc = argon2.hash_password(password, &salt).map_err(|_| PasswordError::Failed)?;
    Ok(PasswordHash(phc.to_string().into()))
}

fn verify(argon2: &Argon2<'_>, password: &[u8], kept: &PasswordHash) -> bool {
    Phc::new(&kept.0).is_ok_and(|phc| argon2.verify_password(password, &phc).is_ok())
}
