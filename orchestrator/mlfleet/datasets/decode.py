"""Raw bytes to x and y: one function a dataset, floats as the nearest float64 to what is printed."""

import gzip
import json
import lzma
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets import clouds, planted
from mlfleet.datasets.generated import cartpole, gd_syn, integers_syn

Floats = NDArray[np.float64]
_TOKENS, _TOKENS_SEED = 1 << 16, 42
Decoded = tuple[NDArray[Any], NDArray[Any]]


def decode(name: str, files: list[bytes]) -> Decoded:
    """Arrays x (f64[n,d], images u8[n,h,w]) and y (i64[n] classes from 0, or f64[n]) of files that were checked."""
    return _DECODERS[name](files)


def _table(data: bytes, *, delimiter: str | None = ",", skip: int = 0) -> Floats:
    return np.loadtxt(BytesIO(data), delimiter=delimiter, skiprows=skip, dtype=np.float64)


def _classes_last(table: Floats) -> Decoded:
    return table[:, :-1], table[:, -1].astype(np.int64)


def _headed_csv(files: list[bytes]) -> Decoded:
    return _classes_last(_table(files[0], skip=1))


def _digits(files: list[bytes]) -> Decoded:
    return _classes_last(_table(gzip.decompress(files[0])))


def _diabetes(files: list[bytes]) -> Decoded:
    x, y = (_table(gzip.decompress(file), delimiter=None) for file in files)
    return x, y


def _boston_housing(files: list[bytes]) -> Decoded:
    table = _table(files[0])
    return table[:, :-1], table[:, -1]


def _mnist_5k(files: list[bytes]) -> Decoded:
    table = np.loadtxt(BytesIO(gzip.decompress(files[0])), delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)


def _fashion_mnist(files: list[bytes]) -> Decoded:
    images, labels, test_images, test_labels = (_idx(gzip.decompress(file)) for file in files)
    return np.concatenate([images, test_images]), np.concatenate([labels, test_labels]).astype(np.int64)


def _fashion_mnist_20k(files: list[bytes]) -> Decoded:
    x, y = _fashion_mnist(files)
    rows = np.r_[:20_000, 60_000 : len(x)]
    return x[rows], y[rows]


def _idx(data: bytes) -> NDArray[np.uint8]:
    """An IDX file of bytes: 0, 0, type, rank, the sizes (big-endian, 4 bytes each), the elements."""
    rank = data[3]
    sizes = np.frombuffer(data, ">u4", rank, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(sizes)


def _pydoc_text(files: list[bytes]) -> Decoded:
    topics = json.loads(lzma.decompress(files[0]))
    documents = [text.encode() for text in topics.values()]
    lengths = np.array([len(document) for document in documents], np.int64)
    return np.frombuffer(b"".join(documents), np.uint8), lengths


def _tokens_syn(_: list[bytes]) -> Decoded:
    words = np.random.Philox(key=_TOKENS_SEED).random_raw(_TOKENS)
    return (words >> np.uint64(1)).astype(np.int64), np.zeros(_TOKENS, np.int64)


def _control(_: list[bytes]) -> Decoded:
    return np.arange(1.0, 65.0).reshape(16, 4), np.zeros(16, np.int64)


_DECODERS: Mapping[str, Callable[[list[bytes]], Decoded]] = {
    "iris": _headed_csv,
    "wine": _headed_csv,
    "breast_cancer": _headed_csv,
    "digits": _digits,
    "diabetes": _diabetes,
    "boston_housing": _boston_housing,
    "mnist_5k": _mnist_5k,
    "fashion_mnist": _fashion_mnist,
    "fashion_mnist-20k": _fashion_mnist_20k,
    "pydoc_text": _pydoc_text,
    "tokens-syn": _tokens_syn,
    "gd-syn": lambda _: gd_syn(),
    "linear-syn": lambda _: planted.linear_syn(),
    "nonlinear-syn": lambda _: planted.nonlinear_syn(),
    "sparse-syn": lambda _: planted.sparse_syn(),
    "california_housing-syn": lambda _: planted.california_housing_syn(),
    "classification-syn": lambda _: planted.classification_syn(),
    "classification-20k-syn": lambda _: planted.classification_20k_syn(),
    "tree-syn": lambda _: planted.tree_syn(),
    "tabular-syn": lambda _: planted.tabular_syn(),
    "blobs2d-syn": lambda _: clouds.blobs(2_000, 2, classes=4, spread=5.0),
    "blobs3d-syn": lambda _: clouds.blobs(2_000, 3, classes=4, spread=4.0),
    "blobs16-syn": lambda _: clouds.blobs(50_000, 16, classes=8, spread=1.5),
    "moons-syn": lambda _: clouds.moons_syn(),
    "circles-syn": lambda _: clouds.circles_syn(),
    "integers-syn": lambda _: integers_syn(),
    "cartpole": lambda _: cartpole(),
    "control": _control,
}
