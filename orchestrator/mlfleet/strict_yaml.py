"""A YAML reader for files that strangers edit: small, without surprises, and every value knows its line."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

import yaml

from mlfleet.errors import UsageError, printable

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Place = tuple[str, ...]

MAX_BYTES = 256 << 10
MAX_DEPTH = 20
MAX_ALIASES = 200
# With aliases expanded: a few hundred bytes of nested aliases can stand for more nodes than there is memory.
MAX_NODES = 20_000
MAX_NUMBER = 32

_VARIABLE = re.compile(r"\$\{(MLFLEET_[A-Z0-9_]+):-([^${}]*)\}")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """A file read: `value` with merges and variables resolved, `lines` where each key or item stands (from 1)."""

    name: str
    value: Value
    lines: Mapping[Place, int]

    def at(self, place: Place, problem: str) -> str:
        """The problem as one line that begins with file and line of the place, or of the nearest one above it."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.name}:{self.lines.get(place, 1)}: {problem}"


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars: `no` and `1:30` stay text, `1e3` is a number. Refuses while it composes, before it recurses."""

    depth = aliases = nodes = 0

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text)
        self.file = file

    def get_event(self) -> yaml.Event:
        """The next event, unless it is one that no honest file needs."""
        self.nodes += 1
        event: yaml.Event = super().get_event()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        if isinstance(event, yaml.CollectionStartEvent):
            self.depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            self.depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            self.aliases += 1
        problem = (
            f"nested deeper than {MAX_DEPTH}"
            if self.depth > MAX_DEPTH
            else f"more than {MAX_ALIASES} aliases"
            if self.aliases > MAX_ALIASES
            else f"more than {MAX_NODES} values"
            if self.nodes > MAX_NODES
            else f"tag {event.tag!r}; awaited none"
            if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None
            else None
        )
        if problem:
            _refuse(self.file, _line(event.start_mark), problem)
        return event


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("merge", r"<<", "<"),
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), list(_first))


def read(path: Path, environment: Mapping[str, str]) -> Document:
    """The document in `path`, `${MLFLEET_X:-default}` taken from the environment. Raises UsageError, one line each."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            _refuse(path.name, 1, f"more than {MAX_BYTES} bytes")
        loader = _Loader(data.decode(), path.name)
        root = loader.get_single_node()
    except OSError as error:
        message = f"{path.name}: cannot be read ({error.strerror})"
        raise UsageError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path.name}: not UTF-8 at byte {error.start}"
        raise UsageError(message) from error
    except yaml.YAMLError as error:
        if isinstance(error, yaml.MarkedYAMLError):
            _refuse(path.name, _line(error.problem_mark), error.problem or "no YAML")
        _refuse(path.name, 1, str(error))
    if root is None:
        _refuse(path.name, 1, "empty")
    _Measure(path.name).visit(root, 1)
    reader = _Reader(path.name, environment, {})
    return Document(path.name, reader.value(root, ()), reader.lines)


def _line(mark: object) -> int:
    # The stubs know two kinds of mark that share nothing.
    return mark.line + 1 if isinstance(mark, yaml.Mark) else 1


def _refuse(name: str, line: int, problem: str) -> NoReturn:
    message = f"{name}:{line}: {printable(problem)}"
    raise UsageError(message)


def _children(node: yaml.Node) -> list[yaml.Node]:
    match node:
        case yaml.MappingNode():
            return [part for pair in node.value for part in pair]
        case yaml.SequenceNode():
            return list(node.value)
        case _:
            return []


class _Measure:
    """Holds the graph against the limits with aliases expanded, at the cost of the graph itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.known: dict[int, tuple[int, int]] = {}
        self.open: set[int] = set()

    def visit(self, node: yaml.Node, depth: int) -> tuple[int, int]:
        """Nodes and height of the tree that the node stands for."""
        line = _line(node.start_mark)
        if id(node) in self.open:
            _refuse(self.name, line, "an alias to what contains it")
        if depth > MAX_DEPTH:
            _refuse(self.name, line, f"nested deeper than {MAX_DEPTH}")
        if id(node) not in self.known:
            self.open.add(id(node))
            below = [self.visit(child, depth + 1) for child in _children(node)]
            self.open.discard(id(node))
            self.known[id(node)] = 1 + sum(n for n, _ in below), 1 + max((h for _, h in below), default=0)
        nodes, height = self.known[id(node)]
        if nodes > MAX_NODES:
            _refuse(self.name, line, f"more than {MAX_NODES} values with aliases expanded")
        if depth + height - 1 > MAX_DEPTH:
            _refuse(self.name, line, f"nested deeper than {MAX_DEPTH} with aliases expanded")
        return nodes, height


@dataclass(frozen=True)
class _Reader:
    """Nodes to plain values; notes the line of each."""

    name: str
    environment: Mapping[str, str]
    lines: dict[Place, int]

    def value(self, node: yaml.Node, place: Place) -> Value:
        """The value of a node at its place."""
        match node:
            case yaml.MappingNode():
                return self.mapping(node, place)
            case yaml.SequenceNode():
                return [self.noted(item, (*place, str(i)), item) for i, item in enumerate(node.value)]
            case _:
                return self.scalar(node)

    def noted(self, node: yaml.Node, place: Place, where: yaml.Node) -> Value:
        """The value, its line taken from `where`."""
        self.lines[place] = _line(where.start_mark)
        return self.value(node, place)

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Value]:
        """Own keys over merged ones; a key that stands twice is refused."""
        merged: dict[str, Value] = {}
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            line = _line(key.start_mark)
            if key.tag == _TAG + "merge":
                for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(part, yaml.MappingNode):
                        _refuse(self.name, line, "<< of what is no mapping")
                    # YAML: of several merged mappings the earlier one wins.
                    merged = {**self.mapping(part, place), **merged}
            elif key.tag != _TAG + "str":
                _refuse(self.name, line, "a key that is no text; quote it")
            elif key.value in own:
                _refuse(self.name, line, f"key {key.value!r} stands twice")
            else:
                own[key.value] = key, value
        return merged | {name: self.noted(value, (*place, name), key) for name, (key, value) in own.items()}

    def scalar(self, node: yaml.Node) -> Value:
        """A scalar by its YAML 1.2 kind; one with a variable is text."""
        text: str = node.value
        if "$" in text:
            return self.interpolated(text, _line(node.start_mark))
        match node.tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float" as kind:
                return self.number(text, kind, _line(node.start_mark))
            case _:
                return text

    def number(self, text: str, kind: str, line: int) -> int | float:
        """A finite number of reasonable length."""
        if len(text) > MAX_NUMBER:
            _refuse(self.name, line, f"a number of more than {MAX_NUMBER} digits")
        if kind == "int":
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if not math.isfinite(number := float(text)):
            _refuse(self.name, line, f"number {text} is not finite")
        return number

    def interpolated(self, text: str, line: int) -> str:
        """As compose does it: the variable if it is set and not empty, else the default."""
        if "$" in _VARIABLE.sub("", text):
            _refuse(self.name, line, f"{text!r}: of variables only ${{MLFLEET_X:-default}} is known")
        return _VARIABLE.sub(lambda found: self.environment.get(found[1]) or found[2], text)
