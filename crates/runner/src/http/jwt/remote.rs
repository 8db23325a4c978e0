//! Keys from an address: fetched when needed, kept while the issuer cannot be asked, never for longer than an hour.

use std::error::Error as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Url, redirect};
use rustls::{ClientConfig, RootCertStore};
use synapsor_core::code::Code;
use synapsor_core::contract::http::Algorithm;
use synapsor_core::redact;
use synapsor_core::refusal::Refusal;
use tokio::sync::OwnedMutexGuard;

use super::keys::{self, KeySet};
use crate::clock::Moment;
use crate::outgoing;

/// How long fetching may take, from the look-up of the name to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// From this age on, keys are fetched again.
pub(super) const FRESH: Duration = Duration::from_mins(10);
/// Until this age, keys are used if fetching fails.
pub(super) const VALID: Duration = Duration::from_hours(1);
/// So long after an attempt, neither an unknown key nor age makes another while there are keys.
pub(super) const QUIET: Duration = Duration::from_secs(30);
/// So long after a failed attempt none is made, even if there are no keys at all.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// The keys of an address.
pub(super) struct Remote {
    client: Client,
    url: Url,
    algorithms: Vec<Algorithm>,
    known: Mutex<Known>,
    /// Whoever holds it fetches.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What past attempts have brought.
#[derive(Clone, Default)]
struct Known {
    /// The keys and when they were asked for.
    keys: Option<(Arc<KeySet>, Moment)>,
    /// How many attempts have ended.
    attempts: u64,
    /// When the last one was made, and whether it failed.
    last: Option<(Moment, bool)>,
}

impl Known {
    /// The keys, unless they are too old to be used at all.
    fn usable(&self, now: Moment) -> Option<Arc<KeySet>> {
        self.keys.as_ref().filter(|(_, asked)| now.since(*asked) < VALID).map(|(keys, _)| Arc::clone(keys))
    }

    fn is_fresh(&self, now: Moment) -> bool {
        self.keys.as_ref().is_some_and(|(_, asked)| now.since(*asked) < FRESH)
    }

    fn tried_within(&self, span: Duration, now: Moment) -> bool {
        self.last.is_some_and(|(tried, _)| now.since(tried) < span)
    }

    fn failed_last(&self) -> bool {
        self.last.is_some_and(|(_, failed)| failed)
    }
}

/// Why keys could not be fetched; for the log.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer is larger than 256 KiB")]
    TooLarge,
    #[error("the answer {0}")]
    Bad(keys::BadKeys),
}

impl Remote {
    /// The keys at an address, which is not asked yet.
    pub fn new(url: &str, algorithms: &[Algorithm]) -> Result<Self, Refusal> {
        Self::with(url, algorithms, TIMEOUT, outgoing::system_roots)
    }

    /// As [`Remote::new`], with a time for fetching and with authorities for `https`.
    pub(super) fn with(
        url: &str,
        algorithms: &[Algorithm],
        timeout: Duration,
        roots: impl FnOnce() -> RootCertStore,
    ) -> Result<Self, Refusal> {
        let url = Url::parse(url).map_err(|_| refuse("is not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("holds a user name or password"));
        }
        // A proxy or another host could answer a cleartext request with keys of its own, so it stays on this machine.
        let client = match url.scheme() {
            "https" => Client::builder().https_only(true).tls_backend_preconfigured(tls(some(roots())?)?),
            // Nothing is encrypted here, but a client without TLS of its own cannot be made.
            "http" if is_loopback(&url) => {
                to_loopback(Client::builder().tls_backend_preconfigured(tls(RootCertStore::empty())?))
            }
            _ => return Err(refuse("is neither `https` nor `http` on loopback")),
        };
        let client = client
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .timeout(timeout)
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|_| refuse("cannot be used"))?;
        let (known, turn) = (Mutex::default(), Arc::default());
        Ok(Self { client, url, algorithms: algorithms.to_vec(), known, turn })
    }

    /// The keys to use now; `None` if there are none.
    pub async fn keys(self: &Arc<Self>, now: Moment) -> Option<Arc<KeySet>> {
        let known = self.known().clone();
        match known.usable(now) {
            Some(keys) if known.is_fresh(now) || known.tried_within(QUIET, now) => Some(keys),
            Some(keys) => {
                // The old ones are good enough for whoever comes while another fetches.
                let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else { return Some(keys) };
                self.attempt(turn, known.attempts, now).await;
                self.known().usable(now)
            }
            None if known.failed_last() && known.tried_within(PAUSE, now) => None,
            None => {
                let turn = Arc::clone(&self.turn).lock_owned().await;
                self.attempt(turn, known.attempts, now).await;
                self.known().usable(now)
            }
        }
    }

    /// The keys to look once more for one that was not in `old`; `None` if that cannot be told now.
    pub async fn keys_after_unknown(self: &Arc<Self>, old: &Arc<KeySet>, now: Moment) -> Option<Arc<KeySet>> {
        let known = self.known().clone();
        let has_newer = known.usable(now).is_some_and(|keys| !Arc::ptr_eq(&keys, old));
        if !has_newer && !known.tried_within(QUIET, now) {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            self.attempt(turn, known.attempts, now).await;
        }
        let known = self.known().clone();
        known.usable(now).filter(|_| !known.failed_last())
    }

    /// Fetches once, unless an attempt has ended since `attempts` were counted.
    async fn attempt(self: &Arc<Self>, turn: OwnedMutexGuard<()>, attempts: u64, now: Moment) {
        if self.known().attempts != attempts {
            return;
        }
        let remote = Arc::clone(self);
        // A task of its own: whoever asked may hang up, and the others still want the keys.
        let task = tokio::spawn(async move {
            let fetched = remote.fetch().await;
            let mut known = remote.known();
            known.attempts = known.attempts.wrapping_add(1);
            known.last = Some((now, fetched.is_err()));
            match fetched {
                Ok(keys) => known.keys = Some((Arc::new(keys), now)),
                Err(failed) => {
                    let cause = failed.source().map(|cause| innermost(cause).to_string());
                    let cause = redact::mask_text(cause.as_deref().unwrap_or_default()).into_owned();
                    tracing::warn!(cause, "the keys of `http.jwt.jwks_url` could not be fetched: {failed}");
                }
            }
            drop(known);
            drop(turn);
        });
        // It ends early only when the whole program does; then there are no keys, or the old ones.
        let _ = task.await;
    }

    async fn fetch(&self) -> Result<KeySet, Failed> {
        let request = self.client.get(self.url.clone()).header("accept", "application/jwk-set+json, application/json");
        let mut answer = request.send().await.map_err(reqwest::Error::without_url)?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(Failed::Status(answer.status().as_u16()));
        }
        let mut text = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if text.len() + part.len() > keys::LONGEST {
                return Err(Failed::TooLarge);
            }
            text.extend_from_slice(&part);
        }
        KeySet::read(&text, &self.algorithms).map_err(Failed::Bad)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refuse(what: &str) -> Refusal {
    Refusal::new(Code::ConfigInvalid, format!("`http.jwt.jwks_url` {what}")).with_fix(
        "Give the `https` address of the issuer's JSON Web Key Set, or save the set and name it in `jwks_file`.",
    )
}

/// The last of a chain of causes: the others say that a request failed.
fn innermost<'a>(mut error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    while let Some(cause) = error.source() {
        error = cause;
    }
    error
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

/// Has `localhost` mean this machine, whatever a name server says.
fn to_loopback(builder: ClientBuilder) -> ClientBuilder {
    let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    builder.resolve_to_addrs("localhost", &here.map(|address| SocketAddr::new(address, 0)))
}

fn some(roots: RootCertStore) -> Result<RootCertStore, Refusal> {
    if roots.is_empty() {
        return Err(refuse(
            "cannot be used: this system has no certificate authority to check the issuer's server with",
        ));
    }
    Ok(roots)
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, Refusal> {
    outgoing::tls(roots).map_err(|_| refuse("cannot be used"))
}
