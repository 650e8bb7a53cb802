"""The network by Python's asyncio, on its ordinary selector loop.

`python-net serve PORT` sends every line back that it is sent, all connections at once; `python-net connect HOST PORT COUNT` sends COUNT
lines to such a one and prints `ok COUNT` when each came back. `std-net` and `tokio-net` in ../behaviours do the same.
"""

import asyncio
# What is not loaded when the component is made is not in it, and looking a name up wants this one.
import encodings.idna  # noqa: F401
import socket
import sys
import time

from componentize_py_types import Err
from wit_world import exports

USAGE = "usage: python-net serve PORT | connect HOST PORT COUNT"
# How long the server may take to be there.
PATIENCE_SECONDS = 10


async def serve(port):
    server = await asyncio.start_server(send_back, "0.0.0.0", port)
    print(f"serving on {port}", flush=True)
    async with server:
        await server.serve_forever()


async def send_back(reader, writer):
    try:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
    except OSError as error:
        print(f"{writer.get_extra_info('peername')}: {error}", flush=True)
    finally:
        writer.close()


async def connect(host, port, count):
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            reader, writer = await reach(host, port)
            break
        except OSError:
            if time.monotonic() >= end:
                raise
            await asyncio.sleep(0.1)
    for number in range(count):
        line = f"line {number}\n".encode()
        writer.write(line)
        await writer.drain()
        answer = await reader.readline()
        if answer != line:
            raise OSError(f"{line!r} came back as {answer!r}")
    print(f"ok {count}", flush=True)
    writer.close()
    await writer.wait_closed()


async def reach(host, port):
    """Connects to the first address that lets it."""
    failure = OSError(f"no address by the name {host}")
    # Looked up here: asyncio would do so on a thread of its own, and there are none.
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return await asyncio.open_connection(*address[:2])
        except OSError as error:
            failure = error
    raise failure


class Run(exports.Run):
    """`wasi:cli/run`."""

    def run(self):
        match sys.argv[1:]:
            case ["serve", port]:
                work = serve(int(port))
            case ["connect", host, port, count]:
                work = connect(host, int(port), int(count))
            case _:
                print(USAGE, file=sys.stderr)
                raise Err(None)
        try:
            asyncio.run(work)
        except OSError as error:
            print(error, flush=True)
            raise Err(None) from error
