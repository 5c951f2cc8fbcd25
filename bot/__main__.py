"""The command line: names the commands and their options, and hands over at once."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option

from bot.errors import BotError
from bot.log import guard_tracebacks, log_to_stderr
from bot.settings import Settings, load
from ingest.errors import IngestError

app = typer.Typer(
    name="copilot",
    help="Incident Copilot: answers on-call questions from your runbooks, with sources you can check.",
    epilog="Start with `copilot run`, or `copilot ask 'how do I roll back checkout?'`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
evaluation = typer.Typer(help="Measure the bot on labelled questions.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(evaluation, name="eval")

Data = Annotated[Path | None, Option("--data", help="Folder of the database and the indexes (default: var).")]
AsJson = Annotated[bool, Option("--json", help="One JSON object a line on stdout.")]


@app.command()
def run(
    data: Data = None,
    port: Annotated[int | None, Option("--port", help="Port of the local workspace (default: the first free).")] = None,
    http_port: Annotated[int | None, Option("--http-port", help="Port of /healthz and /metrics.")] = None,
) -> None:
    """Run the bot: in Slack if its tokens are set, else in a local workspace in your browser.

    Example: copilot run --port 8123
    """
    from bot.commands.run import run as command  # noqa: PLC0415 - each command pays for its own imports alone

    _exit(command(_settings(data, port=port, http_port=http_port)))


@app.command()
def sync(
    paths: Annotated[list[Path] | None, Argument(metavar="PATH", help="Folders of Markdown files.")] = None,
    data: Data = None,
    forget: Annotated[str | None, Option("--forget", metavar="ROOT", help="Drop a source and its documents.")] = None,
    exclude: Annotated[list[str] | None, Option("--exclude", metavar="GLOB", help="Files to leave out.")] = None,
    *,
    yes: Annotated[bool, Option("--yes", help="Go on although many documents are gone at once.")] = False,
) -> None:
    """Bring the index level with your folders; without PATH, with all configured and remembered ones.

    Example: copilot sync ./runbooks ./postmortems --exclude 'drafts/*'
    """
    from bot.commands.knowledge import sync as command  # noqa: PLC0415 - see run
    from ingest.index.roots import Request  # noqa: PLC0415 - see run

    if forget and paths:
        raise BotError("--forget takes the name of one source and no PATH: `copilot status` lists the sources.")
    request = Request(given=tuple(paths or ()), excludes=tuple(exclude or ()), sure=yes)
    _exit(command(_settings(data), request, forget))


@app.command()
def search(
    question: Annotated[str, Argument(metavar="Q", help="What you look for.")],
    data: Data = None,
    kind: Annotated[
        Literal["runbook", "postmortem"] | None, Option("--kind", help="Only documents of this kind.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the passages nearest to a question, best first.

    Example: copilot search 'replication lag' --kind runbook
    """
    from bot.commands.knowledge import search as command  # noqa: PLC0415 - see run

    _exit(command(_settings(data), _said(question), kind, as_json=as_json))


@app.command()
def ask(
    question: Annotated[str, Argument(metavar="Q", help="Your question.")],
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Answer a question, with sources.

    Example: copilot ask 'PgBouncer has clients waiting, what do I do?'
    """
    from bot.commands.knowledge import ask as command  # noqa: PLC0415 - see run

    _exit(command(_settings(data), _said(question), as_json=as_json))


@app.command()
def scan(
    paths: Annotated[list[str], Argument(metavar="PATH", help="Log files, folders, globs; - is standard input.")],
    data: Data = None,
    *,
    train: Annotated[list[str] | None, Option("--train", metavar="PATH", help="Logs to learn from first.")] = None,
    train_until: Annotated[
        str | None, Option("--train-until", metavar="T", help="Learn what is before, tell what is after.")
    ] = None,
    since: Annotated[str | None, Option("--since", metavar="T", help="Only stories detected from then on.")] = None,
    until: Annotated[str | None, Option("--until", metavar="T", help="Read no further.")] = None,
    timezone: Annotated[
        str, Option("--timezone", metavar="TZ", help="Of times that name none, and of those shown (default: UTC).")
    ] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Replay logs by their own times: what would have been told, and when. Learns the first day unless told otherwise.

    Example: copilot scan /var/log/shop --train-until 2026-11-05 --timezone Europe/Berlin
    """
    from bot.commands.logs import Asked  # noqa: PLC0415 - see run
    from bot.commands.logs import scan as command  # noqa: PLC0415 - see run

    _settings(data)
    asked = Asked(paths, train or (), train_until, since, until, timezone, as_json=as_json)
    _exit(command(asked))


@app.command()
def templates(
    file: Annotated[str, Argument(metavar="FILE", help="A log file, .gz too; - is standard input.")],
    data: Data = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the patterns of a log file, the commonest first; with --json, the pattern of every line.

    Example: copilot templates /var/log/shop/app.log
    """
    from bot.commands.templates import templates as command  # noqa: PLC0415 - see run

    _settings(data)
    _exit(command(file, as_json=as_json))


@app.command()
def digest(
    data: Data = None,
    *,
    preview: Annotated[bool, Option("--preview", help="Show what there is to tell of today so far.")] = False,
    channel: Annotated[
        str | None, Option("--channel", metavar="ID", help="Only what concerns this channel, at its own time.")
    ] = None,
) -> None:
    """Show what the daily digest would say now; `copilot run` posts it, each channel's at its own time.

    Example: copilot digest --preview --channel C0123ABCD
    """
    from bot.commands.digest import digest as command  # noqa: PLC0415 - see run

    _exit(command(_settings(data), channel, preview=preview))


@app.command()
def status(data: Data = None) -> None:
    """Show what is indexed, what was asked, what Claude cost today and whether a bot runs here."""
    from bot.commands.care import status as command  # noqa: PLC0415 - see run

    _exit(command(_settings(data)))


@app.command()
def doctor(data: Data = None) -> None:
    """Check everything the bot needs; exits 1 when something must be done."""
    from bot.commands.care import doctor as command  # noqa: PLC0415 - see run

    _exit(command(_settings(data)))


@app.command()
def forget(
    user: Annotated[str, Argument(metavar="USER", help="A Slack user id, or the name that threads show.")],
    data: Data = None,
) -> None:
    """Delete what the journal holds of a person: questions, answers, what was sent for them, thumbs.

    Example: copilot forget U0123ABCD
    """
    from bot.commands.care import forget as command  # noqa: PLC0415 - see run

    _exit(command(_settings(data), user))


@app.command()
def migrate(data: Data = None) -> None:
    """Bring the database to the newest revision; every other command does so by itself."""
    from bot.commands.care import migrate as command  # noqa: PLC0415 - see run

    _exit(command(_settings(data)))


@app.command()
def redact(data: Data = None) -> None:
    """Copy stdin to stdout, line by line, without secrets.

    Example: kubectl logs deploy/checkout | copilot redact
    """
    from bot.commands.care import redact as command  # noqa: PLC0415 - see run

    _settings(data)
    sys.exit(command())


@evaluation.command()
def retrieval(
    corpus: Annotated[Path, Option("--corpus", metavar="DIR", help="Folder with runbooks/ and postmortems/.")],
    questions: Annotated[Path, Option("--questions", metavar="FILE", help="JSON Lines with `id` and `query`.")],
    data: Data = None,
    out: Annotated[Path | None, Option("--out", metavar="FILE", help="Where the rows go (default: stdout).")] = None,
) -> None:
    """Rank documents for labelled questions and write a row each: id, ranked, answered, score.

    Example: copilot eval retrieval --corpus docs --questions questions.jsonl --out run.jsonl
    """
    from bot.commands import evaluate  # noqa: PLC0415 - see run

    with evaluate.own_folder(data) as folder:
        _exit(evaluate.retrieval(_settings(folder), corpus, questions, out))


def main() -> None:
    """Run one command; whatever is wrong is one sentence on stderr and exit code 2."""
    log_to_stderr()
    guard_tracebacks()
    try:
        command = typer.main.get_command(app)  # calling `app` itself would put typer's hook in the place of ours
        sys.exit(command.main(prog_name="copilot", standalone_mode=False) or 0)
    except (BotError, IngestError) as error:
        _stop(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read us, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's errors of use all have it; its base class is private
            raise
        _stop(f"{error.format_message()} Try `copilot --help`.")


def _stop(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201 - the one place where a command's failure is told
    sys.exit(2)


def _exit(command: Coroutine[Any, Any, int]) -> None:
    sys.exit(asyncio.run(command))


def _settings(data: Path | None, *, port: int | None = None, http_port: int | None = None) -> Settings:
    return load(os.environ, data=data, port=port, http_port=http_port)


def _said(question: str) -> str:
    if not question.strip():
        raise BotError("The question is empty: put it in quotes, such as copilot ask 'how do I roll back checkout?'.")
    return question


if __name__ == "__main__":
    main()
