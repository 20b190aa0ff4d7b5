#!/usr/bin/env python3
"""Finds import cycles between the source files of a crate.

    ci/cycles.py CRATE...      folders with src/lib.rs or src/main.rs, for example crates/lsock

Prints a line for each group of files that import each other: where its shortest cycle starts, that cycle, and all files
of the group. Exit status: 0 no cycle, 1 cycles, 2 the check could not be done.

File A imports file B if a `use` or an inline path in A begins with `crate::`, `self::`, `super::`, a child module or an
imported name, and names a module of B or something defined in it. A name that a module re-exports leads to the file
that defines it; behind a glob, to the file with the glob. These are not imports: `mod` lines; a `pub use` that names
something of the module's own children, unless the same file also uses that name; comments; test code (`#[test]` and
whatever exists under `cfg(test)` or `cfg(netstat_scripted)` only). Code for every operating system counts.
"""

import re
import sys
from collections import defaultdict, deque
from pathlib import Path

TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*)
    | (?P<raw>\b[bc]?r(?P<hashes>\#*)".*?"(?P=hashes))
    | (?P<text>[bc]?"(?:[^"\\]|\\.)*")
    | (?P<char>b?'(?:[^'\\\n]|\\(?:x..|u\{[^}]*\}|.))')
    | (?P<lifetime>'\w+)
    | (?P<name>(?:r\#)?[A-Za-z_]\w*)
    | (?P<number>\d\w*)
    | (?P<sign>::|\S)
    """,
    re.VERBOSE | re.DOTALL,
)
CLOSING = {"(": ")", "[": "]", "{": "}"}
ITEMS = set("pub fn struct enum union trait impl mod use const static type unsafe extern async macro_rules".split())
ONLY_IN_TESTS = {"test", "doctest", "netstat_scripted"}


class Broken(Exception):
    """The source is not as this check expects it."""


def tokens_of(source):
    """The tokens as (kind, text, line), without comments."""
    tokens, at, line = [], 0, 1
    while match := TOKEN.search(source, at):
        line += source.count("\n", at, match.start())
        kind, text, end = match.lastgroup, match.group(), match.end()
        if kind == "hashes":
            kind = "raw"
        if text == "/*":
            end = end_of_comment(source, end)
        elif kind != "comment":
            tokens.append((kind, text.removeprefix("r#") if kind == "name" else text, line))
        line += source.count("\n", match.start(), end)
        at = end
    return tokens


def end_of_comment(source, at):
    depth = 1
    while depth:
        match = re.compile(r"/\*|\*/").search(source, at)
        if not match:
            raise Broken("a comment without its end")
        depth += 1 if match.group() == "/*" else -1
        at = match.end()
    return at


class Module:
    def __init__(self, name, parent, file):
        self.name, self.parent, self.file = name, parent, file
        # A name can have several meanings: on different systems, or as a module and as a function.
        self.children = defaultdict(list)
        self.imports = defaultdict(list)  # name: paths, of every `use`
        self.uses = []  # (path, name or None for a glob, whether it is public, line)
        self.paths = []  # (path, line), inline
        self.names = set()  # that occur outside `use` lines

    def is_within(self, other):
        return self is other or (self.parent is not None and self.parent.is_within(other))


class Reader:
    """Reads one file, and then the files of the modules that it declares."""

    def __init__(self, file, module, folder):
        try:
            source = file.read_text(encoding="utf-8")
        except OSError as error:
            raise Broken(f"{file}: {error.strerror}") from error
        self.file, self.tokens, self.at = file, tokens_of(source), 0
        self.module, self.folder = module, folder

    def text(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index][1] if 0 <= index < len(self.tokens) else ""

    def kind(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index][0] if 0 <= index < len(self.tokens) else ""

    def line(self):
        return self.tokens[self.at][2]

    def read(self):
        depth, inline = 0, []  # the depth at which each inline module began
        path_attribute, is_public = None, False
        while self.at < len(self.tokens):
            text, public, is_public = self.text(), is_public, False
            if text == "#" and self.text(1) in ("[", "!"):
                inner, attribute = self.attribute()
                if is_test_only(attribute):
                    if inner and depth == 0:
                        return
                    self.skip_item()
                    path_attribute = None
                elif attribute[:2] == ["path", "="]:
                    path_attribute = attribute[2].strip('"')
                is_public = public
                continue
            if text == "pub":
                self.at += 1
                if self.text() == "(" and self.text(1) in ("crate", "self", "super", "in"):
                    self.group()
                is_public = True
                continue
            if text == "mod" and self.kind(1) == "name" and self.text(2) in (";", "{"):
                if self.text(2) == ";":
                    self.module_file(self.text(1), path_attribute)
                else:
                    inline.append((depth, self.module, self.folder))
                    child = Module(self.text(1), self.module, self.file)
                    self.module.children[child.name].append(child)
                    self.module, self.folder = child, self.folder / child.name
                    depth += 1
                path_attribute = None
                self.at += 3
                continue
            if text == "use" and self.text(1) != "<":
                line = self.line()
                self.at += 1
                for path, name in self.use_tree([]):
                    if name is not None:
                        self.module.imports[name].append(path)
                    self.module.uses.append((path, name, public, line))
                continue
            if self.kind() == "name":
                self.inline_path()
                continue
            if text == "{":
                depth += 1
            elif text == "}":
                depth -= 1
                if inline and inline[-1][0] == depth:
                    _, self.module, self.folder = inline.pop()
            self.at += 1

    def group(self):
        """Passes a group in brackets, and returns the texts within."""
        start, depth = self.at, 0
        while self.at < len(self.tokens):
            depth += (self.text() in CLOSING) - (self.text() in CLOSING.values())
            self.at += 1
            if depth == 0:
                return [text for _, text, _ in self.tokens[start + 1 : self.at - 1]]
        raise Broken(f"{self.file}: a bracket that is not closed")

    def attribute(self):
        self.at += 1
        inner = self.text() == "!"
        self.at += inner
        return inner, self.group()

    def skip_item(self):
        """Passes what stands behind an attribute: an item, a statement, a field."""
        while self.text() == "#":
            self.attribute()
        is_item = self.text() in ITEMS
        while self.at < len(self.tokens) and self.text() not in CLOSING.values():
            text = self.text()
            if text in CLOSING:
                self.group()
                if text == "{" and is_item:
                    return
                continue
            self.at += 1
            if text == ";" or (text == "," and not is_item):
                return

    def use_tree(self, prefix):
        """The paths of a `use`, each with the name that it gets; passes the `;` too, or what ends a branch."""
        path = list(prefix)
        while True:
            text = self.text()
            self.at += 1
            if text == "{":
                while self.text() != "}":
                    yield from self.use_tree(path)
                self.at += 1
                self.end_of_branch()
                return
            if text == "*":
                self.end_of_branch()
                yield path, None
                return
            if text == "::" or text == "$":
                continue
            if text != "self" or not path:
                path.append(text)
            if self.text() == "::":
                continue
            name = path[-1]
            if self.text() == "as":
                name = self.text(1)
                self.at += 2
            self.end_of_branch()
            yield path, name
            return

    def end_of_branch(self):
        if self.text() in (",", ";"):
            self.at += 1
        elif self.text() != "}":
            raise Broken(f"{self.file}: a `use` that ends in {self.text()!r}")

    def inline_path(self):
        line, before = self.line(), self.text(-1)
        path = [self.text()]
        self.at += 1
        while self.text() == "::" and self.kind(1) == "name":
            path.append(self.text(1))
            self.at += 2
        if before in ("::", "."):
            return
        self.module.names.add(path[0])
        if len(path) > 1:
            self.module.paths.append((path, line))

    def module_file(self, name, path_attribute):
        if path_attribute is not None:
            file = self.file.parent / path_attribute
            folder = file.parent
        else:
            candidates = [self.folder / f"{name}.rs", self.folder / name / "mod.rs"]
            file = next((file for file in candidates if file.is_file()), candidates[0])
            folder = self.folder / name
        child = Module(name, self.module, file)
        self.module.children[name].append(child)
        Reader(file, child, folder).read()


def is_test_only(attribute):
    """Whether what has this attribute exists in tests only."""
    if attribute == ["test"]:
        return True
    if attribute[:2] != ["cfg", "("]:
        return False
    can_be_true, _ = condition(attribute[2:-1])
    return not can_be_true


def condition(tokens):
    """Whether a condition of `cfg` can be true, and can be false, where no test is built."""
    if tokens[0] in ("any", "all", "not") and tokens[1:2] == ["("]:
        parts = [condition(part) for part in split(tokens[2:-1])]
        if tokens[0] == "not":
            return parts[0][::-1]
        for_true, for_false = (any, all) if tokens[0] == "any" else (all, any)
        return for_true(true for true, _ in parts), for_false(false for _, false in parts)
    return (tokens[0] not in ONLY_IN_TESTS or len(tokens) > 1), True


def split(tokens):
    """The parts between the outermost commas."""
    parts, depth = [[]], 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        if token == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def modules(module):
    yield module
    for children in module.children.values():
        for child in children:
            yield from modules(child)


def targets(module, path, seen=frozenset()):
    """The modules that define what a path names; none if that is outside the crate."""
    key = (id(module), tuple(path))
    if key in seen or not path:
        return {module} if not path else set()
    seen, first = seen | {key}, path[0]
    if first == "crate":
        while module.parent is not None:
            module = module.parent
        return within(module, path[1:], seen)
    if first == "self":
        return within(module, path[1:], seen)
    if first == "super":
        if module.parent is None:
            raise Broken(f"{module.file}: `super` at the root of the crate")
        return targets(module.parent, path[1:], seen) if path[1:2] == ["super"] else within(module.parent, path[1:], seen)
    if first in module.children:
        return within(module, path, seen)
    found = set()
    for imported in module.imports.get(first, ()):
        if imported[0] != first:
            for target in targets(module, imported, seen):
                found |= within(target, path[1:], seen) if leads_to_module(imported, target) else {target}
    return found


def leads_to_module(path, module):
    return path[-1] == module.name


def within(module, path, seen):
    """The modules that define what `path` names, seen from within `module`."""
    if not path:
        return {module}
    found = set()
    for child in module.children.get(path[0], ()):
        found |= within(child, path[1:], seen)
    if not found:
        for imported in module.imports.get(path[0], ()):
            found |= targets(module, imported + path[1:], seen)
    return found or {module}


def imports(root):
    """Which file imports which, with the line where it does so first."""
    edges = defaultdict(dict)
    for module in modules(root):
        lines = edges[module.file]
        found = [(path, line) for path, line in module.paths]
        for path, name, is_public, line in module.uses:
            if is_public and name is not None and name not in module.names:
                found_in = targets(module, path)
                if found_in and all(target is not module and target.is_within(module) for target in found_in):
                    continue
            found.append((path, line))
        for path, line in found:
            for target in targets(module, path):
                if target.file != module.file:
                    lines[target.file] = min(line, lines.get(target.file, line))
    return edges


def shortest_way(edges, start, end):
    """The files from `start` to `end`, both included, by at least one import; none if there is no such way."""
    before, waiting = {}, deque([start])
    while waiting:
        file = waiting.popleft()
        for other in sorted(edges.get(file, ())):
            if other == end:
                way = [end, file]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return way[::-1]
            if other not in before and other != start:
                before[other] = file
                waiting.append(other)
    return None


def groups(edges):
    """The files that import each other, in groups."""
    left = sorted(edges)
    while left:
        file = left[0]
        group = [file]
        if shortest_way(edges, file, file):
            group += [
                other
                for other in left[1:]
                if shortest_way(edges, file, other) and shortest_way(edges, other, file)
            ]
            yield group
        left = [other for other in left if other not in group]


def check(crate):
    """Prints the cycles of a crate, and returns how many groups there are."""
    source, count = crate / "src", 0
    roots = [file for file in (source / "lib.rs", source / "main.rs", *sorted(source.glob("bin/*.rs"))) if file.is_file()]
    if not roots:
        raise Broken(f"{crate}: neither src/lib.rs nor src/main.rs")
    for file in roots:
        root = Module("crate", None, file)
        Reader(file, root, file.parent).read()
        edges = imports(root)
        for group in groups(edges):
            count += 1
            cycle = min((shortest_way(edges, file, file) for file in group), key=len)
            names = " -> ".join(str(file.relative_to(source)) for file in cycle)
            others = ", ".join(str(file.relative_to(source)) for file in group)
            print(f"{cycle[0]}:{edges[cycle[0]][cycle[1]]}: {names} (of {len(group)} files: {others})")
    return count


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return 1 if sum([check(Path(crate)) for crate in sys.argv[1:]]) else 0
    except Broken as error:
        print(f"cycles.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
