"""A real browser for every test below, and the minimal bot for the tests of the page."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.bot_process import MINIMAL_BOT, ActionServer, BotProcess, free_port, trained_model
from tests.e2e.chat_page import ChatPage

WEB_CHAT = {
    "title": {"en": "Marigold Gifts", "zh": "金盏花礼品"},
    "subtitle": {"en": "Gifts that arrive on time", "zh": "准时送达的好礼"},
    "suggestions": {"en": ["Track my parcel", "What does delivery cost?"], "zh": ["运费多少？"]},
    "conversations_per_minute_per_address": 600,
}

CHROMIUM_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Debian's Chromium where it is installed; None lets Playwright take its own."""
    return next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has never been here, set to English."""
    made = browser.new_context(locale="en-GB")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="session")
def action_server() -> Iterator[ActionServer]:
    server = ActionServer(free_port())
    yield server
    server.close()


@pytest.fixture(scope="session")
def bot(
    action_server: ActionServer, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[BotProcess]:
    """The minimal bot behind a real Rasa server; its model is kept between runs while its files stay the same."""
    files = sorted(path for path in MINIMAL_BOT.rglob("*") if path.is_file())
    version = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    model = trained_model(Path(pytestconfig.cache.mkdir(f"minimal_bot_{version}")))
    process = BotProcess(tmp_path_factory.mktemp("bot"), model, free_port(), action_server.port, WEB_CHAT)
    yield process.start()
    process.kill()


@pytest.fixture
def chat(page: Page, bot: BotProcess) -> ChatPage:
    """The open page of a new conversation."""
    return ChatPage(page, f"{bot.url}/chat/").open()
