"""`mlfleet completion`: the script by which a shell completes commands, options and names."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
NAME, VARIABLE = "mlfleet", "_MLFLEET_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL; it asks `mlfleet` itself, which must be found by that name.

    bash: eval "$(mlfleet completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc. fish: mlfleet completion fish >
    ~/.config/fish/completions/mlfleet.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click knows no completion of {shell}; try: one of {', '.join(SHELLS)}")
    print(found(context.find_root().command, {}, NAME, VARIABLE).source())
