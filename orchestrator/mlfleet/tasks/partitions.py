"""Partitions of rows: how two are held against each other, and what is said of one that may leave rows out as noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlfleet.tasks.criteria import Answer, Judgement
from mlfleet.tasks.metrics import clustering

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Metrics = dict[str, float | None]

NOISE = -1


def by_first_row(labels: Integers) -> Integers:
    """The same partition, its parts numbered 0, 1 ... by their first row; noise stays noise."""
    found = np.full_like(labels, NOISE)
    parts, first = np.unique(labels, return_index=True)
    kept = parts != NOISE
    for number, part in enumerate(parts[kept][np.argsort(first[kept])]):
        found[labels == part] = number
    return found


@dataclass(frozen=True)
class SameParts:
    """E of a partition, however its parts are numbered; noise must be the same rows."""

    output: str
    text: str = "E"

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: share of rows whose part has the same number, by first rows, in both."""
        mine, theirs = (by_first_row(answer.outputs[self.output]) for answer in (found, reference))
        share = float((mine == theirs).mean())
        shown = f"{share:.6f}".rstrip("0")
        words = f"{self.output}, numbered by first rows, agree on {shown} of {len(theirs)} rows, 1 awaited"
        return Judgement(self.output, share, words if share < 1 else None)


def parted(x: Floats, labels: Integers, truth: Integers | None) -> Metrics:
    """CLU of the rows that are no noise, and how many are; centres are the means of the parts."""
    kept = labels != NOISE
    rows, noise = x[kept], {"noise": float((~kept).sum())}
    if not kept.any():
        names = ("inertia", "silhouette", "calinski_harabasz", "davies_bouldin")
        known = () if truth is None else ("ari", "nmi")
        return {"n_clusters": 0.0, **dict.fromkeys((*names, *known)), **noise}
    _, numbers = np.unique(labels[kept], return_inverse=True)
    centres = np.stack([rows[numbers == number].mean(axis=0) for number in range(numbers.max() + 1)])
    return clustering(rows, numbers, centres, None if truth is None else truth[kept]) | noise
