"""The user guide and README show what there is: commands with their options, files, suites, messages."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from mlfleet.catalogue import load_suite
from mlfleet.cli import COMMANDS, cli

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PASTED = [text for language, text in BLOCK.findall(GUIDE) if language == "sh"]
INLINE = re.compile(r"`(?:\.venv/bin/)?mlfleet ([^`\n]+)`")
SHELL = {"&&", "||", ";", "|", ">", "(", ")"}
# What stands for something in the messages of the guide.
GAP = "…"
LEAST_PART = 6


def shell_lines(texts: list[str]) -> Iterator[str]:
    for text in texts:
        yield from text.replace("\\\n", " ").splitlines()


def typed(line: str) -> Iterator[list[str]]:
    """The arguments of every mlfleet in a line of shell, that of compose's orchestrator too."""
    for inner in re.findall(r"\$\((mlfleet [^)]*)\)", line):
        yield shlex.split(inner)[1:]
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in (*lexer, ";"):
        if word not in SHELL:
            words.append(word)
            continue
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            del words[0]
        if words and Path(words[0]).name == "mlfleet":
            yield words[1:]
        elif words[:2] == ["docker", "compose"] and "orchestrator" in words:
            yield words[words.index("orchestrator") + 1 :]
        words = []


COMMAND_LINES = [arguments for line in shell_lines(PASTED) for arguments in typed(line)]


def options_of(name: str) -> set[str]:
    command = cli.get_command(click.Context(cli), name)
    return {text for option in command.params if isinstance(option, click.Option) for text in option.opts} | {"--help"}


def test_the_shell_of_the_guide_is_read_as_a_shell_reads_it():
    line = "X=1 .venv/bin/mlfleet run smoke --workloads 'a b' && mlfleet list > x # mlfleet never"
    assert list(typed(line)) == [["run", "smoke", "--workloads", "a b"], ["list"]]
    assert list(typed('docker compose run --rm --user "$(id -u)" orchestrator run smoke')) == [["run", "smoke"]]
    assert list(typed('eval "$(mlfleet completion bash)"')) == [["completion", "bash"]]
    assert list(typed("make bench")) == []


def test_the_guide_shows_a_newcomer_most_commands():
    assert len(COMMAND_LINES) > 30
    named = {arguments[0] for arguments in COMMAND_LINES}
    assert {"run", "report", "new-framework", "check", "build", "compare", "bisect", "completion", "data"} <= named


@pytest.mark.parametrize("arguments", COMMAND_LINES, ids=" ".join)
def test_what_the_guide_lets_paste_is_understood(arguments):
    command = cli.get_command(click.Context(cli), arguments[0])
    assert command.make_context(arguments[0], arguments[1:]).args == []


@pytest.mark.parametrize(("page", "text"), [("guide", GUIDE), ("README", README)])
def test_commands_within_lines_exist_with_their_options(page, text):
    found = INLINE.findall(text)
    assert len(found) > 10
    for inner in found:
        name, *rest = inner.split()
        assert name in COMMANDS, f"{page}: mlfleet {inner}"
        named = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert named <= options_of(name), f"{page}: mlfleet {inner}"


def test_the_options_that_readme_tells_of_a_command_are_its_own():
    rows = re.findall(r"^\| `mlfleet ([a-z-]+)[^|]*\|(.*)\|$", README, re.MULTILINE)
    assert len(rows) > 10
    for name, text in rows:
        assert set(re.findall(r"--[a-z][a-z-]*", text)) <= options_of(name), name


def test_commands_of_readmes_blocks_exist():
    lines = list(shell_lines([text for language, text in BLOCK.findall(README) if language in ("", "sh")]))
    found = [arguments for line in lines if "mlfleet" in line and ".venv/bin" in line for arguments in typed(line)]
    assert found
    for name, *rest in found:
        assert name in COMMANDS
        assert {word for word in rest if word.startswith("--")} <= options_of(name)


@pytest.mark.parametrize(("folder", "text"), [("docs", GUIDE), (".", README)])
def test_files_that_are_linked_or_named_exist(folder, text):
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert links
    for target in links:
        assert (ROOT / folder / target).exists(), target
    for named in re.findall(r"`((?:orchestrator|docs|services|tests)/[\w./-]+)`", text):
        if not named.startswith("services/mine"):
            assert (ROOT / named).exists(), named


def test_suites_of_the_guide_are_read(tmp_path):
    texts = [text for language, text in BLOCK.findall(GUIDE) if language == "toml"]
    assert texts
    for text in texts:
        (tmp_path / "mine.toml").write_text(text)
        assert load_suite(str(tmp_path / "mine.toml")).workloads


@cache
def constants() -> tuple[str, ...]:
    """Every text in the sources of the orchestrator, those between the values of an f-string too."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "orchestrator/mlfleet").rglob("*.py")]
    return tuple(
        {
            node.value
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    )


def said(part: str) -> bool:
    """Whether the program says it: as one text, or as two that follow each other."""
    if any(part in text for text in constants()):
        return True
    cuts = range(LEAST_PART, len(part) - LEAST_PART + 1)
    return any(all(any(half in text for text in constants()) for half in (part[:at], part[at:])) for at in cuts)


MESSAGES = re.findall(r"^\| `([^`]*)` \|", GUIDE.partition("## Troubleshooting")[2], re.MULTILINE)


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_of_the_guide_are_those_that_are_printed(message):
    parts = [part.strip() for part in message.split(GAP) if part.strip()]
    assert any(len(part) >= LEAST_PART for part in parts)
    for part in parts:
        assert said(part), part


def test_a_message_that_nothing_prints_is_seen():
    assert not said("the flux capacitor is not charged")
    assert len(MESSAGES) > 15
