"""An engine that misbehaves on request: the first parameter says how. Runs as a process of its own."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "src" / "cinemill" / "engines"))
import wire


class Fake(wire.Service):
    name = "fake"
    loads = 0

    def describe(self):
        return {"pid": os.getpid(), "loads": self.loads}

    def load(self, params):
        self.loads += 1
        if params.get("fail"):
            raise ValueError("this cannot be loaded")

    def run(self, params, blobs, more):
        return getattr(self, params["do"])(params, blobs, more)

    def echo(self, params, blobs, more):
        yield {"sizes": [len(blob) for blob in blobs]}, blobs

    def double(self, params, blobs, more):
        for header, data in more:
            for _ in range(2):
                yield {"number": header["number"]}, data

    def stall(self, params, blobs, more):
        threading.Event().wait()
        yield {}, []

    def lie(self, params, blobs, more):
        os.write(9, b'{"kind": "piece", "blobs": [1000000000000]}\n')
        yield {}, []

    def babble(self, params, blobs, more):
        os.write(9, b"Loading checkpoint shards: 100%\n")
        yield {}, []

    def endless_header(self, params, blobs, more):
        for _ in range(64):
            os.write(9, b"x" * 65536)
        yield {}, []

    def truncate(self, params, blobs, more):
        os.write(9, b'{"kind": "piece", "result": {}, "blobs": [100]}\nshort')
        os._exit(0)
        yield {}, []

    def flood(self, params, blobs, more):
        for _ in range(20000):
            sys.stderr.write("warning: " + "y" * 200 + "\n")
        yield {"survived": True}, []

    def one_line_flood(self, params, blobs, more):
        sys.stderr.write("z" * 10_000_000)
        yield {"survived": True}, []

    def fork(self, params, blobs, more):
        child = subprocess.Popen(["sleep", "1000"])
        yield {"child": child.pid}, []
        threading.Event().wait()

    def die(self, params, blobs, more):
        sys.stderr.write("CUDA error: out of luck\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        yield {}, []

    def leave(self, params, blobs, more):
        sys.stderr.write("bye\n")
        sys.stderr.flush()
        os._exit(3)
        yield {}, []

    def refuse(self, params, blobs, more):
        yield {"begun": True}, []
        raise ValueError("the picture is too small")

    def chatter(self, params, blobs, more):
        print("a library prints to stdout")
        yield {"fine": True}, []


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "old":
        wire.VERSION = 0
    if len(sys.argv) > 1 and sys.argv[1] == "silent":
        threading.Event().wait()
    os.dup2(1, 9)  # a way past the protocol
    wire.main_of(Fake())
