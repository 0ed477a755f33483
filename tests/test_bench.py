"""The bench counts right and stops at a wrong answer. How fast anything is, is not tested."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench import through_http
from bench.load import Line, Loop, Wrong, drive, is_whole, post
from bench.report import percentile


class TinyServer:
    """Answers each request in two pieces, the n-th of all with the n-th status; then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.bodies: list[bytes] = []
        self._statuses = list(statuses)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(line,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, line: socket.socket) -> None:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with line:
            got = b""
            while piece := line.recv(65536):
                got += piece
                if not is_whole(got):
                    continue
                body, got = got.partition(b"\r\n\r\n")[2], b""
                self.bodies.append(body)
                status = self._statuses.pop(0) if self._statuses else 200
                line.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n" % (status, len(body)))
                line.sendall(b"\r\n" + body)


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.mark.parametrize("connections", [1, 4, 16])
def test_every_request_is_asked_once_and_its_answer_kept_with_it(
    loop: Loop, connections: int
) -> None:
    kept: dict[int, bytes] = {}
    requests = [post("/", b"%d" % number, "key") for number in range(10)]
    with closing(TinyServer()) as server:
        lines = [Line(loop, server.port) for _ in range(connections)]
        took = drive(loop, lines, requests, 200, kept.__setitem__)
        for line in lines:
            line.close()
    assert sorted(server.bodies) == [b"%d" % number for number in range(10)]
    assert {place: answer[-1:] for place, answer in kept.items()} == {
        number: b"%d" % number for number in range(10)
    }
    assert len(took) == 10
    assert min(took) > 0


def test_any_other_status_stops_the_bench_and_is_told(loop: Loop) -> None:
    with closing(TinyServer(200, 200, 429)) as server:
        line = Line(loop, server.port)
        with pytest.raises(Wrong, match=r"200, got b'HTTP/1\.1 429"):
            drive(loop, [line], [post("/", b"{}", "key")] * 5, 200)
        line.close()
    assert len(server.bodies) == 3


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile(range(1, 101), 50) == 50
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


@pytest.mark.process
def test_a_small_run_measures_all_three_kinds(tmp_path: Path) -> None:
    said: list[str] = []
    through_http.run(tmp_path, pairs=20, rounds=1, markdown=True, say=said.append)
    rows = [line for line in "\n".join(said).splitlines() if line.startswith("| ")]
    cells = [[word.strip() for word in row.strip("|").split("|")] for row in rows[2:]]
    assert [(c[0], c[1]) for c in cells] == [
        (what, connections)
        for connections in ("16", "64")
        for what in ("hello", "plain", "sending")
    ]
    assert all(float(c[2]) > 0 for c in cells)
