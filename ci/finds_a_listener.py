#!/usr/bin/env python3
"""Shows that an lsock finds a socket and its owner: it listens, and is in the listing.

    ci/finds_a_listener.py LSOCK
"""

import json
import os
import socket
import subprocess
import sys

with socket.create_server(("127.0.0.1", 0)) as listener:
    port = listener.getsockname()[1]
    command = [sys.argv[1], "--json", "-l", "--local-port", str(port)]
    document = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    owners = [(row["state"], owner["pid"], owner["fd"]) for row in document["sockets"] for owner in row["owners"]]
    if owners != [("LISTEN", os.getpid(), listener.fileno())]:
        sys.exit(f"port {port} of process {os.getpid()}: {owners}, {document['gaps']}")
    print(f"port {port}: found, with its owner")
