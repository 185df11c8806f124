//! Runs the bridge on a data directory, without the Python package around it: for profiling.
//!
//! `cargo run --release -p ferrobee-bridge --example run -- DIRECTORY`

use std::error::Error;

use adapters::transport::PortSettings;
use bridge::data::DataDirectory;
use bridge::runtime::{RunOptions, run};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: run DIRECTORY")?;
    let loaded = DataDirectory::open(path)?;
    let port = loaded.settings.serial().port.clone();
    let connector = PortSettings::new(port.ok_or("serial.port is not set")?).connector()?;
    let session = Box::new(|config| -> Box<dyn adapters::Session> {
        Box::new(adapters::znp::ZnpSession::new(config))
    });
    let exit = run(RunOptions::new(loaded, session), connector, async {
        // An interrupt; without a handler the process would end at once.
        let _ = tokio::signal::ctrl_c().await;
    })?;
    println!("{exit:?}");
    Ok(())
}
