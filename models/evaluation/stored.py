"""What a release keeps of its evaluation."""

from pathlib import Path

from models.evaluation.places import Places
from models.evaluation.report import report
from models.evaluation.tables import markdown
from models.schema import layout

KS = (10, 20, 50)


def store(places: Places, folder: Path) -> None:
    """Writes the places and the report into the folder of the release in the making.

    Neither names the release: the same training makes the same files.
    """
    told = places.named(subject="Evaluation on a twin of this release")
    told.write(folder)
    (folder / layout.EVALUATION_REPORT).write_text(markdown(report(told, KS)), encoding="utf-8")
