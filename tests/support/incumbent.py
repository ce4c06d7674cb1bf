"""A program that writes the state file as the incumbent was seen to do it; started as `migrate.py ROOT ...`.

Standard library only. It loads the state file once, at its start (anything that does not load is an empty state);
then for every raw file that its memory does not have, or has with another checksum: copies it beside its
destination, renames it, and rewrites the whole state file from its own memory, in place, without a lock. A file
that its memory has with the same checksum it leaves alone. A test holds it where it has published N files: it
says so and goes on when it is given a line.

With --judge it passes over what it was seen to pass over (other suffixes than .json and .csv) and fails what it was
seen to fail: what does not parse, or lacks one of four fields. With --backups it keeps what it replaces as it was seen
to: one file a base name, the last one.

    migrate.py ROOT [--hold N]... [--pause SECONDS] [--only PREFIX] [--spell absolute] [--judge] [--backups]
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from datetime import datetime

RAW, VALIDATED = "data/raw/funding_sources", "data/transformed/validated"
STATE = "logs/migration/.migration_state.json"
BACKUPS, FIELDS = "data/_backups", ("grant_id", "amount", "date", "source")


def load():
    try:
        with open(STATE) as file:
            state = json.load(file)
        state["processed_files"].items()
        return state
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"processed_files": {}, "last_updated": None}


def save(state):
    state["last_updated"] = datetime.utcnow().isoformat()
    with open(STATE, "w") as file:
        json.dump(state, file, indent=2)


def passes(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".csv"):
        return set(FIELDS) <= set(text.partition("\n")[0].strip().split(","))
    try:
        found = json.loads(text) if path.endswith(".json") else []
    except ValueError:
        return False
    records = found if isinstance(found, list) else [found]
    return bool(records) and all(field in record for record in records for field in FIELDS)


def publish(path, dest, backups=False):
    """Copy beside, rename: as its file operations do."""
    os.makedirs(os.path.dirname(dest), exist_ok=True)
    if backups and os.path.exists(dest):
        os.makedirs(BACKUPS, exist_ok=True)
        shutil.copy2(dest, os.path.join(BACKUPS, os.path.basename(dest)))
    part = os.path.join(os.path.dirname(dest), ".tmp_" + os.path.basename(dest))
    shutil.copy2(path, part)
    os.rename(part, dest)


def entry(path, dest, checksum):
    facts = os.stat(path)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return {
        "checksum": checksum,
        "processed_at": datetime.utcnow().isoformat(),
        "dest_path": dest,
        "metadata": {"size_bytes": facts.st_size, "modified_timestamp": facts.st_mtime, "checksum": checksum},
        "validation_info": {
            "file_size_bytes": len(text),
            "format": path.rpartition(".")[2],
            "record_count": text.count("grant_id"),
        },
    }


def hold(done, arguments):
    if done in arguments.hold:
        print("holding", done, flush=True)
        sys.stdin.readline()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--hold", type=int, action="append", default=[])
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--spell", default="relative")
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--backups", action="store_true")
    arguments = parser.parse_args()
    os.chdir(arguments.root)
    state = load()
    print("loaded", len(state["processed_files"]), flush=True)
    done = 0
    hold(done, arguments)
    for place, folders, names in os.walk(RAW):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            if name.startswith((".", "_")) or not path[len(RAW) + 1 :].startswith(arguments.only):
                continue
            key = os.path.join(arguments.root, path) if arguments.spell == "absolute" else path
            with open(path, "rb") as file:
                checksum = hashlib.sha256(file.read()).hexdigest()
            known = state["processed_files"].get(key)
            if known and known["checksum"] == checksum:
                continue
            if arguments.judge and not passes(path):
                continue
            dest = VALIDATED + path[len(RAW) :]
            publish(path, dest, arguments.backups)
            state["processed_files"][key] = entry(path, dest, checksum)
            save(state)
            print(path, flush=True)
            time.sleep(arguments.pause)
            done += 1
            hold(done, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
