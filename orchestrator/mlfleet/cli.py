"""The command `mlfleet`: every error one line, every way out an exit code.

0 ok · 1 a cell failed · 2 usage · 3 environment · 74 storage · 75 locked · 130, 143 interrupted.
"""

import sys

import click

from mlfleet import __version__
from mlfleet.commands.build import build, clean
from mlfleet.commands.data import data
from mlfleet.commands.doctor import doctor
from mlfleet.commands.list import list_
from mlfleet.commands.report import report
from mlfleet.commands.run import plan, run
from mlfleet.errors import MlfleetError

COMMANDS = (doctor, list_, plan, build, data, run, report, clean)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mlfleet")
def cli() -> None:
    """Benchmark machine-learning frameworks, each alone in its container, and print only defensible ratios."""


for command in COMMANDS:
    cli.add_command(command)


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
