"""The relay before a sandbox's browser: who is let through, and how much they may send.

A server of the test's own stands in for the browser. It says what it was asked, and keeps
connections open, as Chromium does.
"""

import base64
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELAY = ROOT / "scripts" / "sandbox-browser-relay.py"
TOKEN = "a-token"
PATIENCE_SECONDS = 20


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


class Browser:
    """Answers each request with what it was asked; after an upgrade, it repeats what it hears."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.asked = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=[connection], daemon=True).start()

    def answer(self, connection):
        with connection:
            while head := read_head(connection):
                self.asked.append(head.split(b"\r\n")[0])
                if b"\r\nUpgrade:" in head:
                    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
                    while data := connection.recv(4096):
                        connection.sendall(data.upper())
                    return
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(head), head)
                )

    def close(self):
        try:
            # Else it would go on for whoever waits in `accept`.
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def read_head(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(1)
        if not data:
            return b""
        head += data
    return head


class Relayed(unittest.TestCase):
    def setUp(self):
        self.browser = Browser()
        self.addCleanup(self.browser.close)

    def start(self, **extra):
        """A relay that listens. Gives its port."""
        port = free_port()
        env = {"PATH": os.environ["PATH"], "OPENCLAW_BROWSER_CDP_AUTH_TOKEN": TOKEN, **extra}
        relay = subprocess.Popen(
            [sys.executable, "-B", RELAY, str(port), str(self.browser.port)],
            env=env,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(relay.stdout.close)
        self.addCleanup(relay.wait)
        self.addCleanup(relay.kill)
        self.assertIn(str(port).encode(), relay.stdout.readline())
        return port

    def send(self, port, text):
        """All that comes back until the relay closes the connection."""
        with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
            try:
                connection.sendall(text)
            except OSError:
                pass  # It may have answered before it was told all.
            answer = b""
            try:
                while data := connection.recv(65536):
                    answer += data
            except ConnectionResetError:
                pass
            return answer

    def status(self, port, *headers):
        lines = [b"GET /json/version HTTP/1.1", b"Host: 127.0.0.1", *headers]
        answer = self.send(port, b"\r\n".join(lines) + b"\r\n\r\n")
        return int(answer.split(b" ")[1])

    def test_only_the_token_opens(self):
        port = self.start()

        def basic(text):
            return b"Authorization: Basic " + base64.b64encode(text)

        self.assertEqual(self.status(port, b"Authorization: Bearer a-token"), 200)
        self.assertEqual(self.status(port, basic(b"openclaw:a-token")), 200)
        for wrong in [
            [],
            [b"Authorization: Bearer other"],
            [b"Authorization: Bearer a-token-and-more"],
            [b"Authorization: Bearer"],
            [basic(b"someone:a-token")],
            [basic(b"openclaw:")],
            [b"X-Authorization: Bearer a-token"],
            [b"Authorization: Bearer a-token", b"Authorization: Bearer a-token"],
        ]:
            self.assertEqual(self.status(port, *wrong), 401, wrong)
        self.assertEqual(self.status(port, b"Authorization : Bearer a-token"), 400)

    def test_the_browser_never_sees_the_token_and_each_request_must_bring_it(self):
        port = self.start()
        self.browser.asked.clear()
        request = b"GET /one HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer a-token\r\n\r\n"

        answer = self.send(port, request + b"GET /two HTTP/1.1\r\nHost: h\r\n\r\n")

        self.assertIn(b"GET /one HTTP/1.1\r\nHost: h\r\nConnection: close", answer)
        self.assertNotIn(b"a-token", answer)
        self.assertEqual(answer.lower().count(b"keep-alive"), 0)
        self.assertEqual(self.browser.asked, [b"GET /one HTTP/1.1"])

    def test_an_upgrade_is_handed_through_both_ways(self):
        port = self.start()
        head = b"GET /devtools HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

        self.assertIn(b"401", self.send(port, head + b"\r\n").split(b"\r\n")[0])
        with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
            connection.sendall(head + b"Authorization: Bearer a-token\r\n\r\n")
            self.assertIn(b" 101 ", read_head(connection))
            for word in [b"hello", b"again"]:
                connection.sendall(word)
                self.assertEqual(connection.recv(5), word.upper())

    def test_a_head_has_an_end_soon(self):
        port = self.start()

        long = self.send(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000)
        begin = time.monotonic()
        slow = self.send(port, b"GET / HTTP/1.1\r\nX: ")

        self.assertIn(b" 431 ", long.split(b"\r\n")[0])
        self.assertIn(b" 408 ", slow.split(b"\r\n")[0])
        self.assertLess(time.monotonic() - begin, PATIENCE_SECONDS)

    def test_peers_from_elsewhere_are_turned_away(self):
        near = self.start(OPENCLAW_BROWSER_CDP_SOURCE_RANGE="127.0.0.0/8")
        far = self.start(OPENCLAW_BROWSER_CDP_SOURCE_RANGE="10.9.0.0/16")

        self.assertEqual(self.status(near, b"Authorization: Bearer a-token"), 200)
        self.assertEqual(self.status(far, b"Authorization: Bearer a-token"), 403)

    def test_a_browser_that_went_away_is_told(self):
        port = self.start()
        self.browser.close()

        self.assertEqual(self.status(port, b"Authorization: Bearer a-token"), 502)


class Refused(unittest.TestCase):
    def run_relay(self, **env):
        ran = subprocess.run(
            [sys.executable, "-B", RELAY, str(free_port()), str(free_port())],
            env={"PATH": os.environ["PATH"], **env},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        self.assertEqual(ran.returncode, 1)
        return ran.stderr

    def test_without_a_token_nothing_is_started(self):
        self.assertIn("OPENCLAW_BROWSER_CDP_AUTH_TOKEN is not set", self.run_relay())

    def test_a_range_that_is_none_is_told(self):
        said = self.run_relay(
            OPENCLAW_BROWSER_CDP_AUTH_TOKEN=TOKEN, OPENCLAW_BROWSER_CDP_SOURCE_RANGE="here"
        )

        self.assertIn("'here'", said)

    def test_a_browser_that_does_not_answer_is_given_up_with_its_port_and_the_time(self):
        said = self.run_relay(
            OPENCLAW_BROWSER_CDP_AUTH_TOKEN=TOKEN, OPENCLAW_BROWSER_AUTO_START_TIMEOUT_MS="200"
        )

        self.assertRegex(said, r"did not answer at 127\.0\.0\.1:\d+ within 200 ms")


if __name__ == "__main__":
    unittest.main()
