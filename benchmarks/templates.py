"""Accuracy of the template miner beside Drain3: `benchmarks/templates.py DIR`, with DIR/loghub_2k of labelled lines.

Group accuracy, its F1, parsing accuracy and the F1 of template accuracy as Loghub-2.0 defines them (Jiang et al. 2024,
"A Large-Scale Evaluation for Log Parsing Techniques"), on the `content` field, one generic configuration for all.
"""

import argparse
import gzip
import json
import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.logs.template import Miner

Mined = tuple[Sequence[int], Sequence[str]]
"""The group and the template of each line."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The four figures of a system, each 0 to 1."""

    ga: float
    fga: float
    pa: float
    fta: float

    def __str__(self) -> str:
        """Four columns."""
        return "  ".join(f"{each:.3f}" for each in (self.ga, self.fga, self.pa, self.fta))


def ours(lines: Sequence[bytes]) -> Mined:
    """Return what our miner makes of the lines, grouped by the ids that stand in the end."""
    miner = Miner()
    ids = miner.ids(lines, [0] * len(lines))
    ids = [miner.merged.get(each, each) for each in ids]
    return ids, [miner.template(each) for each in ids]


def drain(lines: Sequence[bytes], *, masks: bool = False) -> Mined:
    """Return what Drain3 makes of them with its defaults, plain or on our masked lines."""
    from drain3 import TemplateMiner  # noqa: PLC0415 - a peer, installed by who compares
    from drain3.template_miner_config import TemplateMinerConfig  # noqa: PLC0415

    from ingest.logs.mask import SLOT, masked  # noqa: PLC0415

    miner = TemplateMiner(config=TemplateMinerConfig())
    texts = [(masked(line).replace(SLOT, b"<*>") if masks else line).decode("utf-8", "replace") for line in lines]
    ids = [miner.add_log_message(text)["cluster_id"] for text in texts]
    return ids, [miner.drain.id_to_cluster[each].get_template() for each in ids]


def drain_masked(lines: Sequence[bytes]) -> Mined:
    """Return what Drain3 makes of the lines with our masks."""
    return drain(lines, masks=True)


WAYS: Mapping[str, Callable[[Sequence[bytes]], Mined]] = {
    "Drain3 plain": drain,
    "Drain3, our masks": drain_masked,
    "ours": ours,
}
"""The simplest approach first."""


def accuracy(mined: Mined, truth: Sequence[str]) -> Accuracy:
    """Return the four figures of one system."""
    groups, templates = mined
    true_groups, found_groups = _grouped(truth), _grouped(groups)
    sets = {frozenset(lines) for lines in true_groups.values()}
    right = [lines for lines in found_groups.values() if frozenset(lines) in sets]
    told, meant = [_plain(each) for each in templates], [_plain(each) for each in truth]
    exact = sum(1 for lines in _grouped(told).values() if {meant[at] for at in lines} == {told[lines[0]]})
    return Accuracy(
        ga=sum(map(len, right)) / len(truth),
        fga=_f1(len(right) / len(found_groups), len(right) / len(true_groups)),
        pa=sum(map(str.__eq__, told, meant)) / len(truth),
        fta=_f1(exact / len(set(told)), exact / len(set(meant))),
    )


def _grouped(names: Iterable[object]) -> Mapping[object, list[int]]:
    groups: dict[object, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        groups[name].append(at)
    return groups


def _plain(template: str) -> str:
    return re.sub(r"\s+", " ", template).strip()


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def labelled(path: Path) -> tuple[list[bytes], list[str]]:
    """Return the messages and the true templates of a file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row["content"].encode() for row in rows], [row["template"] for row in rows]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with loghub_2k/*.structured.jsonl.gz")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS), help="measure these alone")
    asked = parser.parse_args()
    print(f"{'':12} " + "   ".join(f"{way:^26}" for way in asked.only))
    print(f"{'':12} " + "   ".join("GA     FGA    PA     FTA   " for _ in asked.only))
    means: dict[str, list[Accuracy]] = defaultdict(list)
    for path in sorted(asked.folder.glob("loghub_2k/*.structured.jsonl.gz")):
        lines, truth = labelled(path)
        for way in asked.only:
            means[way].append(accuracy(WAYS[way](lines), truth))
        print(f"{path.name.split('.')[0]:12} " + "   ".join(str(means[way][-1]) for way in asked.only))
    print(f"{'mean':12} " + "   ".join(str(_mean(means[way])) for way in asked.only))


def _mean(figures: Sequence[Accuracy]) -> Accuracy:
    return Accuracy(*(statistics.fmean(getattr(each, name) for each in figures) for name in Accuracy.__slots__))


if __name__ == "__main__":
    main()
