"""Writes the definitions of new converters of the museum: `python -m tests.support.museum`."""

from __future__ import annotations

import json
from pathlib import Path

from ferrobee.converters.compile import compiled

MUSEUM = Path(__file__).parents[1] / "museum"


def main() -> None:
    for converter in sorted(MUSEUM.glob("v*/*.py")):
        golden = converter.with_suffix(".json")
        if golden.exists():
            continue
        definitions = [one.definition for one in compiled(converter)]
        golden.write_text(json.dumps(definitions, indent=1, ensure_ascii=False) + "\n")
        print(f"{golden}: {len(definitions)} definitions")


if __name__ == "__main__":
    main()
