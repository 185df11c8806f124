//! Connected web clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::{self, Receiver};

use crate::core::{Audience, SocketId};
use crate::web::{Event, Options, Outlet, Server};

/// What clients say that may wait for the core.
const QUEUE: usize = 256;

/// The web server, and where its clients get their frames.
#[derive(Debug)]
pub(super) struct Clients {
    events: Receiver<Event>,
    outlets: BTreeMap<SocketId, Arc<Outlet>>,
    /// Serves until it is dropped.
    _server: Server,
}

impl Clients {
    pub(super) fn start(options: Options) -> Self {
        let (sender, events) = mpsc::channel(QUEUE);
        Self {
            events,
            outlets: BTreeMap::new(),
            _server: Server::start(options, sender),
        }
    }

    /// What the server tells next; `None` at once without a server.
    pub(super) async fn next(clients: Option<&mut Self>) -> Option<Event> {
        clients?.events.recv().await
    }

    /// What it has told already.
    pub(super) fn waiting(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    pub(super) fn add(&mut self, id: SocketId, outlet: Arc<Outlet>) {
        self.outlets.insert(id, outlet);
    }

    pub(super) fn remove(&mut self, id: SocketId) {
        self.outlets.remove(&id);
    }

    /// Gives a frame to those it is for; returns those who were too slow for it. They are gone.
    pub(super) fn give(&mut self, audience: Audience, frame: &Bytes) -> Vec<(SocketId, String)> {
        let mut slow = Vec::new();
        let mut push = |id: SocketId, outlet: &Arc<Outlet>| {
            if !outlet.push(frame.clone()) {
                slow.push((id, outlet.peer().to_owned()));
            }
        };
        match audience {
            Audience::All => self
                .outlets
                .iter()
                .for_each(|(id, outlet)| push(*id, outlet)),
            Audience::One(id) => {
                if let Some(outlet) = self.outlets.get(&id) {
                    push(id, outlet);
                }
            }
        }
        for (id, _) in &slow {
            self.outlets.remove(id);
        }
        slow
    }

    /// Waits until all clients have what was given to them.
    pub(super) async fn end(mut self) {
        for outlet in self.outlets.values() {
            outlet.end();
        }
        while !self.outlets.is_empty() {
            match self.events.recv().await {
                Some(Event::Closed(id)) => self.remove(id),
                Some(_) => {}
                None => return,
            }
        }
    }
}
