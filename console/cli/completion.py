"""`opsconsole completion`: the completion script of a shell."""

from __future__ import annotations

import click

from console.cli.output import out

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the script that lets SHELL complete commands, options, sources and runs.

    \b
    Examples:
      opsconsole completion bash > ~/.local/share/bash-completion/completions/opsconsole
      opsconsole completion zsh > ~/.zfunc/_opsconsole         (with fpath+=~/.zfunc)
      opsconsole completion fish > ~/.config/fish/completions/opsconsole.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root()
    completer = kind(root.command, {}, "opsconsole", "_OPSCONSOLE_COMPLETE")
    script = kind.source_template % completer.source_vars()  # `source()` would start bash to ask its version
    out().write(script.strip() + "\n")
    return 0
