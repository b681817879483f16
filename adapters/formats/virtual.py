"""Virtual datasets whose sources cannot be read, which HDF5 would fill with zeros in silence."""

from __future__ import annotations

from pathlib import Path

import h5py

from adapters.errors import MissingSourceError
from adapters.formats import hdf5


def require_sources(dataset: h5py.Dataset) -> None:
    """Open every source file of `dataset` and find its frames; raises what is wrong with the first bad one.

    Raises
    ------
    MissingSourceError
        A source file, or the dataset in it, is not there.
    TruncatedFileError, StillWritingError, CorruptFileError
        A source file cannot be read.
    """
    if not dataset.is_virtual:
        return
    path = dataset.file.filename
    if absent := hdf5.absent_sources(dataset):
        raise MissingSourceError(path, f"{dataset.name} draws on {', '.join(absent)}")
    home = Path(path).resolve().parent
    for source in dataset.virtual_sources():
        if source.file_name == ".":
            continue
        with hdf5.opened(home / source.file_name) as file:
            if source.dset_name not in file:
                raise MissingSourceError(path, f"{source.file_name} has no {source.dset_name}")
