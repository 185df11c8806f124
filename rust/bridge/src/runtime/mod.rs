//! The runtime: the only place where the core meets the world.
//!
//! One thread, one task: the link to the coordinator, the core and the MQTT client take turns. All
//! bytes that arrived are handled before anything is written, and what they lead to goes out in one
//! write on each side. Files are written by a thread of their own ([`files`]).

mod archive;
mod clients;
mod clock;
mod fetch;
mod files;
mod helper;
mod ledger;
mod link;
mod log;
mod not_yet;
mod syslog;
mod systemd;
mod workers;
mod world;

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use adapters::transport::Connector;
use adapters::{Failure, Session, SessionConfig};
use hub::Now;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::core::{Core, CoreConfig, CoreInput, External, Kind, Publish, Qos};
use crate::data::{DataError, Loaded};
use crate::journal::{JournalOptions, Recorder};
use crate::link::Visitors;
use crate::mqtt::{self, Options, OptionsError, Outbox};
use crate::web;

pub use helper::{Helper, HelperPort};
pub use ledger::{Ledger, LedgerError, LedgerPort};
pub use log::LogTargets;
pub use workers::{CALL_LIMIT, WaitingWorkers, WorkerEvent, WorkerEvents, Workers};

use clients::Clients;
use clock::Clock;
use files::Files;
use log::Log;
use not_yet::not_yet;
use world::World;

/// Messages from the broker that may wait for the core.
const MQTT_QUEUE: usize = 1024;
/// How long the broker may take to get our goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);

/// Makes the driver of a coordinator for a new link.
pub type SessionFactory = Box<dyn FnMut(SessionConfig) -> Box<dyn Session> + Send>;

/// What to run.
pub struct RunOptions {
    /// The data directory as it was read.
    pub loaded: Loaded,
    /// Known models.
    pub catalogue: Arc<devices::Catalogue>,
    /// The driver of the coordinator.
    pub session: SessionFactory,
    /// Where log lines go besides `bridge/logging`.
    pub log: LogTargets,
    /// Feeds every choice that would otherwise be random; drawn when there is none.
    pub seed: Option<u64>,
    /// The other end of a [`Ledger`]: whoever runs automations on this bridge.
    pub ledger: Option<LedgerPort>,
    /// Clients in this process, where there may be any.
    pub visitors: Option<Visitors>,
    /// The converters at the start ([`CoreInput::Converters`]).
    pub converters: Option<String>,
    /// Tells the whole set of converters again whenever it is another one.
    pub converter_sets: Option<UnboundedReceiver<String>>,
    /// The other end of a [`Helper`]: whoever answers questions to Python.
    pub helper: Option<HelperPort>,
}

impl RunOptions {
    /// The models that are built in, and the log where the configuration wants it.
    pub fn new(loaded: Loaded, session: SessionFactory) -> Self {
        Self {
            loaded,
            catalogue: devices::Catalogue::builtin(),
            session,
            log: LogTargets::default(),
            seed: None,
            ledger: None,
            visitors: None,
            converters: None,
            converter_sets: None,
            helper: None,
        }
    }
}

/// Why a run ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was told to stop.
    Stopped,
    /// `bridge/request/restart`: open the data directory again and run again.
    Restart,
}

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration does not say where the broker is.
    #[error(transparent)]
    Mqtt(#[from] OptionsError),
    /// The data directory can not be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The coordinator is not what the configuration says; only the owner can decide.
    #[error("{0}")]
    Coordinator(Failure),
    /// The operating system refused something that nothing works without.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// Runs the bridge until `shutdown` completes, somebody asks for a restart, or it cannot go on.
/// Blocks the thread; needs no runtime around it.
pub fn run(
    options: RunOptions,
    mut connector: Box<dyn Connector>,
    shutdown: impl Future<Output = ()>,
) -> Result<Exit, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run_async(options, connector.as_mut(), shutdown))
}

async fn run_async(
    options: RunOptions,
    connector: &mut dyn Connector,
    shutdown: impl Future<Output = ()>,
) -> Result<Exit, RunError> {
    let RunOptions {
        loaded,
        catalogue,
        session,
        log,
        seed,
        ledger,
        visitors,
        converters,
        converter_sets,
        helper,
    } = options;
    let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(not_yet(&loaded.settings));
    let clock = Clock::new();
    let seed = match seed {
        Some(seed) => seed,
        None => random()?,
    };
    let mqtt_options = Options::new(
        loaded.settings.mqtt(),
        Some(will(&loaded)),
        format!("ferrobee_{:08x}", random()? & 0xffff_ffff),
    )?;
    let log = Log::start(&loaded, log, &mut warnings)?;
    let may_form = loaded.is_new;
    let data = loaded.directory.path().to_owned();
    let (web, web_lines) = web::Options::new(loaded.settings.frontend(), &data);
    let external = External {
        converters: loaded.directory.scripts(Kind::Converter.folder()),
        extensions: loaded.directory.scripts(Kind::Extension.folder()),
    };
    let (files, results) = Files::start(loaded.directory);
    let config = CoreConfig {
        settings: loaded.settings,
        registry: loaded.registry,
        catalogue,
        seed,
        host: clock::host(),
        utc_offset_minutes: clock.utc_offset_minutes(),
        has_backup: loaded.backup.is_some(),
    };
    let now = clock.now();
    let journal = journal(&data, &config, now, &mut warnings)?;
    let core = Core::new(config, now);
    if let Some(visitors) = &visitors {
        visitors.begin(core.settings().mqtt().base_topic.clone());
    }
    let outbox = Rc::new(Outbox::default());
    let (sender, events) = mpsc::channel(MQTT_QUEUE);
    let mut world = World::new(clock, core, Rc::clone(&outbox), events, files, results, log);
    world.clients = web.map(Clients::start);
    world.visitors = visitors;
    world.backup = loaded.backup;
    world.ledger = ledger;
    world.journal = journal;
    world.converter_sets = converter_sets;
    world.helper = helper;
    if let Some(converters) = converters {
        world.input(CoreInput::Converters(converters));
    }
    world.input(CoreInput::External(external));
    for warning in warnings {
        world.warn("z2m", warning);
    }
    if may_form {
        let text = format!(
            "{} knows no network yet: one is formed as soon as the coordinator is there, and devices \
             can join after bridge/request/permit_join",
            data.display()
        );
        world.info("z2m", text);
    }
    for (level, line) in web_lines {
        world.say(level, "z2m", line);
    }
    let mut mqtt = pin!(mqtt::run(mqtt_options, outbox, sender));
    let result = {
        let shutdown = pin!(shutdown);
        let link = link::Links {
            connector,
            session,
            may_form,
        };
        let mut work = pin!(link.run(&mut world, shutdown));
        tokio::select! {
            biased;
            result = &mut work => result,
            // The client only ends when told to, by the work above.
            () = &mut mqtt => work.await,
            never = systemd::keep_alive() => match never {},
        }
    };
    systemd::stopping();
    world.close_events();
    // A broker or a browser that does not answer must not keep us.
    let web = timeout(GOODBYE_LIMIT, world.end_web());
    let _ = tokio::join!(timeout(GOODBYE_LIMIT, mqtt), web);
    world.finish();
    result
}

/// The journal of this run, where it is wanted and can be written.
fn journal(
    data: &Path,
    config: &CoreConfig,
    now: Now,
    warnings: &mut Vec<String>,
) -> std::io::Result<Option<Recorder>> {
    let (options, problems) = JournalOptions::new(&config.settings);
    warnings.extend(problems);
    if !options.enabled {
        return Ok(None);
    }
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(std::io::Error::other)?;
    match Recorder::start(data, options.limit, &salt, config, now) {
        Ok(recorder) => Ok(Some(recorder)),
        Err(error) => {
            warnings.push(format!("No journal is written: {error}"));
            Ok(None)
        }
    }
}

fn will(loaded: &Loaded) -> Publish {
    let mqtt = loaded.settings.mqtt();
    Publish {
        topic: Arc::from(format!("{}/bridge/state", mqtt.base_topic)),
        payload: crate::json::render(&json!({"state": "offline"})),
        qos: Qos::AtLeastOnce,
        retain: !mqtt.force_disable_retain,
        expiry: None,
        common: None,
    }
}

fn random() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(u64::from_le_bytes(bytes))
}
