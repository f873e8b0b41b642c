"""What strictness adds to `verify_bundle.py`, with none of Colophon's code either: see FORMS, at the end.

Each of those functions is shown what was read at its place and refuses what no honest program writes: JSON that some
reader cannot hold, weak keys, members that nobody defined or that contradict each other. Nothing here decides who
signed what; `key_lookup` shows that no entry about a signer's key was left out of the bundle (docs/FORMAT.md §12).
"""
import argparse, datetime, json, re
from cryptography.hazmat.primitives import serialization
from verify_bundle import BASE64, DECIMAL, ED25519, FAILURES, HASH, NAME, Broken, NoteKey, Policy
from verify_bundle import links, need, parsed, placed, root_over, sha256, texts, unbase64

TEXT, HEX64, HEX = ".*", "[0-9a-f]{64}", "(?:[0-9a-f]{2}){1,128}"
KIND, PARTY, RECORD = "[a-z](?!.{64})[a-z0-9]*(?:-[a-z0-9]+)*", "(?!key:)[!-~]{1,255}", f"record:{HEX64}"
NONCE = f"(?=.{{24,84}}$|.{{86}}==$){BASE64}"  # of 16 to 64 bytes
TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?Z"
WITNESSES = "(log( [!-~]+)+\n)*((witness|group)( [!-~]+)+\n)*quorum [!-~]+\n"  # a policy without comments
ROLE, USE = "partner|auditor|steward|contributor|operator", "sign|manage|roots"
REASON = "unspecified|keyCompromise|keyLost|affiliationChanged|superseded|cessationOfOperation|privilegeWithdrawn"
KEY = {"keyid": HEX64, "publicKey": TEXT}
ENVELOPE = {"payload": TEXT, "payloadType": TEXT, "signatures": [{"keyid": HEX64, "sig": TEXT}]}
STATEMENT = {"_type": TEXT, "predicateType": TEXT, "predicate": (),
             "subject": [{"name?": (TEXT,), "digest": {"sha256": HEX64}}]}
COMMON = {"issuer": {"id": PARTY}, "issued": TIME, "validFrom?": (TIME,), "validUntil?": (TIME,), "nonce?": (NONCE,),
          "supersedes?": [RECORD], "corrects?": [RECORD], "revokes?": [RECORD]}
CLOSED = {  # The kinds that bundles are verified by have these members and no others.
    "log-policy": {"origin": TEXT, "logKeys": [TEXT], "witnesses": WITNESSES,
                   "operators": [{"id": PARTY, "keys": [{**KEY, "use": USE}]}],
                   "council?": {"keys": [KEY], "threshold": int},
                   "rules": (KIND, [f"{ROLE}|anybody"]), "limits?": (KIND, int)},
    "party": {"id": PARTY, "roles": [ROLE], "keys": [{**KEY, "use": USE}]},
    "key-event": {"event": "add|rotate|revoke", "keyid": HEX64, "publicKey?": (TEXT,), "use?": (USE,),
                  "replaces?": (HEX64,), "reason": REASON, "compromisedFromIndex?": (int,)},
    "index-root": {"size": int, "root": HEX64, "previous?": (RECORD,)}}
HEADER = {"issuer": "[!-~]{1,255}", "keys": [HEX64], "kind": KIND, "received": int, "record": HEX64, "refs": [HEX64],
          "signers": [HEX64], "subjects": [HEX64], "v": int}
LINK = {"envelope": BASE64, "entry": BASE64, "proof": TEXT}
BUNDLE = {"mediaType": TEXT, **LINK, "keyHistory": [LINK], "policy": LINK, "keyLookup?": ()}
KEY_LOOKUP = {"indexRoot": LINK, "history": [LINK], "lookups": [()]}
LOOK_UP = {
    "term": TEXT, "checkpoint": TEXT, "indexRoot": {"index": DECIMAL, "proof": [HASH]},
    "count": DECIMAL, "list": (HASH,), "proof": BASE64,
    "page": ({"number": DECIMAL, "indices": [DECIMAL], "proof": [HASH],
              "entries": ([{"entry": BASE64, "proof": [HASH]}],)},),
    "tail": {"from": DECIMAL, "edge": [HASH]}, "consistency": ([HASH],)}

PRIME = 2**255 - 19
EDWARDS_D = -121665 * pow(121666, -1, PRIME)
SMALL_ORDER = [0, 1, PRIME - 1] + [int.from_bytes(bytes.fromhex(y), "little") for y in (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]  # the y of such points

def shaped(value, shape, code="schema"):
    """The value, which has this shape: a pattern for a text; `int`; [one] for a list of such; (one,) for null or one;
    () for anything; (pattern, one) for members by such names; or members by name, of which `name?` may be missing."""
    if isinstance(shape, str):
        need(isinstance(value, str) and re.fullmatch(shape, value, re.DOTALL), code, f"no {shape}")
    elif isinstance(shape, list):
        need(isinstance(value, list), code, "no list")
        for one in value:
            shaped(one, shape[0], code)
    elif isinstance(shape, dict):
        every, needed = {name.rstrip("?") for name in shape}, {name for name in shape if name[-1] != "?"}
        need(isinstance(value, dict) and needed <= value.keys() <= every, code, f"not the members {sorted(every)}")
        for name, one in ((name.rstrip("?"), one) for name, one in shape.items()):
            if name in value:
                shaped(value[name], one, code)
    elif shape is int:
        need(type(value) is int and value >= 0, code, "no number")
    elif len(shape) == 2:
        need(isinstance(value, dict), code, "no members")
        shaped(list(value), [shape[0]], code)
        shaped(list(value.values()), [shape[1]], code)
    elif shape and value is not None:
        shaped(value, shape[0], code)
    return value

def strict_json(data):
    """§1: no number and no text that some reader cannot hold, names of members included."""
    def number(text):
        need(re.fullmatch("-?" + DECIMAL, text) and text != "-0" and abs(int(text)) < 2**53, "json_number", text)
    value = json.loads(data.decode(), parse_int=number, object_pairs_hook=lambda pairs: [*map(list, pairs)])
    need(not any(re.search("[\0\ud800-\udfff]", text) for text in texts(value)), "text_refused")

def key(der):
    """§2: the DER of a point on its curve, and not of small order."""
    if der.startswith(ED25519):
        y = int.from_bytes(der[12:], "little") % 2**255
        square = pow((y * y - 1) * (EDWARDS_D * y * y + 1), PRIME // 2, PRIME) == 1  # so that there is an x
        sound = len(der) == 44 and square and y < PRIME and y not in SMALL_ORDER
        return need(sound, "key_refused", "a weak key, or no point of the curve")
    try:
        serialization.load_der_public_key(der)
    except ValueError:
        raise Broken("key_refused", "not a point of P-256") from None
    need(len(der) == 91, "key_refused", "not the DER of a key")

def signature(by, signed, code):
    y = int.from_bytes(signed[:32], "little") % 2**255 % PRIME
    need(by.how or y not in SMALL_ORDER, code, "a weak signature")

def policy(data, lines):
    """§6: every name is defined once, above where it is used, and no key stands twice."""
    need(not re.search(rb"[\0-\x08\x0b-\x1f\x7f]", data), "policy_invalid", "a control character")
    nodes, grouped, ids, quorums = {"none"}, set(), set(), 0
    for word, *rest in lines:
        least, most = {"log": (1, 2), "witness": (2, 3), "group": (3, len(rest)), "quorum": (1, 1)}[word]
        need(least <= len(rest) <= most, "policy_invalid", f"the words of a {word}")
        if word in ("log", "witness"):
            one = NoteKey(rest[0], [1]) if word == "log" else NoteKey(rest[1], [4])
            need((word, one.id) not in ids and len(one.name.encode()) < 256, "policy_invalid", "a key stands twice")
            ids.add((word, one.id))
        if word == "group":
            rule, members = rest[1], rest[2:]
            known = set(members) <= nodes - grouped - {"none"} and len(set(members)) == len(members)
            need(known and re.fullmatch("all|any|[1-9][0-9]{0,18}", rule), "policy_invalid", f"the group {rest[0]}")
            need(rule in ("all", "any") or int(rule) <= len(members), "policy_invalid", f"the threshold of {rest[0]}")
            grouped.update(members)
        if word in ("witness", "group"):
            need(rest[0] not in nodes, "policy_invalid", f"{rest[0]} is defined already")
            nodes.add(rest[0])
        if word == "quorum":
            need(rest[0] in nodes, "policy_invalid", "a quorum of nobody")
            quorums += 1
    need(quorums == 1, "policy_invalid", "one quorum")

def note(part):
    """§5: no control character, no signature without a byte, and one root of no entries."""
    need(not re.search(r"[\0-\x09\x0b-\x1f]", part.checkpoint), "note_invalid", "a control character")
    need(all(len(signed) > 4 for _, signed in part.lines), "note_invalid", "a signature that is too short")
    need(part.size or part.root == sha256(b""), "note_invalid", "the root of no entries")

def bundle(data):
    try:
        shaped(parsed(data), BUNDLE)
    except FAILURES as error:
        raise Broken("bundle_invalid", repr(error)) from None

def envelope(body):
    read = parsed(body)
    shaped([read["payload"], read["payloadType"]], [TEXT])
    for one in shaped(read["signatures"], [(TEXT, ())]):
        shaped([shaped(one["keyid"], HEX64), one["sig"]], [TEXT])
    ids = {one["keyid"] for one in read["signatures"]}
    need(len(ids) == len(read["signatures"]), "threshold", "two signatures by one key")

def statement(part, kind, said):
    """§3: of every kind the subjects, of the closed kinds all that they have."""
    shaped(kind, KIND)
    for (name, digest), subject in zip(part.subjects, said["subject"]):
        shaped(digest, (HEX64,))
        need(shaped(subject["digest"], (TEXT, HEX)), "schema", "no digest")
        what, of, named = name.partition(":")
        need(what + of not in ("record:", "key:", "keyspace:") or named == digest, "binding_mismatch", "its name")
    if kind not in CLOSED:
        return
    shaped(said, STATEMENT)
    predicate = shaped(said["predicate"], COMMON | CLOSED[kind])
    for name in ("issued", "validFrom", "validUntil"):
        year, month, day = map(int, (predicate.get(name) or predicate["issued"])[:10].split("-"))
        datetime.date(year or 400, month, day)  # which has no year 0
    if kind == "log-policy":
        need(len(predicate["origin"].encode()) < 256, "name_too_long", "origin")
        shaped(shaped(predicate["origin"], NAME, "note_invalid"), "[!-~]+")
    shaped(parsed(part.body), ENVELOPE)

def record(part):
    """§3: how the members of the closed kinds belong together, and which subjects follow from them."""
    if part.kind in RELATED:
        need(sorted(part.subjects) == sorted(RELATED[part.kind](part, part.said)), "schema", "other subjects")

def log_policy(part, said):
    try:
        logs = [NoteKey(text, (1, 4)) for text in said["logKeys"]]
        Policy(said["witnesses"].encode())
    except FAILURES as why:
        raise Broken("schema", repr(why)) from None
    origin, log_keys = said["origin"], {log.id for log in logs}
    below = all(f"{log.name}/".startswith(f"{origin}/") and len(log.name.encode()) < 256 for log in logs)
    need(below and (origin, 1) in [(log.name, log.type) for log in logs], "schema", "logKeys")
    need(len(log_keys) == len(logs) and not log_keys & part.brings.keys(), "schema", "a log's key stands twice")
    every = len(part.operators) == len(said["operators"]) <= 16 and all(part.operators.values())
    need(every and part.issuer in part.operators and "council" not in part.operators, "schema", "operators")
    once([one for operator in said["operators"] for one in operator["keys"]])
    once(said.get("council", {"keys": []})["keys"])
    need(min(len(part.council), 1) <= part.threshold <= min(len(part.council), 16), "schema", "threshold")
    return [("log-policy", sha256(origin.encode()).hex())]

def once(keys):
    need(len({one["keyid"] for one in keys}) == len(keys), "schema", "a key stands twice")

def party(part, said):
    once(said["keys"])
    need(said["roles"] and 1 <= len(said["keys"]) <= 15, "schema", "its keys and roles")
    return [(f"key:{keyid}", keyid) for keyid in part.brings]

def key_event(part, said):
    event, keyid, old = said["event"], said["keyid"], said.get("replaces")
    need(("publicKey" in said) == (event != "revoke"), "schema", "publicKey")
    need(("replaces" in said) == (event == "rotate") and old != keyid, "schema", "replaces")
    need(event != "revoke" or "use" not in said, "schema", "use")
    compromised = part.revokes and said["reason"] == "keyCompromise"
    need(compromised or "compromisedFromIndex" not in said, "schema", "compromisedFromIndex")
    return [(f"key:{one}", one) for one in (keyid, old) if one]

def index_root(_, said):
    need(said["size"] > 0, "schema", "size")
    return [(f"index:{said['root']}", said["root"])]

RELATED = {"log-policy": log_policy, "party": party, "key-event": key_event, "index-root": index_root}

def header_of(entry):
    """§4: what an entry says, in its one form: RFC 8785, and one addendum after it."""
    try:
        header = shaped(parsed(entry[:-37]), HEADER)
        text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except FAILURES as why:
        raise Broken("entry_invalid", repr(why)) from None
    need(entry == text + entry[-37:-5] + len(text).to_bytes(4, "big") + b"\x01", "entry_invalid", "not in its one form")
    return header

# §12: a bundle's look-ups in the verifiable index: all entries about a key, or that there is none.

def hashes(listed):
    return [unbase64(text, "proof_invalid") for text in listed]

def key_lookup(v, main, known):
    """No entry about a signer's key is left out of the bundle, up to the size that `v.proven` says."""
    told = shaped(v.top["keyLookup"], KEY_LOOKUP, "bundle_invalid")
    media, first = v.top["mediaType"], v.top["policy"]
    of_root = {"mediaType": media, **told["indexRoot"], "policy": first, "keyHistory": told["history"]}
    asked = argparse.Namespace(policy=v.policy, data=json.dumps(of_root).encode(), paths=(), warnings=[], proven={})
    for lookup in told["lookups"]:
        shaped(lookup, LOOK_UP, "proof_invalid")
        need((lookup["count"] == "0") == (lookup["list"] is None), "proof_invalid", "a list has a root")
        signer = lookup["term"] in [f"key:{keyid}" for keyid in main.signatures]
        need(signer, "binding_mismatch", "not of a signer's key")
    list(links(asked))
    root = asked.parts[0]
    need((root.origin, root.log) == (main.origin, main.log), "origin_mismatch", "a root of another log")
    need(root.kind == "index-root", "binding_mismatch", "no root")
    for lookup in told["lookups"]:
        indices, whole = look_up(v, lookup, root)
        if whole:
            need(set(indices) <= known, "binding_mismatch", "the key history leaves an entry out")
            v.proven[lookup["term"][4:]] = root.said["size"]

def look_up(v, lookup, root):
    """The indices that a look-up shows of its list, and whether they are all."""
    path = hashes(lookup["indexRoot"]["proof"])
    seen = argparse.Namespace(checkpoint=lookup["checkpoint"], entry=root.entry, index=root.index, path=path)
    need(int(lookup["indexRoot"]["index"]) == root.index, "binding_mismatch", "another root")
    list(placed(v, seen))
    need((seen.origin, seen.log) == (root.origin, root.log), "origin_mismatch", "another log")
    count = int(lookup["count"])
    value = count.to_bytes(8, "big") + unbase64(lookup["list"], "proof_invalid") if count else None
    trie(sha256(lookup["term"].encode()), value, unbase64(lookup["proof"], "proof_invalid"),
         bytes.fromhex(root.said["root"]))
    indices = listed(lookup["page"], count, value, lookup["term"][4:], seen) if lookup["page"] else []
    need(max(indices, default=0) < root.said["size"], "proof_invalid", "an entry that the index does not cover")
    return indices, len(indices) == count

def listed(page, count, value, keyid, seen):
    """The indices of a page, proven to be all of it. A page of 256 is a subtree, and so is the last."""
    number, indices = int(page["number"]), [int(index) for index in page["indices"]]
    whole = indices == sorted(set(indices)) and len(indices) == min(256, count - 256 * number)
    need(whole, "proof_invalid", "the page is not whole or not in order")
    of_page = tree_root([sha256(b"\x00" + index.to_bytes(8, "big")) for index in indices])
    of_list = root_over(of_page, number, -(-count // 256), hashes(page["proof"]))
    need(of_list == value[8:], "proof_invalid", "it does not lead to the root of the list")
    entries = indices if page["entries"] is None else page["entries"]
    need(len(entries) == len(indices), "proof_invalid", "not every entry of the page")
    for index, shown in zip(indices, page["entries"] or []):
        entry = unbase64(shown["entry"], "proof_invalid")
        of_log = root_over(sha256(b"\x00" + entry), index, seen.size, hashes(shown["proof"]))
        need(of_log == seen.root, "proof_invalid", "it does not lead to the root of the log")
        need(keyid in header_of(entry)["keys"], "proof_invalid", "an entry that is not about the key")
    return indices

def tree_root(leaves):
    """The root of a list: RFC 6962 §2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + tree_root(leaves[:k]) + tree_root(leaves[k:]))

def trie(key, value, proof, root):
    """The root has this value under the key, or none."""
    def bit(of, at):
        return of[at // 8] >> (7 - at % 8) & 1
    other = key
    if value is None and not proof:
        return need(root == sha256(b""), "proof_invalid", "the index is not empty")
    if value is None:
        need(len(proof) >= 74 and proof[0] == 32 and proof[33] == 40, "proof_invalid", "not a proof of absence")
        other, value, proof = proof[1:33], proof[34:74], proof[74:]
        need(other != key, "proof_invalid", "it is there")
    node, below = sha256(b"\x00\x20" + other + bytes([len(value)]) + value), 256
    while proof:
        at, used = (proof[0], 1) if proof[0] < 128 else (proof[0] % 128 + 128, 2)
        need(used == 1 or proof[1:2] == b"\x01", "proof_invalid", "a bit that no key has")
        sibling, step, proof = proof[used:used + 32], proof[:used], proof[used + 32:]
        need(len(sibling) == 32 and at < below and bit(key, at) == bit(other, at), "proof_invalid", "a step")
        node, below = sha256(b"\x01" + step + (sibling + node if bit(key, at) else node + sibling)), at
    need(node == root, "proof_invalid", "it does not lead to the root of the index")

FORMS = {"json": strict_json, "key": key, "signature": signature, "policy": policy, "note": note, "bundle": bundle,
         "envelope": envelope, "statement": statement, "record": record, "entry": header_of, "keyLookup": key_lookup}
