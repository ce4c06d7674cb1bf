"""`opsconsole explain`: why a file was, or was not, published."""

from __future__ import annotations

import click

from console.cli.session import common, open_session, typed_path


@click.command("explain")
@click.argument("file", type=click.Path())
@click.option("--limit", metavar="N", type=click.IntRange(0), default=10, help="Failing records shown (default: 10).")
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
@common
def command(file: str, limit: int, as_json: bool) -> int:
    """Why FILE was, or was not, published: one question after another, until one of them decides.

    FILE is a raw file or its published copy, as seen from here or from the root.

    \b
    Example:
      opsconsole explain data/raw/funding_sources/sff/dumps/2025-10-30/data.json
    """
    from console.cli.output import out
    from console.cli.verdict_view import show_verdict
    from console.engine.observe.files_explain import explain

    ctx = open_session()
    answer = explain(ctx, typed_path(file))
    stream = out()
    if as_json:
        stream.json(
            {
                "path": answer.path,
                "status": str(answer.status),
                "published": answer.published,
                "trace": [{"question": step.question, "answer": step.answer} for step in answer.trace],
                "next_step": answer.next_step,
                "verdict": answer.verdict.to_json() if answer.verdict else None,
            }
        )
        return 0
    style = "green" if answer.published else "yellow"
    stream.line(("bold", answer.path))
    stream.line((style, str(answer.status)), ", published" if answer.published else ", not published")
    for step in answer.trace:
        stream.line("  ", ("dim", step.question), f" {step.answer}")
    if answer.verdict is not None and not answer.verdict.ok:
        stream.line("")
        show_verdict(stream, answer.verdict, limit)
        stream.line("")
    stream.line("Next  ", ("bold", answer.next_step))
    return 0
