//! A TCP proxy that fails on command, for tests of what happens when a connection does.
//!
//! It runs on a thread of its own, so that a test that blocks does not stop it. It reads what passes, so a link to be
//! armed needs a connection without TLS.

mod traffic;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use traffic::Traffic;

/// Says how a connection fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Both sides are closed in an orderly way.
    Cut,
    /// Both sides get a reset.
    Reset,
    /// Nothing is forwarded any more, on any connection, and nobody is told; `heal` delivers what was held back.
    Stall,
}

/// Says when an armed fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The bytes never reach the server (or, with `Stall`, not before `heal`).
    BeforeServer,
    /// The server has got the bytes and has answered them; the answer is lost (or, with `Stall`, held back).
    AfterServer,
}

/// Is a proxy in front of one server; dropping it closes everything.
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    orders: watch::Sender<Orders>,
    thread: Option<JoinHandle<()>>,
}

/// Holds what the test has asked for.
#[derive(Clone, Copy)]
struct Orders {
    stalled: bool,
    down: bool,
    quit: bool,
    /// Counts the faults that end every connection; a connection ends when it changes.
    ended: u64,
    how: Fault,
}

/// Holds what connections and the test both touch.
#[derive(Default)]
struct Shared {
    trigger: Mutex<Option<Trigger>>,
    fired: AtomicBool,
    refusing: AtomicBool,
    /// For each connection, the count of faults when it began.
    live: Mutex<Vec<u64>>,
}

#[derive(Clone)]
struct Trigger {
    /// What must have passed before the pattern counts; empty if nothing must.
    since: Vec<u8>,
    pattern: Vec<u8>,
    when: When,
    fault: Fault,
}

impl Link {
    /// Starts a proxy on a free port in front of `host:port`.
    pub fn to(server: &str) -> Link {
        let server = server.to_owned();
        let shared = Arc::new(Shared::default());
        let first = Orders { stalled: false, down: false, quit: false, ended: 0, how: Fault::Cut };
        let (orders, heard) = watch::channel(first);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let traffic = Traffic { server, shared: Arc::clone(&shared), orders: orders.clone(), heard };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { traffic.run(listener.try_into().unwrap()).await });
        });
        Link { address, shared, orders, thread: Some(thread) }
    }

    /// Returns the port to connect to, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the same URL, but through this link. Panics if the URL's server is not on 127.0.0.1.
    pub fn through(&self, url: &str) -> String {
        let host = "@127.0.0.1:";
        let (before, after) = url.split_once(host).unwrap();
        let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{before}{host}{}{rest}", self.port())
    }

    /// Makes every present connection fail; it has happened when this returns. After `Stall`, later connections are
    /// accepted and hear nothing either.
    pub fn fail(&self, fault: Fault) {
        match fault {
            Fault::Stall => self.order(|orders| orders.stalled = true),
            Fault::Cut | Fault::Reset => self.end_all(fault),
        }
    }

    /// Ends a stall: everything held back is delivered.
    pub fn heal(&self) {
        self.order(|orders| orders.stalled = false);
    }

    /// Cuts every connection and refuses new ones, as a server that is down.
    pub fn down(&self) {
        self.order(|orders| orders.down = true);
        self.wait("refuse connections", || self.shared.refusing.load(SeqCst));
        self.end_all(Fault::Cut);
    }

    /// Accepts connections again, on the same port.
    pub fn up(&self) {
        self.order(|orders| orders.down = false);
        self.wait("accept connections", || !self.shared.refusing.load(SeqCst));
    }

    /// Makes the next connection on which the client sends these bytes fail, once. A cut or reset ends that connection
    /// only; a stall holds all of them.
    pub fn arm(&self, pattern: impl Into<Vec<u8>>, when: When, fault: Fault) {
        self.arm_since("", pattern, when, fault);
    }

    /// As `arm`, but the pattern counts only once a client has sent other bytes: `COMMIT` of the transaction that began
    /// with an `INSERT`, not of a read before it.
    pub fn arm_since(&self, since: &str, pattern: impl Into<Vec<u8>>, when: When, fault: Fault) {
        self.shared.fired.store(false, SeqCst);
        let trigger = Trigger { since: since.into(), pattern: pattern.into(), when, fault };
        *self.shared.trigger.lock().unwrap() = Some(trigger);
    }

    /// Waits until the armed fault has happened; panics if it has not within ten seconds.
    #[track_caller]
    pub fn wait_fired(&self) {
        self.wait("fire", || self.shared.fired.load(SeqCst));
    }

    fn end_all(&self, how: Fault) {
        let mut ended = 0;
        self.order(|orders| {
            orders.ended += 1;
            orders.how = how;
            ended = orders.ended;
        });
        self.wait("end its connections", || self.shared.live.lock().unwrap().iter().all(|began| *began >= ended));
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders.send_modify(change);
    }

    #[track_caller]
    fn wait(&self, what: &str, done: impl Fn() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < Duration::from_secs(10), "the link did not {what}");
            sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.order(|orders| orders.quit = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
