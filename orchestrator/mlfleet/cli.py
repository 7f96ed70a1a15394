"""The command `mlfleet`: every error one line, every way out an exit code.

0 ok · 1 a cell failed · 2 usage · 3 environment · 74 storage · 75 locked · 130, 143 interrupted.
"""

import sys
from importlib import import_module
from types import MappingProxyType

import click
from click.shell_completion import CompletionItem

from mlfleet import __version__
from mlfleet.errors import MlfleetError, unknown

# Where each command lives. Its module is imported when it is asked for, since the statistics alone take a second.
COMMANDS = MappingProxyType(
    {
        "doctor": "doctor:doctor",
        "list": "list:list_",
        "plan": "run:plan",
        "build": "build:build",
        "check": "check:check",
        "new-framework": "new_framework:new_framework",
        "data": "data:data",
        "run": "run:run",
        "report": "report:report",
        "export": "export:export",
        "compare": "compare:compare",
        "bisect": "bisect:bisect",
        "validate": "validate:validate",
        "verify": "verify:verify",
        "audit": "audit:audit",
        "review": "review:review",
        "demo": "demo:demo",
        "clean": "build:clean",
        "completion": "completion:completion",
    }
)


class Commands(click.Group):
    """The group of all commands."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """In the order of a newcomer's way."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command:
        """Import the command's module. Raises UsageError that names the nearest one."""
        if cmd_name not in COMMANDS:
            raise unknown("command", cmd_name, COMMANDS)
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"mlfleet.commands.{module}"), name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands without their help, for which every module would be imported; else options."""
        found = [CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)]
        return found or click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mlfleet")
def cli() -> None:
    """Benchmark machine-learning frameworks, each alone in its container, and print only defensible ratios."""


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(status(sys.argv[1:]))


def status(arguments: list[str]) -> int:
    """The exit code of a command line; what went wrong is printed to stderr in one line."""
    try:
        result = cli.main(arguments, prog_name="mlfleet", standalone_mode=False)
    except click.ClickException as error:
        print(f"mlfleet: {error.format_message()}", file=sys.stderr)
        return error.exit_code
    except click.Abort:
        return 130
    except MlfleetError as error:
        print(f"mlfleet: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read us has seen enough.
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0
