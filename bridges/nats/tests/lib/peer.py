"""A peer in Python: says what it sees in the first message of one subject, and sends values to another.

usage: peer.py PORT. It speaks NATS's protocol over a plain socket, as far as that is needed here.
"""
import socket
import sys

import msgpack


def line(stream):
    return stream.readline().decode().rstrip("\r\n")


def ordered(value):
    """The same value with the keys of dictionaries in order, so that its text is the same each time."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value, key=str)}
    return [ordered(item) for item in value] if isinstance(value, list) else value


def publish(stream, values):
    payload = msgpack.packb(values)
    stream.write(b"PUB from.python %d\r\n%s\r\n" % (len(payload), payload))
    stream.flush()


stream = socket.create_connection(("127.0.0.1", int(sys.argv[1]))).makefile("rwb")
assert line(stream).startswith("INFO ")
stream.write(b'CONNECT {"verbose":false}\r\nSUB to.python 1\r\nPING\r\n')
stream.flush()
assert line(stream) == "PONG"
while True:
    words = line(stream).split()
    if words[0] == "PING":
        stream.write(b"PONG\r\n")
        stream.flush()
    if words[0] == "MSG":
        break
seen = msgpack.unpackb(stream.read(int(words[-1])), strict_map_key=False)
publish(stream, [repr(ordered(seen))])
publish(stream, [1, {"a": ["x", "b"]}, b"\0bytes"])
stream.write(b"PING\r\n")
stream.flush()
while line(stream) != "PONG":
    pass
