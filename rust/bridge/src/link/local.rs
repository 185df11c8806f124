//! Clients of the core in this process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Client, Command, Line, LinkError};
use crate::core::{CoreInput, LocalId, Told};

/// Lets clients in, from any thread, before and while the bridge runs.
#[derive(Debug, Clone)]
pub struct Entrance {
    commands: UnboundedSender<(LocalId, Command)>,
    last_id: Arc<AtomicU64>,
    base: Arc<Base>,
}

/// The far end of all links into the core.
#[derive(Debug)]
pub struct Visitors {
    commands: UnboundedReceiver<(LocalId, Command)>,
    lines: BTreeMap<LocalId, Arc<Line>>,
    base: Arc<Base>,
}

/// The base topic, which is known once the configuration is read.
#[derive(Debug, Default)]
struct Base {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Unknown,
    Known(String),
    /// The bridge has ended.
    Gone,
}

/// A door and what is behind it.
pub fn entrance() -> (Entrance, Visitors) {
    let (sender, commands) = unbounded_channel();
    let base = Arc::<Base>::default();
    let entrance = Entrance {
        commands: sender,
        last_id: Arc::default(),
        base: Arc::clone(&base),
    };
    let visitors = Visitors {
        commands,
        lines: BTreeMap::new(),
        base,
    };
    (entrance, visitors)
}

impl Entrance {
    /// A new client. Waits until the bridge has read its configuration.
    pub fn open(&self) -> Result<Client, LinkError> {
        let base = self.base.wait().ok_or(LinkError::Closed)?;
        let id = LocalId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let line = Arc::<Line>::default();
        let client = Client {
            base,
            id,
            line: Arc::clone(&line),
            commands: self.commands.clone(),
        };
        client.send(Command::Open(line))?;
        Ok(client)
    }
}

impl Base {
    fn set(&self, state: State) {
        *self.state() = state;
        self.changed.notify_all();
    }

    fn wait(&self) -> Option<String> {
        let mut state = self.state();
        loop {
            match &*state {
                State::Unknown => {}
                State::Known(base) => return Some(base.clone()),
                State::Gone => return None,
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitors {
    /// The bridge begins: clients may know its base topic.
    pub(crate) fn begin(&self, base: String) {
        self.base.set(State::Known(base));
    }

    /// What clients want next; `None` at once where nobody can come. Nothing is lost when it is dropped.
    pub(crate) async fn next(visitors: Option<&mut Self>) -> Option<CoreInput> {
        let visitors = visitors?;
        loop {
            let (id, command) = visitors.commands.recv().await?;
            if let Some(input) = visitors.input(id, command) {
                return Some(input);
            }
        }
    }

    /// What they want already.
    pub(crate) fn waiting(&mut self) -> Option<CoreInput> {
        loop {
            let (id, command) = self.commands.try_recv().ok()?;
            if let Some(input) = self.input(id, command) {
                return Some(input);
            }
        }
    }

    /// Gives a client what the core tells it.
    pub(crate) fn give(&self, id: LocalId, message: Told) {
        if let Some(line) = self.lines.get(&id) {
            line.give(message);
        }
    }

    fn input(&mut self, id: LocalId, command: Command) -> Option<CoreInput> {
        Some(match command {
            Command::Open(line) => {
                self.lines.insert(id, line);
                CoreInput::LocalOpened(id)
            }
            Command::Publish(message) => {
                self.lines.get(&id)?.left(&message);
                CoreInput::LocalPublish(message)
            }
            Command::Subscribe(filter) => CoreInput::LocalSubscribe(id, filter),
            // Who is there already is told again.
            Command::Again => CoreInput::LocalOpened(id),
            Command::Close => {
                self.lines.remove(&id);
                CoreInput::LocalClosed(id)
            }
        })
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.base.set(State::Gone);
        // Who came and was not let in yet waits as well.
        while self.waiting().is_some() {}
        self.commands.close();
        while self.waiting().is_some() {}
        for line in self.lines.values() {
            line.inbox.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::core::{Publish, Qos};
    use crate::link::Batch;

    fn open() -> (Client, Visitors) {
        let (entrance, mut visitors) = entrance();
        visitors.begin("z".to_owned());
        let client = entrance.open().unwrap();
        let opened = visitors.waiting();
        assert!(matches!(opened, Some(CoreInput::LocalOpened(LocalId(1)))));
        (client, visitors)
    }

    fn told(length: usize) -> Told {
        Told {
            topic: Arc::from("z/x"),
            payload: Bytes::from(vec![0; length]),
            stored: false,
        }
    }

    #[test]
    fn a_client_that_lost_messages_asks_anew_once_it_has_room() {
        let (client, mut visitors) = open();
        for _ in 0..40 {
            visitors.give(LocalId(1), told(1024 * 1024));
        }
        assert!(visitors.waiting().is_none());
        assert!(matches!(client.take(), Batch::Messages(messages) if messages.len() == 31));
        assert_eq!(client.dropped(), 9);
        let again = visitors.waiting();
        assert!(matches!(again, Some(CoreInput::LocalOpened(LocalId(1)))));
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_what_is_taken_makes_room() {
        let (client, mut visitors) = open();
        let message = || {
            Publish::new(
                Arc::from("z/x"),
                vec![0; 1024 * 1024],
                Qos::AtMostOnce,
                false,
            )
        };
        for _ in 0..20 {
            client.publish(message()).unwrap();
        }
        let mut came = 0;
        while visitors.waiting().is_some() {
            came += 1;
        }
        assert_eq!(came, 7);
        client.publish(message()).unwrap();
        assert!(visitors.waiting().is_some());
    }

    #[test]
    fn the_end_of_the_bridge_is_the_end_for_who_is_there_and_who_comes() {
        let (entrance, visitors) = entrance();
        visitors.begin("z".to_owned());
        let client = entrance.open().unwrap();
        drop(visitors);
        assert_eq!(client.take(), Batch::Ended);
        assert_eq!(client.subscribe("x"), Err(LinkError::Closed));
        assert!(matches!(entrance.open(), Err(LinkError::Closed)));
    }
}
