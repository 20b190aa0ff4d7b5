#!/usr/bin/env python3
"""Draws docs/lsock.svg: what lsock prints on a terminal, in a small world of its own.

    ci/picture.py LSOCK [OUTPUT]     default: docs/lsock.svg

Needs root and util-linux: the sockets are in a network namespace and the processes in a pid namespace of their own, so
that nothing of this machine is in the picture, and its lines are the same on every run.
"""

import ctypes
import fcntl
import html
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading

COLUMNS = 92
ROWS = 40
COMMANDS = [["lsock"], ["lsock", "-l", ":8080"]]
TITLE = "A terminal with what lsock lists"

# Of a dark terminal.
BACKGROUND, FOREGROUND = "#1e1e2e", "#d8dbe8"
COLOURS = ["#6c7086", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#f5c2e7", "#94e2d5", "#bac2de"]
WIDTH, HEIGHT, MARGIN = 8.4, 19, 16  # of a character of 14 pixels, of a line, around the text


def name_process(name):
    PR_SET_NAME = 15
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)


def start(name, make):
    """Forks a process of that name, which makes its sockets and keeps them. Returns when they are made."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            name_process(name)
            kept = make()
            os.write(writable, b".")
            signal.pause()
            del kept
        finally:
            os._exit(1)
    os.close(writable)
    made = os.read(readable, 1)
    os.close(readable)
    if not made:
        sys.exit(f"picture.py: {name} could not make its sockets")


def connect(host, port, local_port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, local_port))
    made.connect((host, port))
    return made


def web():
    """A server with two workers, which share its listener."""
    listener = socket.create_server(("0.0.0.0", 8080))
    start("web", lambda: listener)
    start("web", lambda: listener)
    return listener


def database():
    """A server that accepts what comes, and keeps it."""
    listener = socket.create_server(("::1", 5432), family=socket.AF_INET6)
    kept = []

    def accept():
        while True:
            kept.append(listener.accept())

    threading.Thread(target=accept, daemon=True).start()
    return listener


def resolver():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.53", 53))
    return made


def make_world():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    start("resolver", resolver)
    start("database", database)
    start("web", web)
    # In the accept queue: the server calls accept for none of its connections.
    start("browser", lambda: connect("127.0.0.1", 8080, 40122))
    start("worker", lambda: connect("::1", 5432, 40130))
    # In TIME_WAIT.
    listener = socket.create_server(("127.0.0.1", 9100))
    client = connect("127.0.0.1", 9100, 40140)
    accepted = listener.accept()[0]
    client.close()
    accepted.recv(1)
    accepted.close()
    listener.close()


def printed(lsock, arguments):
    """What the program prints on a terminal of this size."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", LANG="C.UTF-8", COLUMNS=str(COLUMNS), LINES=str(ROWS))
        os.environ.pop("LC_ALL", None)
        os.environ.pop("NO_COLOR", None)
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execv(lsock, arguments)
    output = b""
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # the terminal of a process that has ended
            break
        if not read:
            break
        output += read
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        sys.exit(f"picture.py: {' '.join(arguments)} ended with {status}: {output.decode()}")
    return output.decode().replace("\r\n", "\n").rstrip("\n").split("\n")


def spans(line, style):
    """A line as (text, style), by its escape sequences; a style is (colour, bold, dim)."""
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z])", line):
        if not part.startswith("\x1b"):
            if part:
                yield part, style
            continue
        if not part.endswith("m"):
            continue
        for code in map(int, (part[2:-1] or "0").split(";")):
            colour, bold, dim = style
            if code == 0:
                style = (None, False, False)
            elif code == 1:
                style = (colour, True, dim)
            elif code == 2:
                style = (colour, bold, True)
            elif code == 22:
                style = (colour, False, False)
            elif code == 39:
                style = (None, bold, dim)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                style = (COLOURS[code % 10], bold, dim)


def draw(lines):
    width = COLUMNS * WIDTH + 2 * MARGIN
    height = len(lines) * HEIGHT + 2 * MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
        f'height="{height}" role="img">'
    )
    yield f"<title>{TITLE}</title>"
    yield f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
    yield f'<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="{FOREGROUND}">'
    for number, line in enumerate(lines):
        column = 0
        y = MARGIN + (number + 1) * HEIGHT - 5
        for text, (colour, bold, dim) in spans(line, (None, False, False)):
            attributes = f' fill="{colour}"' if colour else ""
            attributes += ' font-weight="bold"' if bold else ""
            attributes += ' opacity="0.6"' if dim else ""
            # Each word apart, so that it begins in its column whatever font there is.
            for word in re.finditer(r"\S+(?: \S+)*", text):
                x = MARGIN + (column + word.start()) * WIDTH
                yield (
                    f'<text x="{x:.1f}" y="{y}" textLength="{len(word[0]) * WIDTH:.1f}"{attributes}>'
                    f"{html.escape(word[0])}</text>"
                )
            column += len(text)
    yield "</g>"
    yield "</svg>"


def main():
    inside = "--inside" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--inside"]
    if not arguments:
        sys.exit(__doc__)
    lsock = os.path.abspath(arguments[0])
    output = arguments[1] if len(arguments) > 1 else "docs/lsock.svg"
    if not inside:
        unshare = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        os.execvp("unshare", [*unshare, sys.executable, *sys.argv, "--inside"])
    make_world()
    lines = []
    for command in COMMANDS:
        lines += [f"\x1b[2m$\x1b[0m \x1b[1m{' '.join(command)}\x1b[0m", *printed(lsock, command), ""]
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(draw(lines[:-1])) + "\n")
    print(f"{output}: {len(lines) - 1} lines")


main()
