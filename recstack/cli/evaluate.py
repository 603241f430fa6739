"""`recstack evaluate`: how good lists are, and which stage loses what."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from models.schema.manifest import ReleaseError
from recstack.cli.failure import Failure
from recstack.cli.output import new_table, print_table

if TYPE_CHECKING:  # scipy and polars take their time, and other commands do not need them
    from models.evaluation.cases import Events
    from models.evaluation.places import Places
    from models.evaluation.tables import Report

Steps = Callable[[str], Callable[[float], None]]


def evaluate(
    release: Annotated[str, typer.Option(help="A release; by default the current one.")] = "",
    against: Annotated[str, typer.Option(help="Another release, compared user by user.")] = "",
    releases: Annotated[Path, typer.Option(help="Folder of releases.")] = Path("var/releases"),
    data: Annotated[
        Path | None, typer.Option(help="A data set: new events for a release, or for --model.")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="A published split: training.")] = None,
    test: Annotated[Path | None, typer.Option(help="A published split: test.")] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="Rank test items among these alone: `user item item ...`.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A plain model: popular, item_knn, user_cf, ease.")
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="last-out, time; for --model also random, k-fold.")
    ] = "",
    after: Annotated[int, typer.Option(help="For a release by time: unix seconds.")] = 0,
    share: Annotated[
        float, typer.Option(help="Held out by time or random.", min=0.01, max=0.99)
    ] = 0.2,
    folds: Annotated[int, typer.Option(help="Of k-fold.", min=2)] = 5,
    sampled: Annotated[int, typer.Option(help="Rank among so many random negatives.", min=0)] = 0,
    l2: Annotated[float, typer.Option(help="Of ease.", min=1e-6)] = 200.0,
    neighbours: Annotated[int, typer.Option(help="Of item_knn, user_cf; 0: all.", min=0)] = 100,
    shrink: Annotated[float, typer.Option(help="Of item_knn.", min=0.0)] = 0.0,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 1,
    k: Annotated[str, typer.Option("--k", help="Lengths of lists.")] = "10,20,50",
    markdown: Annotated[Path | None, typer.Option(help="Write the report here.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Write PNG plots to this folder.")] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the numbers here.")] = None,
) -> None:
    """Measure a release, or plain models on a data set or a published split.

    Without --data: what the training of a release measured on events it had not seen.
    """
    ks = _lengths(k)
    with _failures(), _steps() as steps:
        from models.evaluation import cases
        from models.evaluation.plain.dataset import Protocol
        from models.evaluation.plain.models import Hyper

        releases_asked, moment = bool(release or against), bool(protocol or after)
        _Asked(train, test, data, negatives, model, releases_asked, moment, sampled).check()
        models = cases.Models(_names(model), Hyper(l2, neighbours, shrink), sampled, seed)
        others: list[Places] = []
        if train and test:
            places = cases.of_files(cases.PlainFiles(train, test, negatives), models, steps)
        elif data and model:
            how = Protocol(protocol or "last-out", share, folds, seed)
            places = cases.of_dataset(data, how, models, steps)
        else:
            names = [release or _current(releases), *([against] if against else [])]
            folders = [_folder(releases, name) for name in names]
            since = after or cases.newest(folders)
            events = cases.Events(data, protocol or "time", since, test) if data else None
            places, *others = [_measured(folder, events, steps) for folder in folders]
    _write(places, others, ks, _Targets(markdown, plots, json_))


@dataclass(frozen=True, slots=True)
class _Targets:
    """Where a report goes besides the terminal."""

    markdown: Path | None
    plots: Path | None
    json: Path | None


def _measured(folder: Path, events: "Events | None", steps: Steps) -> "Places":
    """Of a release on new events, or what its training stored."""
    from models.evaluation import cases
    from models.evaluation.places import Places

    return cases.of_release(folder, events, steps) if events else Places.read(folder)


def _write(
    places: "Places", others: Sequence["Places"], ks: Sequence[int], targets: _Targets
) -> None:
    """The report on the terminal, and in the files that were asked for."""
    from models.evaluation.comparison import comparison
    from models.evaluation.report import report
    from models.evaluation.tables import markdown

    with _failures():
        made = report(places, ks)
        made = replace(made, tables=(*made.tables, *(comparison(places, o, ks) for o in others)))
        _print(made)
        if targets.markdown:
            targets.markdown.write_text(markdown(made), encoding="utf-8")
        if targets.json:
            targets.json.write_text(json.dumps(made.to_json(), indent=2) + "\n", encoding="utf-8")
        if targets.plots:
            from models.evaluation.plots import write_plots

            for path in write_plots(places, ks, targets.plots):
                typer.echo(f"{path}", err=True)


def _print(report: "Report") -> None:
    from models.evaluation.bootstrap import Interval
    from models.evaluation.tables import text

    print_table(f"[bold]{escape(report.title)}[/bold]")
    for name, value in report.facts:
        print_table(f"  {escape(name)}: {escape(value)}")
    for table in report.tables:
        print_table(f"\n[italic]{escape(table.title)}[/italic]")
        shown = new_table(*table.columns)
        for column in shown.columns[1:]:
            column.justify = "right"
        for row in table.rows:
            several = sum(isinstance(cell, Interval) for cell in row) > 1
            shown.add_row(*(escape(text(cell, short=several)) for cell in row))
        print_table(shown)
        if table.note:
            print_table(f"[dim]{escape(table.note)}[/dim]")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Options that do not go with every other."""

    train: Path | None
    test: Path | None
    data: Path | None
    negatives: Path | None
    model: Sequence[str] | None
    releases: bool
    moment: bool
    sampled: int

    def check(self) -> None:
        """Failure when two of them contradict each other, or one would count for nothing."""
        plain = self.train or self.model
        problems = {
            "--train needs --test": self.train and not self.test,
            "--test needs --train, or --data with a release": self.test
            and (not (self.train or self.data) or (self.model and not self.train)),
            "--negatives needs --train and --test": self.negatives and not self.train,
            "--train and --data are two ways to give data": self.train and self.data,
            "--model needs --train and --test, or --data": self.model
            and not (self.train or self.data),
            "--release and --against are not for plain models": plain and self.releases,
            "--protocol and --after need --data; without it: last-out, as training measured it": (
                self.moment and not (self.data or self.train)
            ),
            "--protocol and --after are not for a given --test": self.moment and self.test,
            "--sampled is for plain models; a release ranks the whole catalog": self.sampled
            and not plain,
        }
        for problem, wrong in problems.items():
            if wrong:
                raise Failure(problem)


def _names(model: Sequence[str] | None) -> list[str]:
    """--model may be given several times, or with commas."""
    given = (name for one in model or ("popular", "item_knn", "ease") for name in one.split(","))
    return list(dict.fromkeys(name.strip() for name in given))


def _lengths(k: str) -> list[int]:
    try:
        lengths = sorted({int(part) for part in k.split(",")})
    except ValueError:
        lengths = [0]
    if lengths[0] < 1:
        raise Failure(f"--k: {k!r} is not a list of lengths such as 10,20,50")
    return lengths


def _folder(releases: Path, name: str) -> Path:
    if not (releases / name).is_dir():
        raise ReleaseError(f"no release {name} in {releases}")
    return releases / name


def _current(releases: Path) -> str:
    try:
        return (releases / "current").read_text().strip()
    except OSError:
        raise ReleaseError(f"no current release in {releases}") from None


@contextmanager
def _failures() -> Iterator[None]:
    """Tells people what cannot be evaluated, and what is missing here."""
    try:
        from models.evaluation import EvaluationError
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    try:
        yield
    except EvaluationError as error:
        raise Failure(str(error)) from error
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    except OSError as error:
        raise Failure(f"cannot write {error.filename}: {error.strerror}") from error


def _missing(error: ModuleNotFoundError) -> Failure:
    return Failure(
        f"evaluation needs {error.name}, which is not here", "pip install 'recstack[train]'"
    )


@contextmanager
def _steps() -> Iterator[Steps]:
    """Each step is a bar on stderr."""
    columns = (TextColumn("{task.description:<48}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def begin(step: str) -> Callable[[float], None]:
            task = progress.add_task(escape(step), total=1.0)
            return lambda done: progress.update(task, completed=done)

        yield begin
