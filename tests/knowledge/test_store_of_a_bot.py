"""`store:` below `nlg:` in endpoints.yml: the whole way from the file to the reply, with a real Qdrant in a folder."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import InvalidConfigException
from rasa.utils.endpoints import read_endpoint_config

pytest.importorskip("qdrant_client")

RESPONSES = Domain.from_yaml(
    """
    version: "3.1"
    responses:
      utter_faq:
      - text: "I do not know."
        metadata: {generate: true}
    """
).responses


@pytest.fixture
def start(shop, tmp_path):
    """Makes the reply generation of a bot whose endpoints.yml has these lines below `store:`."""

    def nlg(*store):
        endpoints = tmp_path / "endpoints.yml"
        lines = ["type: rasa_llm_components.nlg.GenerativeNLG", f"knowledge: {shop}", 'cache_folder: ""', "store:"]
        endpoints.write_text("nlg:\n" + "\n".join(f"  {line}" for line in [*lines, *(f"  {key}" for key in store)]))
        made = NaturalLanguageGenerator.create(read_endpoint_config(str(endpoints), "nlg"), None)
        made.responses = RESPONSES
        return made

    return nlg


@pytest.fixture
def server():
    """A stand-in for a Qdrant server: it lets in whoever has the key, and holds nothing."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(500 if self.headers.get("api-key") == "open sesame" else 401)
            self.end_headers()

        def log_message(self, *_):
            pass

    made = HTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


async def test_replies_come_from_vectors_in_qdrant(start, tmp_path):
    nlg = start(f"path: {tmp_path / 'qdrant'}", "collection: shop")
    question = "What does shipping to Switzerland cost?"
    tracker = DialogueStateTracker.from_events("customer", [UserUttered(question, parse_data={"text": question})])

    reply = await nlg.generate("utter_faq", tracker, "webchat")

    assert "Switzerland" in reply["text"]
    assert list((tmp_path / "qdrant" / "collection").glob("shop-*"))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("ulr: http://127.0.0.1:9", "GenerativeNLG: `store: ulr: http://127.0.0.1:9`: there is no such key."),
        ("url: http://127.0.0.1:9", "GenerativeNLG: `store: url: http://127.0.0.1:9`: Qdrant cannot be used there"),
        ("timeout: soon", "GenerativeNLG: `store: timeout: soon`: this must be a number."),
        ("collection: shop", "GenerativeNLG: `store: {'url': '', 'path': ''}`: one of `url` and `path` is needed"),
    ],
)
def test_a_mistake_ends_the_start_with_one_sentence(start, line, sentence):
    with pytest.raises(InvalidConfigException) as caught:
        start(line)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "status"), [("open sesame", "500"), ("something else", "401")])
def test_the_servers_key_comes_from_the_environment(start, server, monkeypatch, key, status):
    monkeypatch.setenv("QDRANT_API_KEY", key)
    with pytest.raises(InvalidConfigException, match=status) as caught:
        start(f"url: {server}", "api_key: ${QDRANT_API_KEY}")
    assert key not in str(caught.value)
