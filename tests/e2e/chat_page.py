"""The web chat as a person sees it: open it, write, wait, read."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


class ChatPage:
    """Drives the page in a browser. Times are milliseconds."""

    def __init__(self, page: Page, url: str) -> None:
        """Keep where the page is, for example http://localhost:5005/chat/."""
        self.page, self.url = page, url
        self.input = page.locator("deep-chat #text-input")
        self.welcome = page.locator("deep-chat [data-item=welcome]")
        self.items = page.locator("deep-chat .item:not([data-item=typing]):not([data-item=welcome])")
        self.user_items = page.locator("deep-chat .item.user")
        self.bot_items = page.locator("deep-chat .item.bot:not([data-item=typing]):not([data-item=welcome])")
        self.notices = page.locator("deep-chat .item.notice")
        self.typing = page.locator("deep-chat .typing")
        self.state = page.locator("#state")

    def open(self) -> ChatPage:
        """Go there and wait until one can write."""
        self.page.goto(self.url)
        self.wait_until_connected()
        return self

    def wait_until_connected(self, timeout: float = 15_000) -> None:
        """Until the server has answered and listens."""
        expect(self.state).to_have_attribute("data-state", "connected", timeout=timeout)

    def send(self, text: str) -> None:
        """Write a message and press Enter."""
        self.input.fill(text)
        self.input.press("Enter")

    def ask(self, text: str, timeout: float = 15_000) -> list[str]:
        """Write a message, wait for the whole answer, and return its bubbles' texts."""
        before = self.items.count()
        self.send(text)
        expect(self.items.nth(before + 1)).to_be_visible(timeout=timeout)
        expect(self.typing).to_have_count(0, timeout=timeout)
        return self.texts()[before + 1 :]

    def texts(self) -> list[str]:
        """All bubbles, as read on the screen, oldest first."""
        return [self.text_of(self.items.nth(i)) for i in range(self.items.count())]

    def text_of(self, item: Locator) -> str:
        """A bubble's own text, without its sources and buttons."""
        return item.locator(".text").first.inner_text()

    def click_button(self, title: str) -> None:
        """Click a button inside a bubble."""
        self.page.locator("deep-chat .button", has_text=title).last.click()
