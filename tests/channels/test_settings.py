import pytest
from rasa.shared.exceptions import InvalidConfigException

from rasa_llm_components.channels.page_files import PageFiles
from rasa_llm_components.channels.settings import WebChatSettings
from rasa_llm_components.channels.web_chat import WebChat
from rasa_llm_components.errors import ConfigurationError


def test_nothing_needs_to_be_configured():
    settings = WebChatSettings.from_credentials(None)

    assert settings.path == "/chat"
    assert settings.max_message_length == 2000


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("titel", "Shop", "Did you mean `title`?"),
        ("colour", "red", "The keys are:"),
        ("title", ["Shop"], "Write a text"),
        ("accent", "blue", "#2f5bd0"),
        ("accent", "#fff;} body{", "#2f5bd0"),
        ("language", "fr", "auto, en or zh"),
        ("suggestions", "Where is my order?", "Write a list"),
        ("suggestions", [{"payload": "/x"}], "Write a list"),
        ("path", "chat page", "/chat"),
        ("max_message_length", 0, "from 1 up"),
        ("messages_per_minute", "many", "whole number"),
        ("messages_per_minute", True, "whole number"),
        ("same_site", "sometimes", "strict, lax or none"),
        ("frame_ancestors", "*", "Write a list"),
        ("frame_ancestors", ["https://a.example; script-src *"], "Write a list"),
        ("image_hosts", ["javascript:alert(1)"], "Write a list"),
        ("secret", "short", "16 characters"),
    ],
)
def test_a_mistake_names_component_key_and_fix(key, value, fix):
    with pytest.raises(ConfigurationError) as error:
        WebChatSettings.from_credentials({key: value})

    assert "WebChat" in str(error.value)
    assert f"`{key}:" in str(error.value)
    assert fix in str(error.value)


def test_a_secret_is_never_repeated_in_an_error():
    with pytest.raises(ConfigurationError) as error:
        WebChatSettings.from_credentials({"secret": "hunter2"})

    assert "hunter2" not in str(error.value)


def test_rasa_gets_its_own_kind_of_error():
    with pytest.raises(InvalidConfigException, match="accent"):
        WebChat.from_credentials({"accent": "blue"})


def test_a_page_that_was_never_built_says_which_command_builds_it(tmp_path):
    with pytest.raises(ConfigurationError, match="npm ci --prefix"):
        PageFiles(WebChatSettings(), folder=tmp_path)


def test_titles_and_suggestions_cannot_break_out_of_the_page():
    nasty = "\"'><script>alert(1)</script>$version"
    page = PageFiles(WebChatSettings.from_credentials({"title": nasty, "suggestions": [nasty]}))

    assert "<script>alert" not in page.index
    assert page.index.count("<script") == 2


@pytest.mark.parametrize(
    ("accent", "on_accent"), [("#000000", "#ffffff"), ("#ffd54f", "#111111"), ("#2f5bd0", "#ffffff")]
)
def test_text_on_the_accent_colour_can_be_read(accent, on_accent):
    assert WebChatSettings.from_credentials({"accent": accent}).on_accent == on_accent


def test_frames_and_pictures_are_allowed_where_configured_only():
    frames = ["'self'", "https://www.shop.example"]
    settings = WebChatSettings.from_credentials(
        {"frame_ancestors": frames, "image_hosts": ["https://cdn.shop.example"]}
    )

    policy = PageFiles(settings).security_headers["Content-Security-Policy"]

    assert "frame-ancestors 'self' https://www.shop.example" in policy
    assert "img-src 'self' data: https://cdn.shop.example" in policy
    assert "script-src 'self';" in policy
