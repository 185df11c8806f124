"""Runs every test, Rust and Python: what the README's command calls.

Arguments go to pytest.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Gives 0 if everything passed."""
    if shutil.which("cargo") is None:
        print("cargo is missing: install Rust (https://rustup.rs), then try again")
        return 1
    if shutil.which("mosquitto") is None:
        print("mosquitto is not installed: the embedded broker takes its place")
        print("(Debian: apt-get install mosquitto)")
    cargo = ["cargo", "test", "--locked", "--workspace", "--quiet"]
    steps = {
        "Rust": [*cargo, "--", "--skip", "cases_of_the_vectors"],
        # Apart from the others, as their counts are to be seen. Of the whole workspace too: with
        # fewer packages cargo would build the dependencies again, with other features.
        "Vectors and captures": [
            *(*cargo, "--test", "vectors", "--test", "captures", "--test", "definitions"),
            *("--", "--nocapture"),
        ],
        "Python": [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]],
    }
    results: dict[str, tuple[int, float]] = {}
    for name, command in steps.items():
        print(f"\n=== {name}: {' '.join(command)}", flush=True)
        begin = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        results[name] = status, time.monotonic() - begin
    print()
    for name, (status, seconds) in results.items():
        print(
            f"{name}: {'passed' if status == 0 else f'FAILED (status {status})'} in {seconds:.0f} s"
        )
    return int(any(status for status, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main())
