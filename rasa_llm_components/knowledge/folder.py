"""Reads every document of a folder; what cannot be read is named and left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from rasa_llm_components.errors import ConfigurationError, MissingDependencyError
from rasa_llm_components.knowledge.csv_document import read_csv
from rasa_llm_components.knowledge.document import Document
from rasa_llm_components.knowledge.html_document import read_html
from rasa_llm_components.knowledge.markdown_document import read_markdown
from rasa_llm_components.knowledge.pdf_document import read_pdf
from rasa_llm_components.knowledge.section_writer import SectionWriter

logger = logging.getLogger(__name__)

LARGEST_FILE_MB = 20.0
_COMPONENT = "knowledge"


def read_folder(folder: str | Path, *, largest_file_mb: float = LARGEST_FILE_MB) -> list[Document]:
    """Reads the folder's .md, .txt, .html, .pdf and .csv files, its subfolders' too, in order of their paths.

    A file that is broken or larger than `largest_file_mb` is left out with a warning that names it.

    Args:
        folder: the documents folder.
        largest_file_mb: larger files are left out, in megabytes of 1,000,000 bytes.

    Raises:
        ConfigurationError: no such folder, no readable document in it, or a CSV file without its columns.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise ConfigurationError(
            "there is no such folder." if not root.exists() else "this is a file, not a folder.",
            component=_COMPONENT,
            key="folder",
            value=folder,
            fix=f"Make it ({root.resolve()}) and put .md, .txt, .html, .pdf or .csv files into it.",
        )
    documents = [document for file in _files(root) for document in _read(file, root, largest_file_mb)]
    if not any(document.sections for document in documents):
        raise ConfigurationError(
            "no document with text in this folder.",
            component=_COMPONENT,
            key="folder",
            value=folder,
            fix="Put .md, .txt, .html, .pdf or .csv files into it.",
        )
    return documents


def _files(root: Path) -> Iterator[Path]:
    for file in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix()):
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
        if file.suffix.lower() in _READERS and file.is_file() and not hidden:
            yield file


def _read(file: Path, root: Path, largest_file_mb: float) -> tuple[Document, ...]:
    path = file.relative_to(root).as_posix()
    try:
        megabytes = file.stat().st_size / 1e6
        if megabytes > largest_file_mb:
            logger.warning(
                "%s is left out: %.1f MB, and the limit is %g MB. Split it, or raise `largest_file_mb`.",
                file,
                megabytes,
                largest_file_mb,
            )
            return ()
        return _READERS[file.suffix.lower()](file, path, _title_of(file))
    except ConfigurationError as error:
        raise error.for_component(_COMPONENT) from error
    except ImportError as error:
        raise MissingDependencyError(
            f"{error.name} is needed to read {file.suffix} files.",
            component=_COMPONENT,
            key="folder",
            value=root,
            fix="Run: pip install 'rasa-llm-components[knowledge]'",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s is left out, it cannot be read: %s", file, error)
        return ()


def _title_of(file: Path) -> str:
    words = file.stem.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def _decoded(file: Path) -> str:
    """The file's text: UTF-8 or UTF-16 by its mark, else UTF-8, Chinese GB 18030, Windows-1252."""
    content = file.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8-sig" or _looks_chinese(text):
            return text
    logger.warning("%s is not UTF-8; it is read as Windows-1252. Save it as UTF-8 to be sure.", file)
    return content.decode("cp1252", errors="replace")


def _looks_chinese(text: str) -> bool:
    """Western letters read as GB 18030 give single rare characters; Chinese prose is mostly Chinese."""
    letters = [character for character in text if character.isalpha()]
    common = sum("\u4e00" <= character <= "\u9fa5" for character in letters)
    return bool(letters) and common > 0.3 * len(letters)


def _read_text(file: Path, path: str, title: str) -> tuple[Document, ...]:
    writer = SectionWriter()
    for paragraph in _decoded(file).replace("\r\n", "\n").split("\n\n"):
        writer.line(" ".join(paragraph.split("\n")))
    return (Document(path, title, "", writer.sections()),)


def _read_html(file: Path, path: str, title: str) -> tuple[Document, ...]:
    return (read_html(file.read_bytes(), path, title),)


_READERS: dict[str, Callable[[Path, str, str], tuple[Document, ...]]] = {
    ".md": lambda file, path, title: (read_markdown(_decoded(file), path, title),),
    ".markdown": lambda file, path, title: (read_markdown(_decoded(file), path, title),),
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": lambda file, path, title: (read_pdf(file, path, title),),
    ".csv": lambda file, path, title: read_csv(_decoded(file), path, title),
}
