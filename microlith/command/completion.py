"""`microlith completion SHELL`: the script that lets a shell complete commands, systems, architectures."""

import click
from click.shell_completion import get_completion_class

from microlith.command import output

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    bash: eval "$(microlith completion bash)"
    zsh:  eval "$(microlith completion zsh)"
    fish: microlith completion fish | source
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    made = get_completion_class(shell)
    assert made is not None
    script = made(context.find_root().command, {}, "microlith", "_MICROLITH_COMPLETE")
    output.data(script.source_template % script.source_vars())
