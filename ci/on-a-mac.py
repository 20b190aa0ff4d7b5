#!/usr/bin/env python3
"""Compares what lsock lists on a Mac with what lsof and netstat list, as sets.

    ci/on-a-mac.py LSOCK

Sockets come and go meanwhile: all are asked three times, and only what differs each time counts.
"""

import json
import subprocess
import sys

ROUNDS = 3


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def end(address, port):
    """An end in one form: no zone, and `*` for all addresses and for no port."""
    address = address.strip("[]").split("%")[0]
    if address.startswith("::ffff:"):
        address = address[len("::ffff:") :]
    if address in ("0.0.0.0", "::"):
        address = "*"
    return (address, "*" if str(port) == "0" else str(port))


def of_lsock(program):
    """The descriptors of TCP and UDP sockets, (pid, fd, protocol, local, remote); and all rows' ends."""
    holders, rows = set(), set()
    for row in json.loads(run(program, "--json"))["sockets"]:
        ends = [end(row[side]["addr"], row[side]["port"]) if row[side] else None for side in ("local", "remote")]
        rows.add((row["protocol"], *ends))
        for owner in row["owners"]:
            if owner["role"] == "holder" and owner["fd"] is not None:
                holders.add((owner["pid"], owner["fd"], row["protocol"], *ends))
    return holders, rows


def of_lsof():
    """The same descriptors by lsof's own form for programs."""
    holders, pid, fd, protocol = set(), None, None, None
    for line in run("/usr/sbin/lsof", "-nP", "-i", "-F", "pfPn").splitlines():
        kind, value = line[:1], line[1:]
        if kind == "p":
            pid = int(value)
        elif kind == "f":
            fd = int(value) if value.isdigit() else None
        elif kind == "P":
            protocol = value.lower()
        elif kind == "n" and fd is not None and protocol in ("tcp", "udp"):
            local, _, remote = value.partition("->")
            ends = [end(*side.rsplit(":", 1)) if ":" in side else None for side in (local, remote)]
            holders.add((pid, fd, protocol, *ends))
    return holders


def of_netstat():
    """The ends of all rows by netstat, which puts a dot before the port."""
    rows = set()
    for protocol in ("tcp", "udp"):
        for line in run("/usr/sbin/netstat", "-anW", "-p", protocol).splitlines():
            words = line.split()
            if len(words) >= 5 and words[0].startswith(protocol):
                local, remote = (end(*words[at].rsplit(".", 1)) for at in (3, 4))
                rows.add((protocol, local, None if remote == ("*", "*") else remote))
    return rows


def lasting(one, other):
    """What each time is in the one and not in the other."""
    return set.intersection(*(a - b for a, b in zip(one, other)))


def main():
    lsock = [of_lsock(sys.argv[1]) for _ in range(ROUNDS)]
    holders, rows = [held for held, _ in lsock], [listed for _, listed in lsock]
    lsof, netstat = [of_lsof() for _ in range(ROUNDS)], [of_netstat() for _ in range(ROUNDS)]
    # Flows and subflows have no descriptor, and descriptors of dead connections no row: lsof lists those.
    differences = {
        "held, says lsof alone": lasting(lsof, holders),
        "held, says lsock alone": lasting(holders, lsof),
        "listed by netstat alone": lasting(netstat, rows),
        "listed by lsock alone": lasting(rows, netstat),
    }
    print(f"lsock: {len(holders[0])} descriptors, {len(rows[0])} different rows")
    print(f"lsof: {len(lsof[0])} descriptors; netstat: {len(netstat[0])} different rows")
    for what, which in differences.items():
        print(f"{what}: {len(which)}")
        for item in sorted(which, key=str)[:20]:
            print("   ", *item)
    return 1 if any(differences.values()) or not rows[0] else 0


sys.exit(main())
