"""XML texts of instruments: parsed whole, with errors that say whether the text is cut or damaged."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from adapters.errors import CorruptFileError, TruncatedFileError

# What a damaged text makes the parser raise: an unknown encoding is a LookupError or a ValueError.
FAULTS = (ElementTree.ParseError, LookupError, ValueError)


def root_of(path: Path | str, said: str, end: str = ">") -> ElementTree.Element:
    """The root element of the text `said`; a whole text ends with `end`.

    Raises
    ------
    TruncatedFileError
        It cannot be parsed and does not end so.
    CorruptFileError
        It cannot be parsed, or defines entities, which could fill the memory and which no format here needs.
    """
    if "<!ENTITY" in said:
        raise CorruptFileError(path, "it defines XML entities, which such files do not")
    try:
        # As text: what it claims of its encoding was settled when it was read.
        return ElementTree.fromstring(said)
    except FAULTS as error:
        if said.rstrip().endswith(end):
            raise CorruptFileError(path, f"it is not well-formed XML ({error})") from error
        raise TruncatedFileError(path, f"its XML ends early ({error})") from error
