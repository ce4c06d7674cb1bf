"""One session, two users of the group and one of none: what one begins the other goes on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.procedures.support import HEAD, step, write_procedure
from tests.faults.conftest import People
from tests.faults.people import narrower, share
from tests.faults.scenario import run
from tests.support import make_workspace

pytestmark = [pytest.mark.needs_root, pytest.mark.soak]


def test_what_ann_begins_ben_goes_on_with_and_eve_can_only_read(place: Path, people: People) -> None:
    root = make_workspace(place / "ws")
    write_procedure(root, HEAD + step("one", "record", 'text = "x"'))
    place.chmod(0o755)
    share(root, file_mode=0o664)
    root.chmod(0o2775)
    for folder in (path for path in root.rglob("*") if path.is_dir()):
        folder.chmod(0o2775)
    state = {"XDG_STATE_HOME": "/nonexistent/state"}
    begun = run(root, "procedure", "start", "try", "--detach", who=people.ann, env=state)
    assert begun.status == 0, begun.text
    session = begun.out.strip()
    noted = run(root, "procedure", "note", session, "--note", "ben was here", who=people.ben, env=state)
    assert noted.status == 0, noted.text
    assert narrower(root) == []
    seen = run(root, "procedure", "status", session, "--json", who=people.eve, env=state)
    assert seen.status == 0 and json.loads(seen.out)["entries"] == 2, seen.text
    refused = run(root, "procedure", "note", session, "--note", "eve was here", who=people.eve, env=state)
    assert refused.status == 1 and "the session could not be written" in refused.err, refused.text
    assert "the session is where it was" in refused.err and "Traceback" not in refused.err
    never = run(root, "procedure", "start", "try", "--detach", who=people.eve, env=state)
    assert never.status == 1 and "could not be written" in never.err and "Traceback" not in never.err, never.text
    lines = (root / f".opsconsole/sessions/{session}.jsonl").read_text().splitlines()
    assert [(json.loads(line)["by"], json.loads(line)["event"]) for line in lines] == [
        ("ann", "started"),
        ("ben", "note"),
    ]
    own = place / "state"
    own.mkdir()
    own.chmod(0o777)
    beside = run(root, "procedure", "start", "try", "--detach", who=people.eve, env={"XDG_STATE_HOME": str(own)})
    assert beside.status == 0 and "the workspace's own folder could not be written" in beside.err, beside.text
    assert [path.name for path in own.rglob("*.jsonl")] == [f"{beside.out.strip()}.jsonl"]
