"""What kind of file bytes are, by how they begin; reads no table."""

from __future__ import annotations

import io
import zipfile
import zlib

from .errors import FileError

#: What to do with a table in another format.
SAVE_AS_CSV = "open it in the program that made it and save it as CSV (UTF-8)"
_UNPACK = "unpack it and upload the CSV file that is in it"

_BEGINNINGS = (
    (b"%PDF", "a PDF", "export the table that it was made from as CSV"),
    (b"\x1f\x8b", "a compressed file (gzip)", _UNPACK),
    (b"7z\xbc\xaf", "a compressed file (7-Zip)", _UNPACK),
    (b"Rar!", "a compressed file (RAR)", _UNPACK),
    (b"BZh", "a compressed file (bzip2)", _UNPACK),
    (b"\xfd7zXZ", "a compressed file (xz)", _UNPACK),
    (b"\x89PNG", "a picture (PNG)", "export the table that it shows as CSV"),
    (b"\xff\xd8\xff", "a picture (JPEG)", "export the table that it shows as CSV"),
    (b"{\\rtf", "a text document (RTF)", SAVE_AS_CSV),
    (b"BEGIN:VCARD", "a list of contacts (vCard)", "export it as CSV"),
)
_MARKUP = (b"<html", b"<!doctype", b"<?xml", b"<table", b"<meta", b"<style")
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
#: What Python's zipfile raises for a file that is none.
_DAMAGED = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError),
    zlib.error,
)


def is_workbook(data: bytes) -> bool:
    """Tell a spreadsheet's workbook from a text file.

    :raises FileError: ``not_a_table``: neither of the two; says what it is, and what to do.
    """
    if data.startswith(_ZIP):
        return _is_zipped_workbook(data)
    if data.startswith(_OLE):
        return _is_ole_workbook(data)
    for beginning, name, advice in _BEGINNINGS:
        if data.startswith(beginning):
            raise not_a_table(name, advice)
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.lower().startswith(_MARKUP):
        raise not_a_table("a web page or an XML file, whatever its name ends with", SAVE_AS_CSV)
    if start[:1] in (b"{", b"[") and b'"' in start:
        raise not_a_table("JSON", "turn it into a CSV file with one mailbox a row")
    return False


def not_a_table(name: str, advice: str) -> FileError:
    """Return the fault of a file that is something else than a table."""
    return FileError("not_a_table", f"This is {name}: {advice}.")


def _is_zipped_workbook(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            if "mimetype" in names and _is_bounded(archive.getinfo("mimetype")):
                with archive.open("mimetype") as file:
                    names.add(file.read(len(_ODS) + 1).decode("latin-1"))
    except _DAMAGED:
        raise not_a_table("a damaged workbook or archive", SAVE_AS_CSV) from None
    if _ODS.decode() in names or "xl/workbook.xml" in names:
        return True
    if "xl/workbook.bin" in names:
        raise not_a_table("a binary Excel workbook (.xlsb)", SAVE_AS_CSV)
    if any(name.endswith(".iwa") or name.startswith("Index") for name in names):
        raise not_a_table("a Numbers document", "in Numbers choose File, Export To, CSV")
    if any(name.startswith("word/") for name in names):
        raise not_a_table("a Word document", "put the table into a spreadsheet and save it as CSV")
    raise not_a_table("an archive (zip)", _UNPACK)


def _is_bounded(member: zipfile.ZipInfo) -> bool:
    """Tell whether a few bytes of it can be read alone: of bzip2 and LZMA all of it is inflated."""
    return member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def _is_ole_workbook(data: bytes) -> bool:
    """Look for the streams of a compound file ([MS-CFB], [MS-XLS] 2.1.2, [MS-OFFCRYPTO] 2.3.4)."""
    if _utf16("EncryptedPackage") in data:
        raise not_a_table("a workbook with a password", f"take the password off, or {SAVE_AS_CSV}")
    if _utf16("WordDocument") in data:
        raise not_a_table("a Word document", "put the table into a spreadsheet and save it as CSV")
    return True


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-le")
