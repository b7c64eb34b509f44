"""The page's files and the headers they go out with."""

from __future__ import annotations

import hashlib
import html
import json
from functools import cached_property
from pathlib import Path
from string import Template

from rasa_llm_components.channels.settings import COMPONENT, WebChatSettings
from rasa_llm_components.errors import ConfigurationError

FOLDER = Path(__file__).parent / "page"
BUNDLE = "vendor/deepChat.bundle.js"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml"}
_SENT = (
    "chat.js",
    "screen.js",
    "connection.js",
    "bubbles.js",
    "texts.js",
    "page.css",
    "bubbles.css",
    "texts.json",
    "icon.svg",
    BUNDLE,
)


class PageFiles:
    """Reads the page once and keeps it: about half a megabyte, most of it the deep-chat component."""

    def __init__(self, settings: WebChatSettings, folder: Path = FOLDER) -> None:
        """Look whether the page is complete.

        Args:
            settings: title, colours and where the page may be framed.
            folder: where the files are.

        Raises:
            ConfigurationError: the deep-chat bundle was never fetched.
        """
        self._settings = settings
        if not (folder / BUNDLE).is_file():
            raise ConfigurationError(
                f"The page is incomplete: {folder / BUNDLE} is missing.",
                component=COMPONENT,
                fix=f"Make it with `npm ci --prefix {folder} && npm run --prefix {folder} build` (Node 18 or later), "
                "or install the package's wheel, which carries it.",
            )
        self._folder = folder

    @cached_property
    def files(self) -> dict[str, tuple[bytes, str]]:
        """Content and media type of every file the page may ask for, by its name."""
        files = {name: ((self._folder / name).read_bytes(), _TYPES[Path(name).suffix]) for name in _SENT}
        accent, on_accent = self._settings.accent, self._settings.on_accent
        theme = f":root {{ --accent: {accent}; --on-accent: {on_accent}; }}\n"
        return {**files, "theme.css": (theme.encode(), "text/css")}

    @cached_property
    def version(self) -> str:
        """Changes whenever a file does, so that browsers may keep files for ever."""
        return hashlib.sha256(b"".join(content for content, _ in self.files.values())).hexdigest()[:12]

    @cached_property
    def index(self) -> str:
        """The page itself, with the settings as data: nothing in it is run but the files it names."""
        title = self._settings.title
        return Template((self._folder / "index.html").read_text(encoding="utf-8")).substitute(
            version=self.version,
            title=html.escape(title if isinstance(title, str) else title.get("en") or next(iter(title.values()), "")),
            settings=html.escape(json.dumps(self._settings.page_settings(), ensure_ascii=False), quote=True),
        )

    @cached_property
    def security_headers(self) -> dict[str, str]:
        """What every answer of the channel carries."""
        images = " ".join(["'self'", "data:", *self._settings.image_hosts])
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": images,
            "connect-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": " ".join(self._settings.frame_ancestors),
        }
        return {
            "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "strict-origin-when-cross-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
