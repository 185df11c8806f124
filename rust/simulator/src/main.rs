//! Runs a simulated coordinator on TCP or a pseudo terminal, directed by JSON lines.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value as Json, json};
use simulator::{Firmware, Network, Planned, Pty, Simulator, StickConfig, Timing, plan};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const USAGE: &str = "\
A simulated Zigbee coordinator (Texas Instruments Z-Stack) with simulated devices.

usage: ferrobee-simulator [OPTIONS]

  --tcp ADDRESS       serve on a TCP port (127.0.0.1:0 chooses a free one)
  --pty               serve on a pseudo terminal
  --control ADDRESS   take commands on a TCP port as well as on standard input
  --firmware NAME     cc2652 (default), cc2531, cc2531-3.0
  --timing NAME       instant, quick (default), real
  --nv FILE           keep the stick's memory in a file
  --devices LIST      devices already on the network: MODEL:COUNT,...
  --boxed LIST        devices that join once joining is permitted
  --script FILE       JSON lines to carry out, with after_ms
  --data DIRECTORY    write Zigbee2MQTT's files for the network and the known devices, then go on
  --server URL        the broker for --data (mqtt://127.0.0.1:1883)
  --seed NUMBER       the seed of everything random

Standard input takes one JSON command per line and standard output gives one answer per line; the
first line tells where the stick is served. The process ends with its standard input.";

#[derive(Debug, Default)]
struct Options {
    tcp: Option<SocketAddr>,
    pty: bool,
    control: Option<SocketAddr>,
    config: StickConfig,
    nv: Option<PathBuf>,
    devices: Vec<Planned>,
    boxed: Vec<Planned>,
    script: Option<PathBuf>,
    data: Option<PathBuf>,
    server: Option<String>,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("ferrobee-simulator: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(options)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrobee-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, Failure> {
    let mut options = Options::default();
    let mut boxed = String::new();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--tcp" => options.tcp = Some(value()?.parse()?),
            "--pty" => options.pty = true,
            "--control" => options.control = Some(value()?.parse()?),
            "--firmware" => options.config.firmware = value()?.parse::<Firmware>()?,
            "--timing" => {
                options.config.timing = match value()?.as_str() {
                    "instant" => Timing::INSTANT,
                    "quick" => Timing::QUICK,
                    "real" => Timing::REAL,
                    other => return Err(format!("unknown timing `{other}`").into()),
                }
            }
            "--nv" => options.nv = Some(value()?.into()),
            "--devices" => options.devices = plan(&value()?, 0)?,
            "--boxed" => boxed = value()?,
            "--script" => options.script = Some(value()?.into()),
            "--data" => options.data = Some(value()?.into()),
            "--server" => options.server = Some(value()?),
            "--seed" => options.config.seed = value()?.parse()?,
            other => return Err(format!("unknown option `{other}`").into()),
        }
    }
    let first = u16::try_from(options.devices.len())?;
    options.boxed = plan(&boxed, first)?;
    let known = options.devices.len() + options.boxed.len() + 20;
    options.config.table_size = options.config.table_size.max(u16::try_from(known)?);
    Ok(Some(options))
}

async fn run(options: Options) -> Result<(), Failure> {
    let network = Network::default();
    let fresh = options.nv.as_ref().is_none_or(|path| !path.exists());
    let simulator = match options.nv {
        Some(path) => Simulator::with_image(options.config, path)?,
        None => Simulator::new(options.config)?,
    };
    simulator.with(|stick, _| {
        if fresh && (!options.devices.is_empty() || options.data.is_some()) {
            stick.preform(&network);
        }
        stick.add_fleet(&options.devices);
        stick.add_boxed(&options.boxed);
    });
    let listener = match options.tcp {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let mut ready = serde_json::Map::new();
    ready.insert("ok".to_owned(), true.into());
    let mut port = String::new();
    if let Some(listener) = &listener {
        let address = listener.local_addr()?;
        port = format!("tcp://{address}");
        ready.insert("tcp".to_owned(), address.to_string().into());
    }
    let pty = if options.pty {
        Some(Pty::open()?)
    } else {
        None
    };
    if let Some(pty) = &pty {
        pty.path().clone_into(&mut port);
        ready.insert("pty".to_owned(), pty.path().into());
    }
    if let Some(directory) = &options.data {
        let server = options.server.as_deref().unwrap_or("mqtt://127.0.0.1:1883");
        simulator.with(|stick, _| simulator::write_data(directory, stick, &port, server))?;
    }
    let control = match options.control {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    if let Some(control) = &control {
        ready.insert(
            "control".to_owned(),
            control.local_addr()?.to_string().into(),
        );
    }
    println!("{}", Json::Object(ready));
    if let Some(listener) = listener {
        let simulator = simulator.clone();
        tokio::spawn(async move { simulator.serve_tcp(listener).await });
    }
    if let Some(mut pty) = pty {
        let simulator = simulator.clone();
        tokio::spawn(async move {
            loop {
                simulator.until_plugged().await;
                if let Err(error) = simulator.serve(pty.stream()).await {
                    eprintln!("ferrobee-simulator: {}: {error}", pty.path());
                    break;
                }
            }
        });
    }
    if let Some(control) = control {
        let simulator = simulator.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = control.accept().await {
                let simulator = simulator.clone();
                tokio::spawn(async move {
                    let (reader, writer) = stream.into_split();
                    // A control connection that breaks is the director's affair.
                    let _ = direct(&simulator, BufReader::new(reader), writer).await;
                });
            }
        });
    }
    if let Some(path) = options.script {
        let script = std::fs::read_to_string(&path)?
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(serde_json::from_str)
            .collect::<Result<Vec<_>, _>>()?;
        let simulator = simulator.clone();
        tokio::spawn(async move { simulator.play(&script).await });
    }
    for planned in options.boxed {
        let simulator = simulator.clone();
        tokio::spawn(async move {
            let join = json!({"cmd": "join", "device": planned.ieee.to_string()});
            simulator.play(&[join]).await;
        });
    }
    let input = BufReader::new(tokio::io::stdin());
    direct(&simulator, input, tokio::io::stdout()).await?;
    Ok(())
}

/// Answers one JSON line with another until the input ends.
async fn direct(
    simulator: &Simulator,
    input: impl AsyncBufRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut lines = input.lines();
    while let Some(line) = lines.next_line().await? {
        if line.trim().is_empty() {
            continue;
        }
        let mut answer = simulator.control_line(&line);
        answer.push('\n');
        output.write_all(answer.as_bytes()).await?;
        output.flush().await?;
    }
    Ok(())
}
