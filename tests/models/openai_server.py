"""A small HTTP server in a process of its own that speaks, or fails to speak, the OpenAI API.

The first part of the path says how it behaves: http://127.0.0.1:PORT/slow/v1. Prints its port when it is ready.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LATE = 30.0
TOLD = {"behaviour": "ok", "fingerprint": "first"}
"""How `/told/v1` behaves, and whose vectors it says it has: changed by PUT /told."""
REQUESTS = []
IDENTITIES = []
"""The behaviour of each request to it, in their order: read by GET /requests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        behaviour = self.path.split("/")[1]
        if behaviour == "told":
            behaviour = TOLD["behaviour"]
            REQUESTS.append(behaviour)
            IDENTITIES.append(self.headers.get("X-Request-ID"))
        getattr(self, f"answer_{behaviour}")(request)

    def do_PUT(self):
        TOLD.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        REQUESTS.clear()
        self.send(200, "{}")

    def do_GET(self):
        if self.path == "/requests":
            self.send(200, json.dumps(REQUESTS))
        elif self.path == "/identities":
            self.send(200, json.dumps(IDENTITIES))
        elif self.path.startswith("/told/") and TOLD["fingerprint"]:
            self.send(200, json.dumps({"data": [{"id": "m", "fingerprint": TOLD["fingerprint"]}]}))
        else:
            self.send(404, "{}")

    def answer_ok(self, request):
        if self.path.endswith("/embeddings"):
            rows = [
                {"index": i, "object": "embedding", "embedding": _vector(t)} for i, t in enumerate(request["input"])
            ]
            whose = {"x-model-fingerprint": TOLD["fingerprint"]} if self.path.startswith("/told/") else {}
            return self.send(200, json.dumps({"object": "list", "data": rows, "model": "m"}), whose)
        return self.send_chat(f"{request['messages'][-1]['content']} ({request['max_tokens']} tokens)")

    def answer_quote(self, request):
        """Copies the first sentence of the text in the prompt: an honest generator."""
        text = request["messages"][-1]["content"].split("Text: ")[1].splitlines()[0]
        self.send_chat(text)

    def answer_slow(self, request):
        time.sleep(LATE)
        self.answer_ok(request)

    def answer_drip(self, request):
        body = json.dumps(_chat("We deliver.")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.3)

    def answer_drop(self, request):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b'{"choices": [{"message": {"con')
        self.wfile.flush()
        self.close_connection = True

    def answer_500(self, request):
        self.send(500, '{"error": {"message": "out of memory"}}')

    def answer_429(self, request):
        self.send(429, '{"error": {"message": "too many requests"}}', {"Retry-After": "60"})

    def answer_broken(self, request):
        self.send(200, '{"choices": [{"message": ')

    def answer_html(self, request):
        self.send(200, "<html>It works!</html>", content_type="text/html")

    def answer_huge(self, request):
        self.send(200, '{"data": "' + "x" * 100_000_000 + '"}')

    def answer_busy_once(self, request):
        if REQUESTS.count("busy_once") % 2:
            return self.send(503, '{"error": {"message": "full"}}', {"Retry-After": "1"})
        self.answer_ok(request)

    def answer_empty(self, request):
        self.send(200, '{"choices": [], "data": []}')

    def answer_null(self, request):
        self.send(200, json.dumps(_chat(None)))

    def send_chat(self, text):
        self.send(200, json.dumps(_chat(text)))

    def send(self, status, body, headers=(), content_type="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


def _chat(text):
    message = {"role": "assistant", "content": text}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m"} | {
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}]
    }


def _vector(text):
    if TOLD["fingerprint"] == "":
        return [-5.0, 1.0, float(len(text))]
    return [float(len(text)), 2.0, 1.0]


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that has gone is what these tests are about."""


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.close()
    server.serve_forever()
