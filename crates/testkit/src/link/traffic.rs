//! What passes through a link, and what stops it.

use std::future::pending;
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Fault, Orders, Shared, Trigger, When};

/// Accepts connections and forwards them.
#[derive(Clone)]
pub(super) struct Traffic {
    pub(super) server: String,
    pub(super) shared: Arc<Shared>,
    pub(super) orders: watch::Sender<Orders>,
    pub(super) heard: watch::Receiver<Orders>,
}

impl Traffic {
    /// Runs until told to quit.
    pub(super) async fn run(mut self, listener: TcpListener) {
        let address = listener.local_addr().unwrap();
        let mut listener = Some(listener);
        loop {
            let orders = *self.heard.borrow_and_update();
            if orders.quit {
                return;
            }
            if orders.down {
                listener = None;
            } else if listener.is_none() {
                listener = Some(TcpListener::bind(address).await.unwrap());
            }
            self.shared.refusing.store(orders.down, SeqCst);
            tokio::select! {
                _ = self.heard.changed() => {}
                accepted = accept(listener.as_ref()) => {
                    if let Ok((client, _)) = accepted {
                        // As it is now: an order may have come since the loop began to wait.
                        let began = self.heard.borrow().ended;
                        self.shared.live.lock().unwrap().push(began);
                        tokio::spawn(self.clone().connection(client, began));
                    }
                }
            }
        }
    }

    /// Forwards one connection until it ends or is ended.
    async fn connection(self, client: TcpStream, began: u64) {
        if let Ok(server) = TcpStream::connect(&self.server).await {
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let lost_answer = Mutex::new(None);
            let how = tokio::select! {
                how = self.forward_up(&client, &server, &lost_answer) => how,
                how = self.forward_down(&server, &client, &lost_answer) => how,
                how = self.ended(began) => how,
            };
            if how == Fault::Reset {
                let _ = (client.set_zero_linger(), server.set_zero_linger());
            }
        }
        drop(client);
        let mut live = self.shared.live.lock().unwrap();
        let ours = live.iter().position(|other| *other == began);
        ours.map(|index| live.swap_remove(index));
    }

    /// Forwards what the client says, and looks for the armed bytes.
    async fn forward_up(&self, client: &TcpStream, server: &TcpStream, lost_answer: &Mutex<Option<Fault>>) -> Fault {
        let mut before = Vec::new();
        while let Ok(chunk) = read(client).await {
            let armed = self.take_trigger(&before, &chunk);
            if let Some(Trigger { fault: Fault::Stall, .. }) = armed {
                self.orders.send_modify(|orders| orders.stalled = true);
            }
            match armed {
                Some(Trigger { when: When::BeforeServer, fault, .. }) => {
                    self.shared.fired.store(true, SeqCst);
                    if fault != Fault::Stall {
                        return fault;
                    }
                    self.healed().await;
                }
                // Though the link may be stalled by now: what is to be answered must arrive.
                Some(Trigger { when: When::AfterServer, fault, .. }) => *lost_answer.lock().unwrap() = Some(fault),
                None => self.healed().await,
            }
            if chunk.is_empty() || write(server, &chunk).await.is_err() {
                return Fault::Cut;
            }
            before = chunk;
        }
        self.healed().await;
        Fault::Reset
    }

    /// Forwards what the server answers, unless that answer is to be lost.
    async fn forward_down(&self, server: &TcpStream, client: &TcpStream, lost_answer: &Mutex<Option<Fault>>) -> Fault {
        while let Ok(chunk) = read(server).await {
            let lost = lost_answer.lock().unwrap().take();
            if let Some(fault) = lost {
                self.shared.fired.store(true, SeqCst);
                if fault != Fault::Stall {
                    return fault;
                }
            }
            self.healed().await;
            if chunk.is_empty() || write(client, &chunk).await.is_err() {
                return Fault::Cut;
            }
        }
        self.healed().await;
        Fault::Reset
    }

    /// Takes the trigger if its bytes end in this chunk; they may have begun in the one before.
    fn take_trigger(&self, before: &[u8], chunk: &[u8]) -> Option<Trigger> {
        let mut armed = self.shared.trigger.lock().unwrap();
        let trigger = armed.as_mut()?;
        if !trigger.since.is_empty() {
            if passes(before, chunk, &trigger.since) {
                trigger.since.clear();
            }
            return None;
        }
        if passes(before, chunk, &trigger.pattern) { armed.take() } else { None }
    }

    /// Waits while the link is stalled.
    async fn healed(&self) {
        let _ = self.heard.clone().wait_for(|orders| !orders.stalled).await;
    }

    /// Waits until the test ends every connection that began before it said so.
    async fn ended(&self, began: u64) -> Fault {
        match self.heard.clone().wait_for(|orders| orders.ended > began).await {
            Ok(orders) => orders.how,
            Err(_) => Fault::Cut,
        }
    }
}

/// Tells whether these bytes end in this chunk; they may have begun in the one before.
fn passes(before: &[u8], chunk: &[u8], bytes: &[u8]) -> bool {
    let kept = before.len().saturating_sub(bytes.len() - 1);
    [&before[kept..], chunk].concat().windows(bytes.len()).any(|window| window == bytes)
}

async fn accept(listener: Option<&TcpListener>) -> Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

/// Reads what there is; nothing at the end of the stream. By reference, since a fault needs the whole stream.
async fn read(stream: &TcpStream) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Ok(count) => {
                buffer.truncate(count);
                return Ok(buffer);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
