"""Turn the bytes of a text file into text, and say what is the matter when they are not what was declared."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Collection
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNICODE: Final = ("utf-8", "utf-16", "utf-32")
_GUESSES: Final = ["cp1252", "cp1250", "cp1251", "cp850", "utf_16"]
"""What business files are in when they are not in UTF-8; of two that fit, the first is told."""

_GUESSED_BYTES: Final = 64 * 1024
_DELIMITERS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar", ":": "a colon", "^": "a caret"}


class WrongEncodingError(Exception):
    """Text is not of the declared encoding; the message says where, and which it looks like."""

    def __init__(self, byte_position: int, content: bytes, encoding: str) -> None:
        guess = guessed_encoding(content)
        looks_like = f", the file looks like {guess}" if guess and guess != _family(encoding) else ""
        byte = f"byte {byte_position} (0x{content[byte_position]:02x})" if byte_position < len(content) else "its end"
        super().__init__(f"{byte} is not{looks_like}")


def text_of(content: bytes, encoding: str) -> str:
    """Return text without its byte order mark.

    A single-byte encoding takes nearly every byte, so that text beyond ASCII that is sound UTF-8 is refused there: it
    would be read as other letters, and nobody would notice.

    Raises:
        WrongEncodingError: The bytes are not of the encoding.
    """
    family = _family(encoding)
    marked = _marked_encoding(content)
    if marked is not None and not family.startswith(marked):
        raise WrongEncodingError(0, content, encoding)
    if family == "utf-16" and marked is None and b"\x00" not in content[:_GUESSED_BYTES] and content.strip():
        raise WrongEncodingError(0, content, encoding)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise WrongEncodingError(error.start, content, encoding) from error
    if not family.startswith(_UNICODE) and not content.isascii() and _is_utf8(content):
        raise WrongEncodingError(next(at for at, byte in enumerate(content) if byte > 127), content, encoding)  # noqa: PLR2004 - the last of ASCII
    return text.removeprefix(BYTE_ORDER_MARK)


def guessed_encoding(content: bytes) -> str:
    """Return which encoding bytes look like; empty when that cannot be said."""
    if (marked := _marked_encoding(content)) is not None:
        return marked
    if _is_utf8(content):
        return "utf-8"
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only needed once something is wrong

    best = from_bytes(content[:_GUESSED_BYTES], cp_isolation=_GUESSES).best()
    if best is None:
        return ""
    return next((encoding for encoding in _GUESSES if encoding in best.could_be_from_charset), best.encoding)


def guessed_delimiter(line: str, declared: str, fields: Collection[str], field_count: int) -> str:
    """Return in words by what a CSV line of field names looks delimited; empty when it is as declared.

    Args:
        line: The first line of the file.
        declared: The declared delimiter.
        fields: Names that the line must hold; empty where it holds none.
        field_count: How many values it must hold where it holds no names.
    """
    for delimiter, name in _DELIMITERS.items():
        if delimiter != declared:
            values = next(csv.reader([line], delimiter=delimiter), [])
            fits = {value.strip() for value in values}.issuperset(fields) if fields else len(values) == field_count
            if fits and len(values) > 1:
                return name
    return ""


def _family(encoding: str) -> str:
    return codecs.lookup(encoding).name.replace("_", "-").removesuffix("-sig")


def _marked_encoding(content: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
