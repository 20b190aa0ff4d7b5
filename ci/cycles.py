#!/usr/bin/env python3
"""Finds import cycles between the source files of a crate.

    ci/cycles.py CRATE...      folders with src/lib.rs or src/main.rs, for example crates/lsock

Prints a line for each group of files that import each other: where its shortest cycle starts, that cycle, and all files
of the group. Exit status: 0 no cycle, 1 cycles, 2 the check could not be done.

File A imports file B if a `use` or an inline path in A begins with `crate::`, `self::`, `super::`, a child module or an
imported name, and leads to a module of B or to something defined in it. A name that a module re-exports leads to the
file that defines it; a name from a glob leads to the file with the glob. Not imports: `mod` lines; a re-export of
something of the module's own children, unless the same file also uses that name; comments; test code (`#[test]` and
what exists under `cfg(test)` only). Code for every operating system counts.
"""

import re
import sys
from collections import defaultdict, deque
from pathlib import Path

TOKEN = re.compile(
    r"""//[^\n]* | /\*                                      # comments, which can be nested
    | \b[bc]?r(?P<hashes>\#*)".*?"(?P=hashes)               # raw strings
    | [bc]?"(?:[^"\\]|\\.)*"
    | b?'(?:[^'\\\n]|\\(?:x..|u\{[^}]*\}|.))' | '\w+        # characters, lifetimes
    | (?:r\#)?\w+
    | :: | \.\.=? | \S""",
    re.VERBOSE | re.DOTALL,
)
END_OF_COMMENT = re.compile(r"/\*|\*/")
CLOSING = {"(": ")", "[": "]", "{": "}"}
ITEMS = set("pub fn struct enum union trait impl mod use const static type unsafe extern async macro_rules".split())
ONLY_IN_TESTS = {"test", "doctest"}


class Broken(Exception):
    """The source is not as this check expects it."""


def tokens_of(source):
    """The tokens with their lines, without comments."""
    tokens, at = [], 0
    while match := TOKEN.search(source, at):
        text, at = match.group(), match.end()
        if text == "/*":
            depth = 1
            while depth:
                match = END_OF_COMMENT.search(source, at)
                if not match:
                    raise Broken("a comment without an end")
                depth += 1 if match.group() == "/*" else -1
                at = match.end()
        elif not text.startswith("//"):
            tokens.append((text.removeprefix("r#"), source.count("\n", 0, match.start()) + 1))
    return tokens


class Module:
    def __init__(self, parent, file):
        self.parent, self.file = parent, file
        # A name can have several meanings: on different systems, or as a module and as a function.
        self.children = defaultdict(list)
        self.imports = defaultdict(list)  # the paths that `use` gives a name
        self.uses = []  # (path, name or None for a glob, whether it is public, line)
        self.paths = []  # (path, line) of inline paths
        self.names = set()  # names outside `use`

    def root(self):
        return self if self.parent is None else self.parent.root()

    def is_within(self, other):
        return self is other or (self.parent is not None and self.parent.is_within(other))

    def all(self):
        yield self
        for children in self.children.values():
            for child in children:
                yield from child.all()


class Reader:
    """Reads a file and the files of the modules that it declares."""

    def __init__(self, file, module, folder):
        try:
            self.tokens = tokens_of(file.read_text(encoding="utf-8"))
        except (OSError, Broken) as error:
            raise Broken(f"{file}: {error}") from error
        self.file, self.module, self.folder, self.at = file, module, folder, 0

    def text(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index][0] if 0 <= index < len(self.tokens) else ""

    def read(self):
        depth, inline, path_attribute, is_public = 0, [], None, False
        while self.at < len(self.tokens):
            text, line = self.tokens[self.at]
            was_public, is_public = is_public, False
            if text == "#" and self.text(1) in ("[", "!"):
                is_inner, attribute = self.attribute()
                if is_test_only(attribute):
                    if is_inner and depth == 0:
                        return
                    self.skip_item()
                elif attribute[:2] == ["path", "="]:
                    path_attribute = attribute[2].strip('"')
            elif text == "pub":
                is_public = True
                self.at += 1
                if self.text() == "(" and self.text(1) in ("crate", "self", "super", "in"):
                    self.group()
            elif text == "mod" and self.text(1).isidentifier() and self.text(2) == ";":
                self.module_file(self.text(1), path_attribute)
                path_attribute = None
                self.at += 3
            elif text == "mod" and self.text(1).isidentifier() and self.text(2) == "{":
                inline.append((depth, self.module, self.folder))
                child = Module(self.module, self.file)
                self.module.children[self.text(1)].append(child)
                self.module, self.folder = child, self.folder / self.text(1)
                depth += 1
                self.at += 3
            elif text == "use" and self.text(1) != "<":
                self.at += 1
                for path, name in self.use_tree([]):
                    if name is not None:
                        self.module.imports[name].append(path)
                    self.module.uses.append((path, name, was_public, line))
            elif text.isidentifier():
                self.inline_path(line)
            else:
                depth += (text == "{") - (text == "}")
                if text == "}" and inline and inline[-1][0] == depth:
                    _, self.module, self.folder = inline.pop()
                self.at += 1

    def group(self):
        """Skips a group in brackets and returns the tokens within."""
        start, depth = self.at, 0
        while self.at < len(self.tokens):
            depth += (self.text() in CLOSING) - (self.text() in CLOSING.values())
            self.at += 1
            if depth == 0:
                return [text for text, _ in self.tokens[start + 1 : self.at - 1]]
        raise Broken(f"{self.file}: a bracket that is not closed")

    def attribute(self):
        self.at += 1
        is_inner = self.text() == "!"
        self.at += is_inner
        return is_inner, self.group()

    def skip_item(self):
        """Skips what an attribute belongs to: an item, a statement, a field."""
        while self.text() == "#":
            self.attribute()
        is_item = self.text() in ITEMS
        while self.at < len(self.tokens) and self.text() not in CLOSING.values():
            text = self.text()
            if text in CLOSING:
                self.group()
            else:
                self.at += 1
            if text == ";" or text == ("{" if is_item else ","):
                return

    def use_tree(self, prefix):
        """The paths of a `use` with the names they get. Skips the separator behind the branch."""
        path, name = list(prefix), None
        while self.text() not in (",", ";", "}"):
            text = self.text()
            if not text:
                raise Broken(f"{self.file}: a `use` without an end")
            self.at += 1
            if text == "{":
                while self.text() != "}":
                    yield from self.use_tree(path)
                self.at += 1
                path = None
            elif text == "as":
                name = self.text()
                self.at += 1
            elif text == "*":
                name = None
            elif text not in ("::", "$"):
                if text != "self" or not path:
                    path.append(text)
                name = path[-1]
        if self.text() != "}":
            self.at += 1
        if path is not None:
            yield path, name

    def inline_path(self, line):
        path, before = [self.text()], self.text(-1)
        self.at += 1
        while self.text() == "::" and self.text(1).isidentifier():
            path.append(self.text(1))
            self.at += 2
        # Not a field, a method, an item of an external crate or of a type.
        if before not in (".", "::"):
            self.module.names.add(path[0])
            if len(path) > 1:
                self.module.paths.append((path, line))

    def module_file(self, name, path_attribute):
        if path_attribute is None:
            file, folder = self.folder / f"{name}.rs", self.folder / name
            file = file if file.is_file() else folder / "mod.rs"
        else:
            file = self.file.parent / path_attribute
            folder = file.parent
        child = Module(self.module, file)
        self.module.children[name].append(child)
        Reader(file, child, folder).read()


def is_test_only(attribute):
    """Whether what has this attribute exists in tests only."""
    return attribute == ["test"] or (attribute[:2] == ["cfg", "("] and not outcomes(attribute[2:-1])[0])


def outcomes(condition):
    """Whether a condition of `cfg` can be true, and whether it can be false, outside tests."""
    if condition[0] in ("any", "all", "not") and condition[1:2] == ["("]:
        parts = [outcomes(part) for part in split(condition[2:-1])]
        if condition[0] == "not":
            return parts[0][::-1]
        for_true, for_false = (any, all) if condition[0] == "any" else (all, any)
        return for_true(true for true, _ in parts), for_false(false for _, false in parts)
    return condition[0] not in ONLY_IN_TESTS, True


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


def targets(module, path, seen=frozenset()):
    """The modules that define what a path in `module` names; none if that is outside the crate."""
    key = (module, tuple(path))
    if not path or key in seen:
        return set()
    seen, first, rest = seen | {key}, path[0], path[1:]
    if first == "crate":
        return targets_within(module.root(), rest, seen)
    if first in ("self", "super"):
        while first == "super":
            if module.parent is None:
                raise Broken(f"{module.file}: `super` in the root of the crate")
            module = module.parent
            if rest[:1] != ["super"]:
                break
            rest = rest[1:]
        return targets_within(module, rest, seen)
    if first in module.children:
        return targets_within(module, path, seen)
    return {
        target
        for imported in module.imports.get(first, ())
        for start in targets(module, imported, seen)
        for target in targets_within(start, rest, seen)
    }


def targets_within(module, path, seen):
    """The modules that define what `path` names among the contents of `module`."""
    if not path:
        return {module}
    found = set()
    for child in module.children.get(path[0], ()):
        found |= targets_within(child, path[1:], seen)
    if not found:
        for imported in module.imports.get(path[0], ()):
            found |= targets(module, imported + path[1:], seen)
    return found or {module}


def imports_of(root):
    """For each file the files that it imports, each with the first line that does so."""
    imports = defaultdict(dict)
    for module in root.all():
        found = list(module.paths)
        for path, name, is_public, line in module.uses:
            # A private name can also be there for a `pub use` of what is behind it.
            is_passed_on = is_public or any(other is not path and other[0] == name for other, *_ in module.uses)
            own = targets(module, path) if is_passed_on and name is not None and name not in module.names else ()
            if not own or not all(target is not module and target.is_within(module) for target in own):
                found.append((path, line))
        lines = imports[module.file]
        for path, line in found:
            for target in targets(module, path):
                if target.file != module.file:
                    lines[target.file] = min(line, lines.get(target.file, line))
    return imports


def shortest_chain(imports, start, end):
    """The shortest chain of imports from `start` to `end`, as files; none if there is no chain."""
    importer, waiting = {}, deque([start])
    while waiting:
        file = waiting.popleft()
        for imported in sorted(imports.get(file, ())):
            if imported == end:
                chain = [end, file]
                while chain[-1] != start:
                    chain.append(importer[chain[-1]])
                return chain[::-1]
            if imported not in importer and imported != start:
                importer[imported] = file
                waiting.append(imported)
    return None


def groups(imports):
    """The files that import each other, in groups."""
    left = sorted(imports)
    while left:
        file, *others = left
        if not shortest_chain(imports, file, file):
            left = others
            continue
        both = [o for o in others if shortest_chain(imports, file, o) and shortest_chain(imports, o, file)]
        yield [file, *both]
        left = [other for other in others if other not in both]


def check(crate):
    """Prints the cycles of a crate, and returns how many groups there are."""
    source, count = crate / "src", 0
    candidates = [source / "lib.rs", source / "main.rs", *sorted(source.glob("bin/*.rs"))]
    roots = [file for file in candidates if file.is_file()]
    if not roots:
        raise Broken(f"{crate}: neither src/lib.rs nor src/main.rs")
    for file in roots:
        root = Module(None, file)
        Reader(file, root, file.parent).read()
        imports = imports_of(root)
        for group in groups(imports):
            count += 1
            cycle = min((shortest_chain(imports, file, file) for file in group), key=len)
            chain = " -> ".join(str(file.relative_to(source)) for file in cycle)
            files = ", ".join(str(file.relative_to(source)) for file in group)
            print(f"{cycle[0]}:{imports[cycle[0]][cycle[1]]}: {chain} ({len(group)} files: {files})")
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
