#!/usr/bin/env python3
"""Lets those who know the token talk to the browser's debugging port, and nobody else.

usage: sandbox-browser-relay.py <port> <port of the browser>

Chromium asks nobody who they are, and so listens on loopback alone. This listens for others. Each
connection carries one request, which must bring the token: `Authorization: Bearer <token>`, or Basic
with the user `openclaw`. An upgrade to a WebSocket is handed through until either side ends.

OPENCLAW_BROWSER_CDP_AUTH_TOKEN         the token; without one nothing is started
OPENCLAW_BROWSER_CDP_SOURCE_RANGE       peers from elsewhere are turned away (CIDR)
OPENCLAW_BROWSER_AUTO_START_TIMEOUT_MS  how long the browser may take until it answers
"""

import asyncio
import base64
import hmac
import ipaddress
import os
import sys
import time
import urllib.error
import urllib.request

HEAD_BYTES_MAX = 64 * 1024
HEAD_SECONDS_MAX = 5
CHUNK_BYTES = 64 * 1024
# More connections at once are closed unread.
CONNECTIONS_MAX = 256
POLL_SECONDS = 0.15
START_MS = 12_000

STATUS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
}
# What belongs to one connection, and not to the request. The token goes no further than here.
OF_CONNECTION = {b"connection", b"keep-alive", b"proxy-connection"}


class Refused(Exception):
    """A request that is answered with a status and nothing else."""

    def __init__(self, status):
        super().__init__(STATUS[status])
        self.status = status


def headers(head):
    """The first line of a request or response, and its headers, each as name and whole line."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    found = []
    for line in lines:
        name, colon, _ = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Refused(400)
        found.append((name.lower(), line))
    return first, found


def values(found, name):
    return [line.partition(b":")[2].strip() for key, line in found if key == name]


def length(found):
    """How long the body is, if that is said."""
    given = values(found, b"content-length")
    if not given:
        return None
    if len(given) != 1 or not given[0].isdigit():
        raise Refused(400)
    return int(given[0])


class Relay:
    def __init__(self, browser_port, token, source_range):
        self.browser_port = browser_port
        self.source_range = source_range
        basic = base64.b64encode(b"openclaw:" + token)
        self.accepted = [b"Bearer " + token, b"Basic " + basic]
        self.connections = 0

    def knows(self, found):
        """Whether the request brings the token. Takes equally long for every wrong one."""
        given = values(found, b"authorization")
        if len(given) != 1:
            return False
        return any([hmac.compare_digest(given[0], it) for it in self.accepted])

    def is_near(self, peer):
        if self.source_range is None:
            return True
        address = ipaddress.ip_address(peer)
        return address in self.source_range

    async def serve(self, reader, writer):
        if self.connections >= CONNECTIONS_MAX:
            writer.close()
            return
        self.connections += 1
        try:
            await self.answer(reader, writer)
        except Refused as refused:
            refuse(writer, refused.status)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.connections -= 1
            writer.close()

    async def answer(self, reader, writer):
        if not self.is_near(writer.get_extra_info("peername")[0]):
            raise Refused(403)
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS_MAX)
        except asyncio.TimeoutError:
            raise Refused(408) from None
        except asyncio.LimitOverrunError:
            raise Refused(431) from None
        first, found = headers(head)
        if not self.knows(found):
            raise Refused(401)
        is_upgrade = values(found, b"upgrade") != []
        dropped = {b"authorization"} | (set() if is_upgrade else OF_CONNECTION)
        lines = [first] + [line for name, line in found if name not in dropped]
        if not is_upgrade:
            lines.append(b"Connection: close")
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.browser_port)
        except OSError:
            raise Refused(502) from None
        try:
            ours.write(b"\r\n".join(lines) + b"\r\n\r\n")
            # What follows the body of a request would be another one, without the token.
            body_bytes = None if is_upgrade else length(found) or 0
            body = asyncio.create_task(copy(reader, ours, body_bytes))
            try:
                await (copy(theirs, writer) if is_upgrade else one_response(theirs, writer))
            finally:
                body.cancel()
        finally:
            ours.close()


async def copy(source, sink, left=None):
    """Hands on `left` bytes, or all that comes until it ends. Waits for a slow receiver."""
    try:
        while left != 0 and (data := await source.read(min(left or CHUNK_BYTES, CHUNK_BYTES))):
            sink.write(data)
            await sink.drain()
            left = None if left is None else left - len(data)
        if left is None and sink.can_write_eof():
            sink.write_eof()
    except OSError:
        sink.close()


async def one_response(source, sink):
    """Hands on one response, so that the next request must bring the token again."""
    head = await source.readuntil(b"\r\n\r\n")
    first, found = headers(head)
    lines = [first] + [line for name, line in found if name not in OF_CONNECTION]
    sink.write(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n")
    await copy(source, sink, length(found))


def refuse(writer, status):
    text = STATUS[status].encode()
    ask = b'WWW-Authenticate: Bearer realm="browser"\r\n' if status == 401 else b""
    writer.write(
        b"HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s" % (status, text, ask, len(text), text)
    )


def wait_for_browser(port, patience_ms):
    """Whether the browser answers in time."""
    end = time.monotonic() + patience_ms / 1000
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/version", timeout=1) as answer:
                if answer.status == 200:
                    return True
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(POLL_SECONDS)
    return False


def fail(what, advice):
    print(f"error: {what}\nhint: {advice}", file=sys.stderr)
    sys.exit(1)


async def listen(relay, port):
    server = await asyncio.start_server(relay.serve, "0.0.0.0", port, limit=HEAD_BYTES_MAX)
    print(f"the browser can be controlled at port {port}", flush=True)
    async with server:
        await server.serve_forever()


def main():
    port, browser_port = (int(word) for word in sys.argv[1:3])
    token = os.environ.get("OPENCLAW_BROWSER_CDP_AUTH_TOKEN", "").encode()
    if not token:
        fail("OPENCLAW_BROWSER_CDP_AUTH_TOKEN is not set", "set it to a secret of your own")
    source_range = os.environ.get("OPENCLAW_BROWSER_CDP_SOURCE_RANGE") or None
    try:
        if source_range:
            source_range = ipaddress.ip_network(source_range, strict=False)
        patience_ms = int(os.environ.get("OPENCLAW_BROWSER_AUTO_START_TIMEOUT_MS") or START_MS)
    except ValueError as error:
        fail(str(error), "correct OPENCLAW_BROWSER_CDP_SOURCE_RANGE or …_AUTO_START_TIMEOUT_MS")
    if not wait_for_browser(browser_port, patience_ms):
        fail(
            f"Chromium did not answer at 127.0.0.1:{browser_port} within {patience_ms} ms",
            "where its own sandbox cannot be, as in most containers: OPENCLAW_BROWSER_NO_SANDBOX=1",
        )
    asyncio.run(listen(Relay(browser_port, token, source_range), port))


if __name__ == "__main__":
    main()
