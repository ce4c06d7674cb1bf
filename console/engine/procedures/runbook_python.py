"""What a text of Python does to files: told by what it imports and calls."""

from __future__ import annotations

import ast
import re
import textwrap

from console.engine.procedures.runbook_names import Class, names_of

_GONE = names_of("remove unlink rmtree rmdir removedirs truncate unlink_missing")
_MODULES = names_of(
    "json sys csv re math datetime time collections itertools functools operator string textwrap statistics"
    " decimal fractions pprint pathlib os os.path hashlib base64 glob fnmatch platform typing argparse"
)
_CALLS = names_of(
    "print len load loads dumps sorted sum min max set list dict tuple range enumerate zip map filter any all str"
    " int float bool bytes repr abs round isinstance open Path read read_text read_bytes readline readlines exists"
    " is_file is_dir get items keys values split splitlines strip lstrip rstrip join startswith endswith format"
    " replace lower upper glob rglob iterdir stat getsize isfile isdir walk scandir listdir reader DictReader"
    " Counter defaultdict most_common now today fromtimestamp isoformat strftime strptime hexdigest md5 sha256"
    " sha1 sha512 reversed next iter append extend add count index getattr hasattr pprint match search findall sub"
    " finditer compile fullmatch group groups exit dirname basename getmtime time version sqrt mean median"
)


def class_of_python(code: str) -> Class:
    """What a Python text does: reads where all that it imports and calls is known to."""
    try:
        tree = ast.parse(_dedented(code))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return Class.DELETES if re.search(r"\b(remove|unlink|rmtree|rmdir|truncate)\s*\(", code) else Class.WRITES
    worst = Class.READS
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known = all(alias.name in _MODULES for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            known = node.module in _MODULES
        elif isinstance(node, ast.Call):
            name = _called(node)
            if name in _GONE:
                return Class.DELETES
            known = name in _CALLS and not (name == "open" and _opens_for_writing(node))
        else:
            continue
        if not known:
            worst = Class.WRITES
    return worst


def _called(node: ast.Call) -> str:
    target = node.func
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def _opens_for_writing(node: ast.Call) -> bool:
    at = 0 if isinstance(node.func, ast.Attribute) else 1  # Path(…).open("w"), open(file, "w")
    modes = [node.args[at]] if len(node.args) > at else []
    modes += [keyword.value for keyword in node.keywords if keyword.arg == "mode"]
    return any(not isinstance(mode, ast.Constant) or set(str(mode.value)) & set("wax+") for mode in modes)


def _dedented(code: str) -> str:
    return textwrap.dedent(code).strip("\n")
