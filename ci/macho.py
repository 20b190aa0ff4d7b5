#!/usr/bin/env python3
"""Whether a program that was linked for macOS will find on a Mac what it needs.

    ci/macho.py FILE arm64|x86_64 LIBSYSTEM.TBD

Says what the file is (a 64-bit Mach-O program for that processor), that it loads no library but those of the
system, and that libSystem exports every symbol that it imports; else what is wrong, and exits with 1.
"""

import re
import struct
import sys

PROCESSORS = {"arm64": 0x0100000C, "x86_64": 0x01000007}
# All on every Mac. The crate libc asks for iconv, and that for charset; nothing is imported from the two.
LIBRARIES = {"/usr/lib/libSystem.B.dylib", "/usr/lib/libiconv.2.dylib", "/usr/lib/libcharset.1.dylib"}
LC_SYMTAB = 0x2
LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB = 0xC, 0x80000018, 0x8000001F


class Wrong(Exception):
    pass


def read(path, processor):
    """The libraries that a Mach-O program loads, and the symbols that it imports."""
    data = open(path, "rb").read()
    if len(data) < 32 or data[:4] != b"\xcf\xfa\xed\xfe":
        raise Wrong("no 64-bit Mach-O file")
    cpu, _, kind, commands = struct.unpack_from("<4I", data, 4)
    if cpu != PROCESSORS[processor]:
        raise Wrong(f"for another processor than {processor}: {cpu:#x}")
    if kind != 2:
        raise Wrong(f"no program: file type {kind}")
    libraries, imports, place = [], set(), 32
    for _ in range(commands):
        command, size = struct.unpack_from("<2I", data, place)
        if command in (LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB):
            (offset,) = struct.unpack_from("<I", data, place + 8)
            libraries.append(data[place + offset : place + size].split(b"\0")[0].decode())
        elif command == LC_SYMTAB:
            symbols, count, strings, _ = struct.unpack_from("<4I", data, place + 8)
            for number in range(count):
                name, flags = struct.unpack_from("<IB", data, symbols + 16 * number)
                # Neither for a debugger nor defined, and visible outside.
                if flags & 0xE0 == 0 and flags & 0x0E == 0 and flags & 0x01:
                    imports.add(data[strings + name :].split(b"\0", 1)[0].decode())
        place += size
    return libraries, imports


def exports(path, processor):
    """The symbols that libSystem and what it is made of export for a processor."""
    targets = {"arm64": ("arm64-macos", "arm64e-macos"), "x86_64": ("x86_64-macos",)}[processor]
    section = re.compile(r"- targets:\s*\[([^\]]*)\]((?:\s+[a-z-]+:\s*\[[^\]]*\])*)")
    lists = re.compile(r"\b(?:weak-|thread-local-)?symbols:\s*\[([^\]]*)\]")
    names = set()
    for found in section.finditer(open(path).read()):
        if set(re.split(r"[\s,]+", found[1])) & set(targets):
            for symbols in lists.finditer(found[2]):
                names.update(name.strip().strip("'\"") for name in symbols[1].split(","))
    return names


def main():
    path, processor, stub = sys.argv[1:]
    try:
        libraries, imports = read(path, processor)
        known = exports(stub, processor)
        if not {"_sysctlbyname", "_proc_pidinfo"} <= imports:
            raise Wrong("it does not import what the back end calls: is it the whole program?")
        if set(libraries) - LIBRARIES:
            raise Wrong("it loads " + ", ".join(sorted(set(libraries) - LIBRARIES)))
        if imports - known:
            raise Wrong("libSystem does not export " + ", ".join(sorted(imports - known)))
    except (Wrong, struct.error) as why:
        print(f"{path}: {why}", file=sys.stderr)
        return 1
    print(f"{path}: a program for {processor}; {len(imports)} symbols, all of libSystem's {len(known)}")
    print(f"    loads {', '.join(libraries)}")
    return 0


sys.exit(main())
