#!/usr/bin/env python3
"""Verify a Colophon bundle with none of Colophon's code: this one file, the standard library and `cryptography`.

    verify_bundle.py [--links] [--strict] --policy FILE BUNDLE [ARTIFACT...]

It is docs/FORMAT.md §1 to §8, prints one line of JSON and exits as `colophon verify` does. Begin at `links`. The file
`verify_forms.py`, where it lies beside this one, is shown what is read (`forms`): it refuses what no honest program
writes, and follows a `keyLookup` (§12). With --links, and without that file, "unread" says what nobody looked at.
Neither looks at folders, sizes, controls in names, or the members of kinds that no other record is verified by.
"""
import argparse, base64, hashlib, json, re, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

EXIT = {"signature_count": 10, "signature_invalid": 10, "threshold": 10, "key_refused": 10, "note_invalid": 10,
        "proof_invalid": 11, "entry_invalid": 12, "binding_mismatch": 12, "origin_mismatch": 12, "fork": 13,
        "key_taken": 14, "signer_unknown": 14, "issuer_mismatch": 14, "role_refused": 14, "policy_unmet": 14,
        "signer_revoked": 15, "disputed_key": 15, "time_doubtful": 15}  # every other code: 2
KEY_KINDS, ROOT_KINDS = ("log-policy", "party", "key-event"), ("index-root", "run-root")
RECORD_SUBJECTS_ONLY = ("usage-preference", "preference-response", "comment", "dispute")
COUNCIL_PHASES = ("ratified", "vetoed", "suspended", "resumed")
NEVER = float("inf")
ED25519 = bytes.fromhex("302a300506032b6570032100")
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?"  # of one spelling
HASH, DECIMAL, NAME = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", "(?:0|[1-9][0-9]{0,18})", r"[^\s+\0-\x1f]{1,255}"
PROOF = rf"c2sp\.org/tlog-proof@v1\n(?:extra {BASE64}\n)?index ({DECIMAL})\n((?:{HASH}\n){{0,63}})\n((?s:.*))"
NOTE = rf"(([^\n]{{1,255}})\n({DECIMAL})\n({HASH})\n(?:[^\n]+\n)*)\n((?:\u2014 {NAME} {BASE64}\n){{1,64}})"

class Broken(Exception):
    """A link does not hold: the stable code, and what was found."""

# And what Python says where something is missing, of another type, too large or too deep.
FAILURES = (Broken, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError, RecursionError)

def need(holds, code, detail=""):
    if not holds:
        raise Broken(code, detail)

def forms(what, *read):
    """Shows what was read to `verify_forms.py`, which may refuse it."""
    if what in FORMS:
        FORMS[what](*read)

sha256 = lambda data: hashlib.sha256(data).digest()

def unbase64(text, code):
    need(re.fullmatch(BASE64, text), code, "no base64")
    return base64.b64decode(text)

def parsed(data):
    """§1: JSON, without a number that some reader cannot hold and without a member that stands twice."""
    forms("json", data)
    once = lambda pairs: need(len(dict(pairs)) == len(pairs), "json_duplicate_key") or dict(pairs)
    refused = lambda text: need(False, "json_number", text)
    return json.loads(data.decode(), object_pairs_hook=once, parse_float=refused, parse_constant=refused)

def texts(value):
    """Every text in a value, names of members apart."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, str) else [text for one in within for text in texts(one)]

class Key:
    """§2: an Ed25519 or P-256 key by its DER, whose SHA-256 is its id. An entry lists it, and others may revoke it."""
    def __init__(self, der, owner=None, use="sign", listed=None):
        need(der.startswith((ED25519, P256)), "key_refused", "neither Ed25519 nor P-256")
        forms("key", der)
        self.id, self.key = sha256(der).hex(), serialization.load_der_public_key(der)
        self.how = [] if der.startswith(ED25519) else [ec.ECDSA(hashes.SHA256())]
        self.owner, self.use, self.listed, self.revoked, self.doubted = owner, use, listed, False, NEVER

    def check(self, message, signature, code):
        try:
            self.key.verify(signature, message, *self.how)
        except InvalidSignature:
            raise Broken(code, f"the signature by {self.id} does not hold") from None
        forms("signature", self, signature, code)

class Part:
    """One record of a bundle, and its place in the log (§6, §7). It `brings` keys, by their ids, and `revokes` one."""
    def __init__(self, members):
        self.body, self.entry = [unbase64(members[name], "bundle_invalid") for name in ("envelope", "entry")]
        proof = re.fullmatch(PROOF, members["proof"])
        need(proof, "proof_invalid", "not a tlog-proof")
        self.index, self.path, self.checkpoint = int(proof[1]), [*map(base64.b64decode, proof[2].split())], proof[3]
        self.signatures, self.kind, self.brings, self.revokes, self.unvouched = {}, None, {}, None, None
        try:
            self.read()
        except FAILURES as why:  # The link that asks for what is missing says it.
            self.kind, self.brings, self.why = None, {}, why

    def read(self):
        """§2: DSSE, in either alphabet of base64, never both in one text. §3: the statement in it."""
        either = lambda text: text if re.search("[+/]", text) else text.replace("-", "+").replace("_", "/")
        forms("envelope", self.body)
        envelope = parsed(self.body)
        listed, self.type = envelope["signatures"], envelope["payloadType"].encode()
        need(1 <= len(listed) <= 16, "signature_count")
        self.payload = unbase64(either(envelope["payload"]), "base64_refused")
        self.signatures = {one["keyid"]: unbase64(either(one["sig"]), "signature_invalid") for one in listed}
        statement = parsed(self.payload)
        need(self.type == b"application/vnd.in-toto+json", "signature_invalid", "payloadType")
        kind = re.fullmatch("urn:colophon:([a-z][a-z0-9-]{0,63}):v1", statement["predicateType"])
        need(kind and statement["_type"] == "https://in-toto.io/Statement/v1", "schema", "its type")
        self.subjects = [(one.get("name") or "", one["digest"].get("sha256")) for one in statement["subject"]]
        forms("statement", self, kind[1], statement)
        self.said = said = {name: one for name, one in statement["predicate"].items() if one is not None}
        self.kind, self.issuer = kind[1], said["issuer"]["id"]
        if self.kind == "log-policy":
            council = said.get("council", {"keys": [], "threshold": 0})
            self.operators = {one["id"]: self.bring(one["keys"], one["id"]) for one in said["operators"]}
            self.council, self.threshold = self.bring(council["keys"], None), council["threshold"]
        elif self.kind == "party":
            self.bring(said["keys"], said["id"])
        elif self.kind == "key-event":
            self.bring([said] if "publicKey" in said else [], self.issuer)
            self.revokes = {"add": None, "rotate": said.get("replaces"), "revoke": said["keyid"]}[said["event"]]
        elif self.issuer.startswith("key:"):
            self.unvouched = self.issuer[4:]
            self.bring([{"keyid": self.unvouched, "publicKey": said["publicKey"]}], None)
        forms("record", self)

    def bring(self, items, owner):
        ders = [unbase64(one["publicKey"], "key_refused") for one in items]
        keys = [Key(der, owner, one.get("use", "sign"), self.index) for der, one in zip(ders, items)]
        need([key.id for key in keys] == [one["keyid"] for one in items], "binding_mismatch", "an id of another key")
        self.brings = {key.id: key for key in keys} | self.brings
        return {key.id for key in keys}

    def signed(self, keys):
        """§2: every signature is over PAE(type, payload). A signer without a key here is refused by `fold`."""
        pae = b"DSSEv1 %d %s %d %s" % (len(self.type), self.type, len(self.payload), self.payload)
        for keyid in self.signatures.keys() & keys.keys():
            keys[keyid].check(pae, self.signatures[keyid], "signature_invalid")

    def bound(self):
        """§4: the body is a record, and the entry is what follows from it, but for the time of its receipt: RFC 8785
        (the names of its members are ASCII), and one addendum. Returns that time."""
        if not self.kind:
            raise self.why
        forms("entry", self.entry)
        every, keys = self.kind not in RECORD_SUBJECTS_ONLY, {*self.brings, self.revokes} - {None, self.unvouched}
        subjects = {digest for name, digest in self.subjects if digest and (every or name.startswith("record:"))}
        refs = {text[7:] for text in texts(self.said) if re.fullmatch("record:[0-9a-f]{64}", text)}
        header = {"v": 1, "kind": self.kind, "record": sha256(self.payload).hex(), "issuer": self.issuer,
                  "received": parsed(self.entry[:-37])["received"], "signers": sorted(self.signatures),
                  "keys": sorted(keys), "subjects": sorted(subjects), "refs": sorted(refs)}
        text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        entry = text + sha256(self.body) + len(text).to_bytes(4, "big") + b"\x01"
        need(self.entry == entry, "binding_mismatch", "the entry of another record")
        return header["received"]

class NoteKey(Key):
    """§5: a verifier key <name>+<hash>+<base64(type, key)>: type 1 is a log's, type 4 a witness's."""
    def __init__(self, text, types):
        self.name, self.hash, data = re.fullmatch(f"({NAME})[+]([0-9a-f]{{8}})[+]({BASE64})", text).groups()
        data = base64.b64decode(data)
        super().__init__(ED25519 + data[1:])
        self.type, hashed = data[0], sha256(self.name.encode() + b"\n" + data).hex()[:8]
        need(self.type in types and self.hash == hashed, "policy_invalid", text)

class Policy:
    """§6: whom the reader trusts. A node says whether it is met by those who signed."""
    def __init__(self, data):
        self.logs, self.witnesses, nodes = [], [], {"none": lambda signed: True}
        lines = [re.findall("[^ \t]+", line) for line in data.decode(errors="surrogateescape").split("\n")]
        lines = [words for words in lines if words and words[0][0] != "#"]
        forms("policy", data, lines)
        for word, name, *rest in lines:
            if word == "log":
                self.logs.append(NoteKey(name, [1]))
            elif word == "witness":
                self.witnesses.append(NoteKey(rest[0], [4]))
                nodes[name] = lambda signed, key=self.witnesses[-1]: key in signed
            elif word == "group":
                members = [nodes[member] for member in rest[1:]]
                k = {"all": len(members), "any": 1}.get(rest[0]) or int(rest[0])
                nodes[name] = lambda signed, k=k, members=members: sum(met(signed) for met in members) >= k
        self.quorum = nodes[next((name for word, name, *_ in lines if word == "quorum"), "a quorum")]

def signers(part, keys):
    """§5: which of these keys signed, and when. A line of a known key that does not hold refuses the whole note."""
    signed = {}
    for name, data in part.lines:
        for key in [key for key in keys if (key.name, key.hash) == (name, data[:4].hex())]:
            time = int.from_bytes(data[4:12], "big", signed=True) if key.type == 4 else 0
            begin, text = (12, f"cosignature/v1\ntime {time}\n{part.text}") if key.type == 4 else (4, part.text)
            key.check(text.encode(), data[begin:], "note_invalid")
            signed[key] = max(time, signed.get(key, 0))
    return signed

def root_over(node, index, size, path):
    """§5: the root of the tree of this size with this leaf: the path of RFC 6962 §2.1.1, from the root down."""
    need(index < size and bool(path) == (size > 1), "proof_invalid", "too long, too short or beyond the tree")
    if size == 1:
        return node
    *path, sibling = path
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return sha256(b"\x01" + root_over(node, index, left, path) + sibling)
    return sha256(b"\x01" + sibling + root_over(node, index - left, size - left, path))

def fold(main, parts):
    """§8: the keys after these entries, which stand in their order. What each says, its signers may say."""
    state = argparse.Namespace(policy=None, roles={}, keys={})
    for part in parts:
        if part is not main:
            need(part.kind in KEY_KINDS, "binding_mismatch", "a record that changes no key")
            part.signed(state.keys | part.brings)
        for keyid in part.signatures:
            need(keyid in state.keys or keyid in part.brings, "signer_unknown", keyid)
            need(keyid not in state.keys or not state.keys[keyid].revoked, "signer_revoked", keyid)
        if part.kind:
            admit(part, state, part.kind, part.issuer, part.said, set(part.signatures))
        if part.kind in KEY_KINDS:
            state.keys = part.brings | state.keys
        if part.kind == "log-policy":
            state.policy, state.roles = part, {party: roles - {"operator"} for party, roles in state.roles.items()}
        elif part.kind == "party":
            state.roles[part.said["id"]] = set(part.said["roles"])
        elif part.revokes:
            key = state.keys[part.revokes]
            key.revoked, key.doubted = True, min(part.said.get("compromisedFromIndex", NEVER), key.doubted)
    return state.keys

def admit(part, state, kind, issuer, said, signers):
    """Whether the policy in force lets these signers make this record the next entry."""
    first, policy = not state.policy, state.policy or part
    need(not first or (kind == "log-policy" and part.index == 0), "role_refused", "entry 0 must be a log-policy")
    keys = part.brings if first else state.keys
    in_force = {keyid: (key.owner, key.use) for keyid, key in keys.items() if not key.revoked}
    signed = {in_force[keyid] for keyid in signers & in_force.keys()}
    council = 0 < policy.threshold <= len(policy.council & in_force.keys() & signers)
    speaks, operates, governs = (issuer, "sign") in signed, issuer in policy.operators, kind == "governance-event"
    roles = {"anybody"} | state.roles.get(issuer, set()) | ({"operator"} if operates else set())
    for_roots_alone = any(state.keys[keyid].use == "roots" for keyid in signers & state.keys.keys())
    need(kind in ROOT_KINDS or not for_roots_alone, "role_refused", "a key for roots alone")
    if kind == "log-policy":
        need(said["origin"] == policy.said["origin"], "wrong_log")
        every_operator = all((party, "sign") in signed for party in policy.operators)
        return need(every_operator if first or not policy.threshold else council, "threshold", "too few signed")
    if kind in ROOT_KINDS:
        need(operates and (speaks or (issuer, "roots") in signed), "role_refused", "no operator")
        return need(said["size" if kind == "index-root" else "to"] <= part.index, "schema", "beyond its own index")
    if kind == "party":
        need(said["id"] != "council", "key_taken", "the council's name")
        need(council or (operates and speaks), "role_refused", "not by an operator")
        roles = {"anybody", "operator"}
    elif kind == "key-event":
        need(operates or issuer in state.roles, "signer_unknown", "no such party")
        managed = said["event"] != "revoke" and (issuer, "manage") in in_force.values()
        by_party = (issuer, "manage") in signed or (speaks and not managed)
        need(council or by_party, "issuer_mismatch", "no older key of the party signed")
    elif part.unvouched:
        need(part.unvouched in signers and part.unvouched not in state.keys, "issuer_mismatch", "not by its key")
    else:
        for_council = governs and (said["phase"] in COUNCIL_PHASES or issuer == "council")
        need(council or not for_council, "threshold", "the council did not sign")
        if council and (issuer == "council" or (governs and speaks)):
            return
        need(speaks, "issuer_mismatch", "no key in force of the issuer signed")
    if part.revokes:
        key = state.keys.get(part.revokes)
        need(key and key.owner == issuer, "issuer_mismatch", "the key is not the party's")
        theft = said["event"] == "revoke" and "compromisedFromIndex" in said
        need(not key.revoked or theft, "signer_revoked", "revoked already")
        need(said.get("compromisedFromIndex", 0) <= part.index, "schema", "compromisedFromIndex")
    allowed = policy.said["rules"].get(kind, ["anybody"] if kind in KEY_KINDS else [])
    power = {"retraction": said.get("redaction") and "operator",
             "resolution": said.get("outcome") == "vouched" and "steward"}.get(kind) or "anybody"
    need(roles & set(allowed) and power in roles, "role_refused", f"{issuer} may not register this {kind}")
    for keyid, brought in part.brings.items():
        key = state.keys.get(keyid, brought)
        need(not key.revoked, "signer_revoked", keyid)
        need(key.owner == brought.owner, "key_taken", keyid)
        need(keyid in state.keys or keyid in signers, "threshold", "a new key does not sign")

def links(v):
    """§8: the links in their order, `v` being what the reader brought. Each says its name before it is followed."""
    yield "bundle"
    forms("bundle", v.data)
    v.top = parsed(v.data)
    need(v.top["mediaType"] == "application/vnd.colophon.bundle.v1+json", "bundle_invalid", "mediaType")
    if "keyLookup" in v.top and not FORMS:
        v.unread.append("keyLookup")
    main, *history = v.parts = [Part(one) for one in (v.top, v.top["policy"], *v.top["keyHistory"])]
    yield from placed(v, main)
    yield "envelope-signature"
    if not main.signatures:
        raise main.why
    main.signed({keyid: key for part in v.parts for keyid, key in part.brings.items()})
    yield "signer-key"
    signer_key(v, main, history)
    yield "record"
    received = main.bound()
    if main.cosigned and received > (min(main.cosigned.values()) + 5 * 60) * 1000:
        v.warnings.append("time_doubtful")
    yield "artifact"
    for path in v.paths:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        need(found in [digest for _, digest in main.subjects], "binding_mismatch", f"{path} has sha256 {found}")

def placed(v, part):
    """§5: where the log and enough witnesses say that an entry stands."""
    yield "log-signature"
    note = re.fullmatch(NOTE, part.checkpoint)
    need(note, "note_invalid", "its form")
    part.text, part.origin, part.size, part.root = note[1], note[2], int(note[3]), base64.b64decode(note[4])
    part.lines = [(name, base64.b64decode(text)) for name, text in re.findall("\u2014 (.+) (.*)\n", note[5])]
    forms("note", part)
    keys = [key for key in v.policy.logs if key.name == part.origin]
    need(keys, "origin_mismatch", "a log that the policy does not list")
    part.log = next(iter(signers(part, keys)), None)
    need(part.log, "policy_unmet", "no line by the log's key in the policy")
    yield "witnesses"
    part.cosigned = signers(part, v.policy.witnesses)
    need(v.policy.quorum(part.cosigned), "policy_unmet", "too few witnesses")
    yield "inclusion"
    root = root_over(sha256(b"\x00" + part.entry), part.index, part.size, part.path)
    need(root == part.root, "proof_invalid", "it does not lead to the root")

def signer_key(v, main, history):
    """Entry 0 and the key history are proven like the record itself, and folded with it in the order of indices."""
    first, trees, order = history[0], {main.size: main.root}, [part.index for part in history]
    for part in history:
        list(placed(v, part))
        part.bound()
        need((part.origin, part.log) == (main.origin, main.log), "origin_mismatch", "another log")
        need(trees.setdefault(part.size, part.root) == part.root, "fork", "two trees of one size")
    need(order == sorted(set(order)) and main.index not in order[1:], "binding_mismatch", "the order of the history")
    need(first.index == 0 and first.kind == "log-policy", "binding_mismatch", "entry 0 is no log-policy")
    need(main.index > 0 or first.entry == main.entry, "binding_mismatch", "two entries 0")
    need(first.said["origin"] == main.origin, "origin_mismatch", "the policy of another log")
    parts = [main] + [part for part in history if part.index != main.index]
    keys = fold(main, sorted(parts, key=lambda part: part.index))
    signed = [keys[keyid] for keyid in main.signatures if keyid in keys]
    if any(key.listed < main.index and key.doubted <= main.index for key in signed):
        v.warnings.append("disputed_key")
    if "keyLookup" in v.top:
        forms("keyLookup", v, main, {main.index, *order})

def verify(policy, data, paths=(), strict=False):
    """What is printed, and the exit code."""
    v = argparse.Namespace(policy=Policy(policy), data=data, paths=paths, warnings=[], proven={}, unread=[])
    v.unread += [] if FORMS else ["forms"]
    said = {"verdict": "failed", "code": None, "warnings": v.warnings, "unrevoked": v.proven, "unread": v.unread}
    try:
        for said["link"] in links(v):
            pass  # Where it fails it is the last one named.
        said |= {"verdict": "verified", "link": None}
    except FAILURES as error:
        said["code"], said["detail"] = error.args if isinstance(error, Broken) else ("schema", repr(error))
    worst = said["code"] or (strict and v.warnings and v.warnings[0])
    return said, EXIT.get(worst, 2) if worst else 0

sys.modules.setdefault("verify_bundle", sys.modules[__name__])  # so that the file beside it means the same functions
try:
    from verify_forms import FORMS
except ModuleNotFoundError:
    FORMS = {}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", action="store_true", help="leave out what verify_forms.py adds")
    parser.add_argument("--strict", action="store_true", help="a warning is a failure")
    parser.add_argument("--policy", required=True, help="a tlog-policy: whom you believe")
    parser.add_argument("bundle")
    parser.add_argument("paths", nargs="*", metavar="ARTIFACT")
    asked = parser.parse_args()
    if asked.links:
        FORMS.clear()
    try:
        with open(asked.policy, "rb") as policy, open(asked.bundle, "rb") as file:
            said, status = verify(policy.read(), file.read(), asked.paths, asked.strict)
    except FAILURES as error:
        parser.error(f"cannot read: {error!r}")
    print(json.dumps(said))
    sys.exit(status)
