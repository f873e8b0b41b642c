#!/usr/bin/env python3
"""Content keys, a second time: what docs/FORMAT-manifest.md says, written from that page alone, with Python's own library.

    python3 tests/content_keys.py FILE…                  holds files of vectors against this implementation
    python3 tests/content_keys.py --dump DUMP.xml.bz2 WIKI   prints, for each keyspace, how many keys and their SHA-256

A file of vectors is JSON: rows {"kind", "in", "times"?, "keys": [[form, key]…]} or {…, "refused": why}. Rows with code points
that this Python's Unicode does not have are skipped and counted: it cannot know what Unicode 16 makes of them.
"""
import base64, bz2, hashlib, html.entities, ipaddress, json, re, sys, unicodedata
import xml.etree.ElementTree as ElementTree
from collections import deque
from functools import lru_cache
from pathlib import Path

class Refused(Exception): pass
class Unknown(Exception): pass

VECTORS = Path(__file__).resolve().parent.parent / "docs" / "vectors"
WHITE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
IGNORABLE = re.compile("[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
                       "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]")
TITLE_SPACE = re.compile("[ _\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")

def key(kind, canonical):
    data = b"\0colophon/key/v1" + KINDS.index(kind).to_bytes(2, "big") + len(canonical).to_bytes(4, "big") + canonical
    return hashlib.sha256(data).hexdigest()

KINDS = ("- raw-sha256 text-n1 para-n1 span-n1 url-c1 host mw-page mw-rev mw-title mw-sha1 wikidata-qid swhid media-sha1 iscc").split()

@lru_cache(None)
def mapped(c):  # NFKC_Casefold of one code point; None if no version of Unicode assigns it
    if ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF: return None
    if IGNORABLE.match(c): return ""
    if unicodedata.category(c) == "Cn": raise Unknown(c)
    last, text = None, c
    while text != last:
        last, text = text, IGNORABLE.sub("", unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold()))
    return text

def nfc(text, map=lambda c: c if mapped(c) is not None else None):
    whole, part = "", ""
    for c in text:
        m = map(c)
        if m is None: whole, part = whole + unicodedata.normalize("NFC", part) + c, ""
        else: part += m
    return whole + unicodedata.normalize("NFC", part)

def casefold(text): return nfc(text, mapped)
def n1(text): return WHITE.sub(" ", casefold(text)).strip(" ")

def spans(text):  # of a text in n1
    ranks, rolling, window, found, last = [], 0, deque(), [], None
    for i, c in enumerate(text):
        rolling = rolling + ord(c) - (ord(text[i - 50]) * pow(BASE, 50, 1 << 64) if i >= 50 else 0)
        rolling = rolling * BASE % (1 << 64)
        if (p := i - 49) < 0: continue
        ranks.append(rolling)
        while window and ranks[window[-1]] >= rolling: window.pop()
        window.append(p)
        if window[0] <= p - 50: window.popleft()
        if p >= 49 and window[0] != last:
            last = window[0]
            if not found or found[-1] != text[last:last + 50]: found.append(text[last:last + 50])
    return found

BASE = 0x9E3779B97F4A7C15

def host(text):
    if text.startswith("["):
        try: address = ipaddress.IPv6Address(text[1:-1] if text.endswith("]") and "%" not in text else "")
        except ValueError: raise Refused
        return f"[::ffff:{address.ipv4_mapped}]" if address.ipv4_mapped else f"[{address}]"
    text = decoded(text).replace("\u1e9e", "\xdf")
    text = nfc("".join(p if p in "\xdf\u03c2\u200c\u200d" and p else casefold(p) for p in re.split("([\xdf\u03c2\u200c\u200d])", text)))
    text = text.replace("\u3002", ".")
    labels = [l if l.isascii() else "xn--" + l.encode("punycode").decode() for l in (text[:-1] if text.endswith(".") else text).split(".")]
    if not all(re.fullmatch("[a-z0-9_-]{1,63}", l) for l in labels): raise Refused
    while labels[0] == "www" and len(labels) > 2: labels = labels[1:]
    if len(".".join(labels)) > 253: raise Refused
    return ".".join(labels)

def decoded(text):
    data = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())
    try: return data.decode()
    except UnicodeDecodeError: raise Refused

def encoded(text):
    def one(m):
        b = int(m[1], 16) if m[1] else m[0][0]
        if chr(b).isascii() and (chr(b).isalnum() or chr(b) in "-._~!'()*,:@" or not m[1] and chr(b) in "/?;=&+$[]"): return chr(b).encode()
        return b"%%%02X" % b
    return re.sub(rb"%([0-9A-Fa-f]{2})|(?s:.)", one, text.encode()).decode()

def url(text):
    text = re.sub("[\t\r\n]", "", text.strip("".join(map(chr, range(33)))))
    m = re.fullmatch(r"(?is)(https?)://([^/?]*)([^?]*)(?:\?(.*))?", text.replace("\\", "/").split("#")[0])
    if not m: raise Refused
    scheme, authority, path, query = m[1].lower(), m[2].rpartition("@")[2], m[3], m[4] or ""
    m = re.fullmatch(r"(?s)(\[.*\]|.*?)(?::([^:\]]*))?", authority)
    out, port = host(m[1]), m[2] or ""
    if port and (not re.fullmatch("[0-9]+", port) or int(port) > 65535): raise Refused
    if port and int(port) != {"http": 80, "https": 443}[scheme]: out += f":{int(port)}"
    kept, segments = [], encoded(path).removeprefix("/").split("/")
    for i, s in enumerate(segments):
        if s == "..": kept = kept[:-1]
        if s not in (".", ".."): kept.append(s)
        elif i == len(segments) - 1: kept.append("")
    out += "/" + "/".join(kept)
    if query: out += "?" + encoded(query)
    if len(out) > 8192: raise Refused
    path, _, query = out[out.index("/"):].partition("?")
    values = [p.partition("=")[2] if "=" in p else p for p in query.split("&")]
    for part, plus in [(path, False)] + [(v, True) for v in values]:
        try: part = decoded(part.replace("+", " ") if plus else part)
        except Refused: continue
        tails = [part] if plus else [part[i + 1:] for i, c in enumerate(part) if c == "/"]
        if any(account(t) for t in tails): raise Refused
    return out

def spaced(text): return nfc(TITLE_SPACE.sub(" ", re.sub("[\u200e\u200f\u202a-\u202e]", "", text)).strip(" "))
@lru_cache(None)
def namespaces():
    rows = json.loads((VECTORS / "namespaces.json").read_text())
    return {casefold(spaced(name)): row["number"] for row in rows for name in row["names"]}
def namespace(title): return namespaces().get(casefold(spaced(title.partition(":")[0]))) if ":" in title else None
def account(title): return namespace(title) in (-1, 2, 3)

def title(number, text):
    text = spaced(text)
    if number in (-1, 2, 3) or account(text) or not 0 < len(text.encode()) < 256: raise Refused
    if re.search("[\0-\x1f\x7f-\x9f#<>\\[\\]{}|\ufffd]", text): raise Refused
    if re.search(r"^:|%[0-9A-Fa-f]{2}|&(?:[A-Za-z0-9]|[^\0-\x7f])+;|~~~|(?:^|/)\.\.?(?:/|$)", text): raise Refused
    return number, text

def reference(m):
    code = int(m[1][2:], 16) if m[1][:2] in ("#x", "#X") else int(m[1][1:]) if m[1][0] == "#" else None
    if code is None: return html.entities.html5.get(m[1] + ";", m[0])
    control = code < 32 and code not in (9, 10) or 127 <= code < 160
    return m[0] if control or code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)

def typed_title(text):
    text = re.sub("&(#[xX][0-9A-Fa-f]+|#[0-9]+|[A-Za-z0-9]+);", reference, text)
    text = text.partition("#")[0]
    text = text.strip().removeprefix(":") if text.strip().startswith(":") else text
    number = namespace(text)
    return title(0, text) if number is None else title(number, text.partition(":")[2])

def sha1(text):
    if not re.fullmatch("[0-9A-Fa-f]{40}|[0-9A-Za-z]{31}", text): raise Refused
    number = int(text, 16 if len(text) == 40 else 36)
    if number >> 160: raise Refused
    return number.to_bytes(20, "big")

def base36(digest):
    number, out = int.from_bytes(digest, "big"), ""
    while number: number, rest = divmod(number, 36); out = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + out
    return out.rjust(31, "0")

def qid(text):
    m = re.fullmatch("(?i)(?:https?://www\\.wikidata\\.org/(?:wiki|entity)/|https://m\\.wikidata\\.org/wiki/|wd:)?q([1-9][0-9]*)", text)
    if not m or int(m[1]) >> 64: raise Refused
    return "Q" + m[1]

def swhid(text):
    m = re.fullmatch("swh:1:cnt:([0-9a-f]{40})", text.split(";")[0].lower())
    if not m: raise Refused
    return m[0]

def iscc(text):
    code = re.sub("^ISCC:", "", text.upper()).replace("-", "")
    try: data = base64.b32decode(code + "=" * (-len(code) % 8))
    except ValueError: raise Refused
    if base64.b32encode(data).decode().rstrip("=") != code or len(data) < 2: raise Refused
    main, sub, version, length = data[0] >> 4, data[0] & 15, data[1] >> 4, data[1] & 15
    body = 32 if (main, sub) == (5, 7) else 16 + 8 * bin(length).count("1") if main == 5 else 4 * length + 4
    if main > 5 or sub > 7 or version or length > 7 or len(data) != 2 + body: raise Refused
    return "ISCC:" + code

def wiki(text):
    if not re.fullmatch("[a-z0-9][a-z0-9_-]{0,62}", text): raise Refused
    return bytes([len(text)]) + text.encode()

def keys(kind, text):
    """[form, key] of everything of this kind that a text gives."""
    def of(form, canonical): return [form, key(kind, canonical)]
    def digest(form): return of(form, hashlib.sha256(form.encode()).digest())
    if kind == "raw-sha256": return [of(hashlib.sha256(text.encode()).hexdigest(), hashlib.sha256(text.encode()).digest())]
    if kind == "text-n1": return [digest(n1(text))]
    if kind == "para-n1": return [digest(p) for p in map(n1, text.split("\n")) if len(p) >= 50]
    if kind == "span-n1": return [digest(s) for s in spans(n1(text))]
    if kind == "url-c1": return [of(url(text), url(text).encode())]
    if kind == "host": return [of(h, h.encode()) for h in [re.split("[:/?]", url(text))[0] if "://" in text and "[" not in text else host(text.strip("".join(map(chr, range(33)))))]]
    if kind in ("mw-page", "mw-rev"):
        name, _, number = text.partition("|")
        if not re.fullmatch("0|[1-9][0-9]*", number) or int(number) >> 64: raise Refused
        return [of(f"{name} {number}", wiki(name) + int(number).to_bytes(8, "big"))]
    if kind == "mw-title":
        name, _, text = text.partition("|")
        number, text = typed_title(text)
        return [of(f"{name} {number} {text}", wiki(name) + number.to_bytes(4, "big", signed=True) + text.encode())]
    if kind == "mw-sha1": return [of(base36(sha1(text)), sha1(text))]
    if kind == "media-sha1": return [of(sha1(text).hex(), sha1(text))]
    name = {"wikidata-qid": qid, "swhid": swhid, "iscc": iscc}[kind](text)
    return [of(name, name.encode())]

def check(path):
    counts = {"agree": 0, "skipped": 0}
    for row in json.loads(Path(path).read_text("utf-8")):
        text = row["in"] * row.get("times", 1)
        try: found = keys(row["kind"], text)
        except Refused: found = None
        except Unknown: counts["skipped"] += 1; continue
        expected = None if "refused" in row else row["keys"]
        if found != expected: sys.exit(f"{path}: {row}\nhere: {found}")
        counts["agree"] += 1
    print(f"{Path(path).name}: {counts['agree']} rows agree, {counts['skipped']} skipped (Unicode {unicodedata.unidata_version})")

def dump(path, name):
    """The keyspaces of a dump that can be made without rendering its wikitext."""
    found = {}
    def add(spec, *keys): found.setdefault(spec, set()).update(bytes.fromhex(k) for k in keys)
    data = bz2.open(path).read().rstrip()
    for page in ElementTree.fromstring(data if data.endswith(b"</mediawiki>") else data + b"</mediawiki>").iterfind("{*}page"):
        number, full = int(page.findtext("{*}ns")), page.findtext("{*}title")
        number, text = title(number, full if number == 0 else full.partition(":")[2])
        add("mw-page", *[k for _, k in keys("mw-page", f"{name}|{page.findtext('{*}id')}")])
        add("mw-title/unicode-16", key("mw-title", wiki(name) + number.to_bytes(4, "big", signed=True) + text.encode()))
        for revision in page.iterfind("{*}revision"):
            add("mw-rev", *[k for _, k in keys("mw-rev", f"{name}|{revision.findtext('{*}id')}")])
            source = revision.findtext("{*}text") or ""
            sum = base36(hashlib.sha1(source.encode()).digest())
            if revision.findtext("{*}sha1") not in (None, sum): sys.exit("a revision's text is not what its SHA-1 says")
            for kind, of in [("raw-sha256", source), ("mw-sha1", sum)]: add(kind, *[k for _, k in keys(kind, of)])
            for kind in ("text-n1", "para-n1", "span-n1"): add(f"{kind}/unicode-16/wikitext", *[k for _, k in keys(kind, source)])
    print(json.dumps({spec: [len(all), hashlib.sha256(b"".join(sorted(all))).hexdigest()] for spec, all in found.items()}))

if __name__ == "__main__":
    if tuple(map(int, unicodedata.unidata_version.split(".")[:1])) > (16,): sys.exit("this Python's Unicode is newer than 16")
    if sys.argv[1:2] == ["--dump"]: dump(*sys.argv[2:])
    elif sys.argv[1:]: [check(path) for path in sys.argv[1:]]
    else: sys.exit(__doc__)
