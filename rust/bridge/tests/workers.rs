//! Programs that run functions: what a bad one costs, and that none is left behind.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bridge::core::Worker;
use bridge::runtime::{WorkerEvent, Workers};
use devices::{FunctionCall, FunctionError, JsonMap, Origin, OriginKind, Purpose};
use hub::{CallId, ConverterCall};
use serde_json::{Value as Json, json};
use zigbee::IeeeAddress;

/// A program that does what the function's name says.
const PROGRAM: &str = r#"
import json, os, sys, time
print("hello from", os.getpid(), file=sys.stderr, flush=True)
for line in sys.stdin:
    call = json.loads(line)
    told = {"id": call["id"], "values": {"pid": os.getpid(), "value": call.get("value")}}
    match call["function"]:
        case "loop":
            while True: pass
        case "sleep":
            time.sleep(60)
        case "exit":
            os._exit(3)
        case "raise":
            told = {"id": call["id"], "error": {"type": "ValueError", "text": "no", "file": "f.py", "line": 3}}
        case "memory":
            told = {"id": call["id"], "error": {"type": "MemoryError", "text": "much"}}
        case "long":
            told["values"]["x"] = "x" * 1_000_000
        case "garbage":
            print("garbage", flush=True); continue
        case "other":
            told["id"] += 1
        case "print":
            for n in range(100): print("y" * 5000, file=sys.stderr)
            sys.stderr.flush()
    print(json.dumps(told), flush=True)
"#;

struct Bench {
    workers: Workers,
    events: Receiver<WorkerEvent>,
    log: Vec<String>,
    next: u64,
    folder: tempfile::TempDir,
}

fn origin(version: &str) -> Arc<Origin> {
    Arc::new(Origin {
        kind: OriginKind::User,
        name: "mine.py".to_owned(),
        file: Some("mine.py".to_owned()),
        version: Some(version.to_owned()),
    })
}

fn worker(version: &str, path: &Path) -> Worker {
    let path = path.to_str().unwrap().to_owned();
    Worker {
        origin: origin(version),
        command: vec!["python3".to_owned(), path, version.to_owned()],
    }
}

impl Bench {
    fn new(limit: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program.py");
        std::fs::File::create(&path)
            .unwrap()
            .write_all(PROGRAM.as_bytes())
            .unwrap();
        let (sender, events) = mpsc::channel();
        let sender = Mutex::new(sender);
        let mut workers = Workers::new(
            limit,
            Arc::new(move |event| {
                let _ = sender.lock().unwrap().send(event);
            }),
        );
        workers.set(vec![worker("1", &path)]);
        Self {
            workers,
            events,
            log: Vec::new(),
            next: 0,
            folder,
        }
    }

    fn ask(&mut self, function: &str) -> CallId {
        self.next += 1;
        let id = CallId(self.next);
        self.workers.call(
            id,
            ConverterCall {
                device: IeeeAddress(1),
                origin: origin("1"),
                definition: "M".to_owned(),
                call: FunctionCall {
                    purpose: Purpose::ToZigbee,
                    function: function.to_owned(),
                    endpoint: 1,
                    message: Json::Null,
                    key: Some("k".to_owned()),
                    value: Some(self.next.into()),
                },
                state: JsonMap::new(),
                options: Arc::default(),
            },
        );
        id
    }

    fn hear(&mut self) -> (CallId, Result<Json, FunctionError>) {
        loop {
            match self.events.recv_timeout(Duration::from_secs(60)).unwrap() {
                WorkerEvent::Reply(id, result) => return (id, result),
                WorkerEvent::Log(_, text) => self.log.push(text),
            }
        }
    }

    fn call(&mut self, function: &str) -> Result<Json, FunctionError> {
        let id = self.ask(function);
        let (answered, result) = self.hear();
        assert_eq!(answered, id);
        result
    }

    fn pid(&mut self) -> u64 {
        self.call("good").unwrap()["values"]["pid"]
            .as_u64()
            .unwrap()
    }
}

/// True while a process is there and no zombie.
fn lives(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z"))
}

fn ends(pid: u64) -> bool {
    let begun = Instant::now();
    while lives(pid) {
        if begun.elapsed() > Duration::from_secs(20) {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[test]
fn calls_are_answered_in_order_by_one_program() {
    let mut bench = Bench::new(Duration::from_secs(20));
    let asked: Vec<_> = (0..20).map(|_| bench.ask("good")).collect();
    let answers: Vec<_> = (0..20).map(|_| bench.hear()).collect();
    let ids: Vec<_> = answers.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, asked);
    let first = answers[0].1.as_ref().unwrap()["values"]["pid"].clone();
    for (id, answer) in &answers {
        let values = &answer.as_ref().unwrap()["values"];
        assert_eq!(*values, json!({"pid": first, "value": id.0}));
    }
    assert!(
        bench.log[0].starts_with("Converter mine.py: hello from"),
        "{:?}",
        bench.log
    );
}

#[test]
fn what_a_function_raises_is_told_and_the_program_goes_on() {
    let mut bench = Bench::new(Duration::from_secs(20));
    let pid = bench.pid();
    let error = bench.call("raise").unwrap_err();
    assert_eq!(error.to_string(), "f.py:3: ValueError: no");
    assert_eq!(bench.pid(), pid);
}

#[test]
fn a_program_that_does_not_answer_is_killed_and_started_again() {
    let mut bench = Bench::new(Duration::from_millis(300));
    for function in ["loop", "sleep"] {
        let pid = bench.pid();
        // Whoever comes after is answered.
        let endless = bench.ask(function);
        let next = bench.ask("good");
        let (id, result) = bench.hear();
        let error = result.unwrap_err();
        assert_eq!((id, error.kind.as_str()), (endless, "timeout"));
        let text = format!("{function} did not end within 0.3 s");
        assert_eq!(error.reason, text);
        assert!(!lives(pid));
        let (id, result) = bench.hear();
        assert_eq!(id, next);
        assert_ne!(result.unwrap()["values"]["pid"], pid);
    }
}

#[test]
fn a_program_that_ends_or_talks_nonsense_is_started_again() {
    let mut bench = Bench::new(Duration::from_secs(20));
    for (function, kind, text) in [
        ("exit", "crash", "the program ended in exit: exit status: 3"),
        ("long", "nonsense", "the answer is too long"),
        (
            "garbage",
            "nonsense",
            "the answer is no JSON: expected value at line 1 column 1",
        ),
        ("other", "nonsense", "the answer is to another call"),
        ("memory", "MemoryError", "much"),
    ] {
        let pid = bench.pid();
        let error = bench.call(function).unwrap_err();
        assert_eq!((error.kind.as_str(), error.reason.as_str()), (kind, text));
        assert!(ends(pid), "{function}");
    }
    bench.pid();
}

#[test]
fn a_program_that_cannot_be_started_is_tried_again_after_a_pause() {
    let mut bench = Bench::new(Duration::from_secs(20));
    bench.workers.set(vec![Worker {
        origin: origin("1"),
        command: vec!["/does/not/exist".to_owned()],
    }]);
    let error = bench.call("good").unwrap_err();
    assert!(
        error.reason.starts_with("/does/not/exist can't be started"),
        "{error}"
    );
    let error = bench.call("good").unwrap_err();
    assert!(error.reason.contains("tried again in 0."), "{error}");
    bench.workers.set(Vec::new());
    let error = bench.call("good").unwrap_err();
    assert_eq!(error.reason, "no program runs this converter");
}

#[test]
fn what_is_printed_is_bounded() {
    let mut bench = Bench::new(Duration::from_secs(20));
    bench.call("print").unwrap();
    bench.workers.finish();
    while let Ok(WorkerEvent::Log(_, text)) = bench.events.recv_timeout(Duration::from_secs(1)) {
        bench.log.push(text);
    }
    assert!(bench.log.len() <= 20, "{}", bench.log.len());
    assert!(bench.log.iter().all(|line| line.len() < 1200));
}

#[test]
fn another_version_is_another_program_and_the_old_one_answers_what_it_was_asked() {
    let mut bench = Bench::new(Duration::from_secs(20));
    let pid = bench.pid();
    let asked = bench.ask("good");
    let path = bench.folder.path().join("program.py");
    bench.workers.set(vec![worker("2", &path)]);
    let (id, result) = bench.hear();
    assert_eq!(
        (id, &result.unwrap()["values"]["pid"]),
        (asked, &json!(pid))
    );
    let new = bench.pid();
    assert_ne!(new, pid);
    assert!(ends(pid));
    bench.workers.set(vec![worker("2", &path)]);
    assert_eq!(bench.pid(), new, "the same again changes nothing");
}

#[test]
fn nothing_is_left_at_the_end_whatever_a_program_does() {
    let mut bench = Bench::new(Duration::from_secs(60));
    let pid = bench.pid();
    bench.ask("loop");
    let begun = Instant::now();
    bench.workers.finish();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!lives(pid));
}
