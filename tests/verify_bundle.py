#!/usr/bin/env python3
"""Verify a Colophon bundle with none of Colophon's code: the standard library and `cryptography`.

    verify_bundle.py [--json] [--strict] --policy FILE BUNDLE [ARTIFACT...]

Follows docs/FORMAT.md link by link, in its order, with the exit codes of `colophon verify`. Left out:
folders as artifacts, and the schemas of kinds that cannot change a key (a log has checked those at its door).
"""

import argparse
import base64
import hashlib
import json
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

LINKS = ["bundle", "log-signature", "witnesses", "inclusion", "envelope-signature", "signer-key", "record", "artifact"]
EXIT = {"signature_count": 10, "signature_invalid": 10, "threshold": 10, "key_refused": 10, "note_invalid": 10,
        "proof_invalid": 11, "entry_invalid": 12, "binding_mismatch": 12, "origin_mismatch": 12, "fork": 13,
        "key_taken": 14, "signer_unknown": 14, "issuer_mismatch": 14, "role_refused": 14, "policy_unmet": 14,
        "signer_revoked": 15, "disputed_key": 15, "time_doubtful": 15}  # every other code: 2
MAX_INT = 2**53 - 1
NAMING = {"name", "id", "@id", "uri", "url", "origin", "model_name", "keyid"}
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
HEX64 = re.compile(r"[0-9a-f]{64}\Z")
DECIMAL = re.compile(r"(0|[1-9][0-9]*)\Z")
KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z\Z", re.ASCII)
STRUCTURAL = {"log-policy", "party", "key-event", "governance-event", "retraction", "index-root", "run-root"}
RECORD_SUBJECTS_ONLY = {"usage-preference", "preference-response", "comment", "dispute"}
ROLES = {"partner", "auditor", "steward", "contributor", "operator"}
COMMON = {"issuer", "issued", "validFrom", "validUntil", "supersedes", "corrects", "revokes", "evidence", "nonce"}
ED25519 = bytes.fromhex("302a300506032b6570032100")
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
# The y coordinates of the points of small order, in every spelling (the sign bit masked).
SMALL_ORDER = {bytes.fromhex(y) for y in (
    "00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")}


class Broken(Exception):
    """A link does not hold: the code, and what was found."""

    def __init__(self, code, detail=""):
        super().__init__(code, detail)
        self.code, self.detail = code, detail


def need(holds, code, detail=""):
    if not holds:
        raise Broken(code, detail)


def sha256(data):
    return hashlib.sha256(data).digest()


def unbase64(text, code):
    """Standard base64, padded, with zero bits at its end: one spelling for each value."""
    need(isinstance(text, str), "schema", "expected a text")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Broken(code, "not base64") from None
    need(base64.b64encode(data).decode() == text, code, "base64 in a second spelling")
    return data


# --- Strict JSON (RFC 8259, as FORMAT.md narrows it) -------------------------------------------------------------------

def strict_json(data, limit):
    need(len(data) <= limit, "too_large")
    need(not data.startswith(b"\xef\xbb\xbf"), "text_refused", "a byte order mark")

    def no_float(_):
        raise Broken("json_number")

    def integer(text):
        need(len(text) < 20 and abs(int(text)) <= MAX_INT and text != "-0", "json_number")
        return int(text)

    def unique(pairs):
        need(len({name for name, _ in pairs}) == len(pairs), "json_duplicate_key")
        return dict(pairs)

    count = 0

    def walk(value, depth, naming):
        nonlocal count
        if isinstance(value, str):
            need("\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value), "text_refused")
            need(not (naming and BIDI.search(value)), "text_refused", "a bidirectional control in a name")
        elif isinstance(value, (dict, list)):
            need(depth < 32, "json_depth")
            count += len(value)
            need(count <= 10_000, "json_members")
            if isinstance(value, list):
                for item in value:
                    walk(item, depth + 1, naming)
            else:
                for name, item in value.items():
                    walk(name, depth + 1, True)
                    walk(item, depth + 1, naming or name in NAMING)

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_float=no_float,
                           parse_int=integer, parse_constant=no_float)
    except UnicodeDecodeError:
        raise Broken("text_refused", "not UTF-8") from None
    except RecursionError:
        raise Broken("json_depth") from None
    except ValueError as error:
        raise Broken("json_syntax", str(error)) from None
    walk(value, 0, False)
    return value


def canonical(value):
    """RFC 8785, for values whose member names are ASCII and whose numbers are integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# --- Keys and signatures -----------------------------------------------------------------------------------------------

def ed25519_key(point):
    masked = point[:31] + bytes([point[31] & 0x7F])
    need(masked not in SMALL_ORDER and int.from_bytes(masked, "little") < 2**255 - 19, "key_refused")
    return ed25519.Ed25519PublicKey.from_public_bytes(point)


def ed25519_holds(key, message, signature):
    if len(signature) != 64 or signature[:31] + bytes([signature[31] & 0x7F]) in SMALL_ORDER:
        return False
    try:
        key.verify(signature, message)
        return True
    except InvalidSignature:
        return False


class PublicKey:
    """A key of a record: its id is the SHA-256 of its DER, which has one form for each algorithm."""

    def __init__(self, text):
        der = unbase64(text, "key_refused")
        self.id = sha256(der).hex()
        try:
            if der[:12] == ED25519 and len(der) == 44:
                self.key = ed25519_key(der[12:])
            else:
                need(der[:27] == P256 and len(der) == 91, "key_refused")
                self.key = serialization.load_der_public_key(der)
        except ValueError:
            raise Broken("key_refused", "not a point on the curve") from None

    def holds(self, message, signature):
        if isinstance(self.key, ed25519.Ed25519PublicKey):
            return ed25519_holds(self.key, message, signature)
        try:
            self.key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
            return True
        except (InvalidSignature, ValueError):
            return False


class NoteKey:
    """A verifier key of C2SP signed-note: <name>+<hash>+<base64(type, key)>."""

    def __init__(self, text, kind):
        name, digest, data = (text.split("+", 2) + ["", ""])[:3]
        data = unbase64(data, "policy_invalid")
        self.name, self.bytes = name, data
        self.hash = sha256(name.encode() + b"\n" + data)[:4]
        need(key_name(name) and len(data) == 33 and data[0] == kind, "policy_invalid", "not a verifier key")
        need(digest == self.hash.hex(), "policy_invalid", "the key's hash is another's")
        try:
            self.key = ed25519_key(data[1:])
        except (Broken, ValueError):
            raise Broken("policy_invalid", "a weak key") from None

    def time_of(self, text, signature):
        """The cosignature's time (0 for a log's signature), or None if it does not hold."""
        if self.bytes[0] == 1:
            return 0 if ed25519_holds(self.key, text, signature) else None
        time = int.from_bytes(signature[:8], "big")
        message = b"cosignature/v1\ntime %d\n" % time + text
        return time if len(signature) == 72 and time < 2**63 and ed25519_holds(self.key, message, signature[8:]) else None


# --- C2SP: policy, note, checkpoint, proof -----------------------------------------------------------------------------

def key_name(name):
    return 0 < len(name.encode()) <= 255 and not re.search(r"[\s+\x00-\x1f]", name)


class Policy:
    def __init__(self, data):
        self.logs, self.witnesses, self.nodes, self.quorum, member_of = [], [], {}, None, set()
        for line in data.split(b"\n"):
            need(not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line), "policy_invalid")
            word, *rest = re.split(rb"[ \t]+", line.strip(b" \t"))
            if word == b"" or word.startswith(b"#"):
                continue
            if word == b"log" and len(rest) in (1, 2):
                self.add(self.logs, rest[0], 1)
            elif word == b"witness" and len(rest) in (2, 3):
                self.define(rest[0], self.add(self.witnesses, rest[1], 4))
            elif word == b"group" and len(rest) >= 3:
                name, threshold, *members = rest
                k = {b"all": len(members), b"any": 1}.get(threshold)
                k = k or (int(threshold) if DECIMAL.match(threshold.decode("latin-1")) else 0)
                need(1 <= k <= len(members), "policy_invalid", "threshold")
                for member in members:
                    need(member in self.nodes and member not in member_of, "policy_invalid", "member")
                    member_of.add(member)
                self.define(name, (k, members))
            elif word == b"quorum" and len(rest) == 1 and self.quorum is None:
                need(rest[0] == b"none" or rest[0] in self.nodes, "policy_invalid", "quorum")
                self.quorum = rest[0]
            else:
                raise Broken("policy_invalid", "not a line of a policy")
        need(self.quorum is not None, "policy_invalid", "no quorum")

    def add(self, keys, text, kind):
        try:
            key = NoteKey(text.decode(), kind)
        except UnicodeDecodeError:
            raise Broken("policy_invalid", "not UTF-8") from None
        need(all(key.bytes != other.bytes for other in keys), "policy_invalid", "the same key twice")
        keys.append(key)
        return key

    def define(self, name, node):
        need(name != b"none" and name not in self.nodes, "policy_invalid", "defined already")
        self.nodes[name] = node

    def met(self, name, signed):
        if name == b"none":
            return True
        node = self.nodes[name]
        if isinstance(node, NoteKey):
            return node in signed
        return sum(self.met(member, signed) for member in node[1]) >= node[0]


class Note:
    """A signed note, and the checkpoint that it is."""

    def __init__(self, data):
        need(not re.search(rb"[\x00-\x09\x0b-\x1f]", data) and len(data) <= 384 * 1024, "note_invalid")
        try:
            text, divide, lines = data.decode().rpartition("\n\n")
        except UnicodeDecodeError:
            raise Broken("note_invalid", "not UTF-8") from None
        need(divide and lines.endswith("\n"), "note_invalid", "no signatures")
        self.text, self.signatures = text + "\n", []
        lines = lines[:-1].split("\n")
        need(len(lines) <= 64, "note_invalid", "more than 64 signatures")
        for line in lines:
            dash, name, data = (line.split(" ") + ["", ""])[:3]
            need(line.count(" ") == 2 and dash == "\u2014" and key_name(name), "note_invalid", "not a signature line")
            data = unbase64(data, "note_invalid")
            need(len(data) > 4, "note_invalid", "a signature too short")
            self.signatures.append((name, data[:4], data[4:]))

    def checkpoint(self):
        lines = self.text[:-1].split("\n")
        need(len(lines) >= 3 and all(lines) and len(lines[0].encode()) <= 255, "note_invalid", "not a checkpoint")
        need(DECIMAL.match(lines[1]) and int(lines[1]) < 2**64, "note_invalid", "size")
        root = unbase64(lines[2], "note_invalid")
        need(len(root) == 32 and (lines[1] != "0" or root == sha256(b"")), "note_invalid", "root")
        return lines[0], int(lines[1]), root

    def named(self, keys):
        return [key for key in keys if any(s[:2] == (key.name, key.hash) for s in self.signatures)]

    def signed_by(self, keys):
        """The known keys that signed, with their newest time; one known key whose line fails refuses the note."""
        signed = {}
        for name, key_hash, signature in self.signatures:
            by = [key for key in keys if (key.name, key.hash) == (name, key_hash)]
            if by:
                time = by[0].time_of(self.text.encode(), signature)
                need(len(by) == 1 and time is not None, "note_invalid", "the signature of a known key fails")
                signed[by[0]] = max(signed.get(by[0], 0), time)
        return signed


class TlogProof:
    def __init__(self, text):
        need(isinstance(text, str), "bundle_invalid", "proof")
        head, divide, self.note = text.partition("\n\n")
        lines = head.split("\n")
        need(divide and lines.pop(0) == "c2sp.org/tlog-proof@v1", "proof_invalid", "not a tlog-proof")
        if lines and lines[0].startswith("extra "):
            unbase64(lines.pop(0)[6:], "proof_invalid")
        word, _, index = (lines.pop(0) if lines else "").partition(" ")
        need(word == "index" and DECIMAL.match(index) and int(index) < 2**64, "proof_invalid", "index")
        self.index, self.hashes = int(index), [unbase64(line, "proof_invalid") for line in lines]
        need(len(self.hashes) <= 63 and all(len(h) == 32 for h in self.hashes), "proof_invalid", "hashes")


def inclusion(index, size, leaf, proof, root):
    """RFC 9162 §2.1.3.2, which is RFC 6962's proof."""
    need(index < size, "proof_invalid", "the index is not in the tree")
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        need(sn != 0, "proof_invalid", "too long")
        if fn & 1 or fn == sn:
            node = sha256(b"\x01" + sibling + node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = sha256(b"\x01" + node + sibling)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and node == root, "proof_invalid", "does not lead to the root")


# --- Records -----------------------------------------------------------------------------------------------------------

def member(members, name, kind, code="schema"):
    need(isinstance(members, dict) and isinstance(members.get(name), kind), code, name)
    return members[name]


def only(members, names):
    need(isinstance(members, dict) and set(members) <= set(names), "schema", "a member that this kind does not have")


def party_id(text):
    reserved = isinstance(text, str) and text.startswith("key:") and not HEX64.match(text[4:])
    need(isinstance(text, str) and re.match(r"[!-~]{1,255}\Z", text) and not reserved, "schema", "the id of a party")
    return text


class Envelope:
    """DSSE: every signature is over PAE(type, payload)."""

    def __init__(self, body):
        self.members = strict_json(body, 1 << 20)
        self.type = member(self.members, "payloadType", str)
        self.payload = self.either_base64(member(self.members, "payload", str), "base64_refused")
        self.signatures, listed = {}, member(self.members, "signatures", list)
        need(1 <= len(listed) <= 16, "signature_count")
        for item in listed:
            keyid, sig = member(item, "keyid", str), member(item, "sig", str)
            need(HEX64.match(keyid), "schema", "keyid")
            sig = self.either_base64(sig, "signature_invalid")
            need(len(sig) <= 128, "signature_invalid")
            need(keyid not in self.signatures, "threshold", "a second signature by the same key")
            self.signatures[keyid] = sig

    @staticmethod
    def either_base64(text, code):
        url = "-" in text or "_" in text
        need(not (url and ("+" in text or "/" in text)), code)
        return unbase64(text.translate({45: 43, 95: 47}) if url else text, code)

    def check(self, key_of):
        """Every signature holds; returns the id of a key that is not to be had, if one is not."""
        kind = self.type.encode()
        pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)
        for keyid, signature in self.signatures.items():
            key = key_of(keyid)
            if key is None:
                return keyid
            need(key.holds(pae, signature), "signature_invalid")
        return None


class Record:
    """A body that keeps the rules: envelope, statement, common members, and those of the three kinds that change keys."""

    def __init__(self, body):
        self.envelope = envelope = Envelope(body)
        need(envelope.type == "application/vnd.in-toto+json", "signature_invalid", "payloadType")
        self.statement = statement = strict_json(envelope.payload, 720 * 1024)
        self.id, self.body = sha256(envelope.payload).hex(), sha256(body)
        need(member(statement, "_type", str) == "https://in-toto.io/Statement/v1", "schema", "_type")
        kind = re.match(r"urn:colophon:(.*):v1\Z", member(statement, "predicateType", str), re.DOTALL)
        need(kind and KIND.match(kind[1]) and len(kind[1]) <= 64, "schema", "predicateType")
        self.kind, self.subjects = kind[1], member(statement, "subject", list)
        need(self.subjects, "schema", "no subject")
        need(len(self.subjects) <= 256, "too_many")
        for subject in self.subjects:
            for digest in member(subject, "digest", dict).values():
                need(isinstance(digest, str) and re.match(r"([0-9a-f]{2}){1,128}\Z", digest), "schema", "digest")
            need(subject["digest"] and HEX64.match(subject["digest"].get("sha256", "0" * 64)), "schema", "digest")
            prefix, _, named = (subject.get("name") or "").partition(":")
            if prefix in ("record", "key", "keyspace") and _:
                need(subject["digest"].get("sha256") == named, "binding_mismatch", "a name of a reserved form")
        self.predicate = predicate = member(statement, "predicate", dict)
        self.issuer = party_id(member(member(predicate, "issuer", dict), "id", str))
        need(TIME.match(member(predicate, "issued", str)), "schema", "issued")
        self.refs = set()
        self.collect(list(predicate.values()))
        need(len(self.refs) <= 256, "too_many")
        self.registers, self.named, self.own = {}, set(), None
        if self.kind in STRUCTURAL:
            only(statement, ["_type", "subject", "predicateType", "predicate"])
            only(envelope.members, ["payload", "payloadType", "signatures"])
            only(predicate["issuer"], ["id"])
            need("evidence" not in predicate, "schema", "free text")
            for item in envelope.members["signatures"]:
                only(item, ["keyid", "sig"])
            for subject in self.subjects:
                only(subject, ["name", "digest"])
                only(subject["digest"], ["sha256"])
        if self.issuer.startswith("key:"):
            need(self.kind not in STRUCTURAL, "schema", "an unvouched signer cannot issue this")
            self.own = self.key(self.issuer[4:], member(predicate, "publicKey", str))
        {"log-policy": self.log_policy, "party": self.party, "key-event": self.key_event}.get(self.kind, lambda: 0)()

    def collect(self, value):
        if isinstance(value, str) and value.startswith("record:") and HEX64.match(value[7:]):
            self.refs.add(value[7:])
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.collect(item)

    @staticmethod
    def key(keyid, text):
        key = PublicKey(text)
        need(key.id == keyid, "binding_mismatch", "the id is another key's")
        return key

    def bring(self, item, names=("keyid", "publicKey", "use"), named=True):
        only(item, names)
        need(item.get("use", "sign") == "sign" and ("use" in item) == ("use" in names), "schema", "use")
        key = self.key(member(item, "keyid", str), member(item, "publicKey", str))
        need(not named or key.id not in self.named, "schema", "a key is listed twice")
        self.named.add(key.id)
        self.registers.setdefault(key.id, key)

    def subjects_are(self, expected):
        found = sorted((s.get("name") or "", s["digest"].get("sha256", "")) for s in self.subjects)
        need(found == sorted(expected), "schema", "subjects")

    def log_policy(self):
        p = self.predicate
        only(p, COMMON | {"origin", "logKeys", "witnesses", "operators", "council", "rules", "limits"})
        origin, self.operators = member(p, "origin", str), {}
        need(re.match(r"[!-*,-~]{1,255}\Z", origin), "schema", "origin")
        self.subjects_are([("log-policy", sha256(origin.encode()).hex())])
        Policy(member(p, "witnesses", str).encode())
        for operator in member(p, "operators", list):
            only(operator, ["id", "keys"])
            need(not party_id(member(operator, "id", str)).startswith("key:"), "schema")
            need(operator["id"] not in self.operators and member(operator, "keys", list), "schema")
            for key in operator["keys"]:
                self.bring(key)
            self.operators[operator["id"]] = [key["keyid"] for key in operator["keys"]]
        need(1 <= len(self.operators) <= 16 and self.issuer in self.operators, "schema", "operators")
        council = p.get("council", {"keys": [], "threshold": 0})
        only(council, ["keys", "threshold"])
        for key in member(council, "keys", list):
            self.bring(key, ("keyid", "publicKey"), named=False)
        self.council = [key["keyid"] for key in council["keys"]]
        self.threshold = member(council, "threshold", int)
        need(len(set(self.council)) == len(self.council), "schema", "council")
        need((self.threshold > 0) == bool(self.council) and self.threshold <= min(16, len(self.council)), "schema")
        for kind, roles in member(p, "rules", dict).items():
            need(KIND.match(kind) and isinstance(roles, list), "schema", "rules")
            need(all(isinstance(role, str) and role in ROLES | {"anybody"} for role in roles), "schema", "rules")
        log_keys = {NoteKey(text, unbase64(text.rsplit("+", 1)[-1] if text.count("+") == 2 else text.split("+", 2)[2],
                                           "schema")[0]).bytes[1:] for text in member(p, "logKeys", list)}
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        need(all(not isinstance(key.key, ed25519.Ed25519PublicKey) or key.key.public_bytes(*raw) not in log_keys
                 for key in self.registers.values()), "schema", "a key of the log signs records")

    def party(self):
        only(self.predicate, COMMON | {"id", "roles", "keys"})
        need(not party_id(member(self.predicate, "id", str)).startswith("key:"), "schema", "id")
        roles, keys = member(self.predicate, "roles", list), member(self.predicate, "keys", list)
        need(roles and keys and all(isinstance(role, str) and role in ROLES for role in roles), "schema", "roles")
        need(len(keys) <= 15, "too_many")
        for key in keys:
            self.bring(key)
        self.subjects_are([("key:" + keyid, keyid) for keyid in self.named])

    def key_event(self):
        p = self.predicate
        only(p, COMMON | {"event", "keyid", "publicKey", "replaces", "reason", "compromisedFromIndex"})
        event, keyid, old = member(p, "event", str), member(p, "keyid", str), p.get("replaces")
        need(event in ("add", "rotate", "revoke") and HEX64.match(keyid), "schema", "event")
        need(p.get("reason") in ("unspecified", "keyCompromise", "keyLost", "affiliationChanged", "superseded",
                                 "cessationOfOperation", "privilegeWithdrawn"), "schema", "reason")
        need((p.get("publicKey") is None) == (event == "revoke"), "schema", "publicKey")
        need((old is None) == (event != "rotate"), "schema", "replaces")
        need(old is None or (isinstance(old, str) and HEX64.match(old) and old != keyid), "schema", "replaces")
        self.named = {keyid} | ({old} if old else set())
        if event != "revoke":
            self.registers = {keyid: self.key(keyid, p["publicKey"])}
        self.revokes = {"add": None, "rotate": old, "revoke": keyid}[event]
        since = p.get("compromisedFromIndex")
        need(since is None or (isinstance(since, int) and since >= 0), "schema", "compromisedFromIndex")
        need(since is None or (self.revokes and p["reason"] == "keyCompromise"), "schema", "compromisedFromIndex")
        self.subjects_are([("key:" + keyid, keyid) for keyid in self.named])

    def brought(self):
        return {**self.registers, **({self.own.id: self.own} if self.own else {})}

    def header(self, received):
        subjects = {s["digest"]["sha256"] for s in self.subjects if "sha256" in s["digest"]
                    and (self.kind not in RECORD_SUBJECTS_ONLY or (s.get("name") or "").startswith("record:"))}
        return {"v": 1, "kind": self.kind, "record": self.id, "issuer": self.issuer, "received": received,
                "signers": sorted(self.envelope.signatures), "keys": sorted(self.named),
                "subjects": sorted(subjects), "refs": sorted(self.refs)}


def bind(entry, record):
    """The entry is the entry of this record: header, digest of the body, offset, one addendum."""
    at = len(entry) - 37
    need(0 <= at <= 60 * 1024 and entry[-5:] == at.to_bytes(4, "big") + b"\x01", "entry_invalid", "the suffix")
    try:
        header = strict_json(entry[:at], 60 * 1024)
    except Broken as error:
        raise Broken("entry_invalid", error.code) from None
    need(isinstance(header, dict) and canonical(header) == entry[:at], "entry_invalid", "not in RFC 8785 form")
    received = member(header, "received", int, "entry_invalid")
    need(set(header) == set(record.header(0)) and header["v"] == 1 and received >= 0, "entry_invalid", "members")
    need(entry[at:-5] == record.body, "binding_mismatch", "the entry names another body than the envelope")
    need(header == record.header(received), "binding_mismatch", "the header does not follow from the record")
    return received


# --- State: keys in time and the rules of admission --------------------------------------------------------------------

class State:
    def __init__(self):
        self.policy, self.parties, self.keys = None, {}, {}

    def standing(self, keyid, index):
        key = self.keys.get(keyid)
        if key is None or index <= key["registered"]:
            return "unknown"
        if key["revoked"] is None:
            return "in force"
        at, since = key["revoked"]
        return "revoked" if at < index else "disputed" if since is not None and since <= index else "in force"

    def signs_for(self, party, record, index):
        return any(self.keys.get(k, {}).get("owner") == party and self.standing(k, index) == "in force"
                   for k in record.envelope.signatures)

    def council_decides(self, record, index):
        votes = [k for k in self.policy.council if k in record.envelope.signatures]
        votes = [k for k in votes if self.standing(k, index) == "in force"]
        return 0 < self.policy.threshold <= len(votes)

    def all_known(self, record, index):
        for keyid in record.envelope.signatures:
            standing = self.standing(keyid, index)
            need(standing != "revoked", "signer_revoked", keyid)
            need(standing != "unknown" or keyid in record.registers, "signer_unknown", keyid)

    def permits(self, record, roles):
        allowed = self.policy.predicate["rules"].get(record.kind)
        if allowed is None and record.kind in ("party", "key-event"):
            return
        need(allowed is not None and ("anybody" in allowed or set(roles) & set(allowed)), "role_refused", record.kind)

    def brings_its_keys(self, record, party):
        for keyid in record.registers:
            key = self.keys.get(keyid)
            need(key is None or key["revoked"] is None, "signer_revoked", keyid)
            need(key is None or key["owner"] == party, "key_taken", keyid)
            need(key is not None or keyid in record.envelope.signatures, "threshold", "a key does not sign")

    def admit(self, record, index):
        signers, policy = record.envelope.signatures, self.policy
        if policy is None:
            need(record.kind == "log-policy" and index == 0, "role_refused", "entry 0 must be a log-policy")
            for keys in record.operators.values():
                need(any(keyid in signers for keyid in keys), "threshold", "an operator did not sign")
            need(all(keyid in record.registers for keyid in signers), "signer_unknown", "not listed")
            return
        if record.own:
            need(record.own.id in signers, "issuer_mismatch")
            need(all(k == record.own.id or self.standing(k, index) == "in force" for k in signers), "signer_unknown")
            need(record.own.id not in self.keys, "issuer_mismatch", "the key belongs to a party")
            return self.permits(record, ())
        self.all_known(record, index)
        if record.kind == "log-policy":
            need(record.predicate["origin"] == policy.predicate["origin"], "wrong_log")
            for party, keys in record.operators.items():
                need(all(self.keys.get(k, {"owner": party})["owner"] == party for k in keys), "key_taken")
            decided = self.council_decides(record, index) if policy.threshold else \
                all(self.signs_for(party, record, index) for party in policy.operators)
            need(decided, "threshold")
        elif record.kind == "party":
            by_operator = record.issuer in policy.operators and self.signs_for(record.issuer, record, index)
            need(by_operator or self.council_decides(record, index), "role_refused", "not by an operator")
            self.permits(record, ["operator"])
            self.brings_its_keys(record, record.predicate["id"])
        elif record.kind == "key-event":
            need(record.issuer in self.parties, "signer_unknown", "no such party")
            need(self.signs_for(record.issuer, record, index) or self.council_decides(record, index), "issuer_mismatch")
            if record.revokes:
                key = self.keys.get(record.revokes)
                need(key and key["owner"] == record.issuer, "issuer_mismatch", "not a key of the party")
                need(key["revoked"] is None, "signer_revoked", "revoked already")
            need(record.predicate.get("compromisedFromIndex", 0) <= index, "schema", "compromisedFromIndex")
            self.permits(record, self.parties[record.issuer])
            self.brings_its_keys(record, record.issuer)
        elif record.kind == "run-root":
            by_operator = record.issuer in policy.operators and self.signs_for(record.issuer, record, index)
            need(by_operator, "role_refused", "not by an operator")
            need(record.predicate.get("to", 0) <= index, "schema", "to")
        else:
            need(self.signs_for(record.issuer, record, index), "issuer_mismatch", "no key in force of the issuer signed")
            self.permits(record, self.parties.get(record.issuer, ()))

    def register(self, index, record, keyids, owner):
        for keyid in keyids:
            fresh = {"owner": owner, "registered": index, "revoked": None, "key": record.registers[keyid]}
            self.keys.setdefault(keyid, fresh)

    def apply(self, record, index):
        """Takes an admitted record in."""
        if record.kind == "log-policy":
            for party, keys in record.operators.items():
                self.parties[party] = set(self.parties.get(party, ())) | {"operator"}
                self.register(index, record, keys, party)
            for party in set(self.parties) - set(record.operators):
                self.parties[party] = set(self.parties[party]) - {"operator"}
            self.register(index, record, record.council, None)
            self.policy = record
        elif record.kind == "party":
            party = record.predicate["id"]
            self.parties[party] = set(record.predicate["roles"]) | ({"operator"} & set(
                ["operator"] if party in self.policy.operators else []))
            self.register(index, record, record.registers, party)
        elif record.kind == "key-event":
            self.register(index, record, record.registers, record.issuer)
            if record.revokes:
                self.keys[record.revokes]["revoked"] = (index, record.predicate.get("compromisedFromIndex"))


# --- The bundle and its links ------------------------------------------------------------------------------------------

class Link:
    def __init__(self, members):
        def part(name, limit):
            data = unbase64(member(members, name, str, "bundle_invalid"), "bundle_invalid")
            need(len(data) <= limit, "too_large", name)
            return data

        self.envelope, self.entry = part("envelope", 1 << 20), part("entry", 0xFFFF)
        self.proof = TlogProof(member(members, "proof", str, "bundle_invalid"))
        try:
            self.record, self.why = Record(self.envelope), None
        except Broken as error:
            self.record, self.why = None, error


class Bundle:
    def __init__(self, data):
        try:
            top = strict_json(data, 8 << 20)
        except Broken as error:
            raise Broken(error.code if error.code == "too_large" else "bundle_invalid", error.code) from None
        media = member(top, "mediaType", str, "bundle_invalid")
        need(media == "application/vnd.colophon.bundle.v1+json", "bundle_invalid", "mediaType")
        self.link = Link(top)
        history = member(top, "keyHistory", list, "bundle_invalid")
        need(len(history) <= 64, "too_many")
        parts = {"envelope", "entry", "proof"}
        for members in history + [member(top, "policy", dict, "bundle_invalid")]:
            need(isinstance(members, dict) and set(members) <= parts, "bundle_invalid")
        self.history, self.policy = [Link(members) for members in history], Link(top["policy"])
        need(set(top) <= parts | {"mediaType", "keyHistory", "policy", "keyLookup"}, "bundle_invalid")

    def key(self, keyid):
        for link in [self.policy, self.link, *self.history]:
            if link.record and keyid in link.record.brought():
                return link.record.brought()[keyid]
        return None


def log_signature(link, policy):
    note = Note(link.proof.note.encode())
    origin = note.checkpoint()[0]
    keys = [key for key in policy.logs if key.name == origin]
    need(keys, "origin_mismatch", "a log that the policy does not list")
    need(note.named(keys), "policy_unmet", "no line by the log's key in the policy")
    return note, next(iter(note.signed_by(keys)))


def witnesses(note, policy):
    signed = note.signed_by(policy.witnesses) if note.named(policy.witnesses) else {}
    need(policy.met(policy.quorum, signed), "policy_unmet", "too few witnesses")
    return signed


def included(link, note):
    _, size, root = note.checkpoint()
    inclusion(link.proof.index, size, sha256(b"\x00" + link.entry), link.proof.hashes, root)


def key_history(bundle, policy, log_key):
    """Proves entry 0 and the history like the record itself; returns them in the order of their indices."""
    main, trees, before = bundle.link, {}, -1
    origin, size, root = Note(main.proof.note.encode()).checkpoint()
    trees[size] = root
    for link in [bundle.policy, *bundle.history]:
        note, by = log_signature(link, policy)
        witnesses(note, policy)
        need(note.checkpoint()[0] == origin and by is log_key, "origin_mismatch", "another log than the record's")
        _, size, root = note.checkpoint()
        need(trees.setdefault(size, root) == root, "fork", "two trees of one size")
        included(link, note)
        if link.record is None:
            raise link.why
        bind(link.entry, link.record)
        index = link.proof.index
        if link is bundle.policy:
            need(index == 0, "binding_mismatch", "the policy is not entry 0")
            need(main.proof.index != 0 or main.entry == link.entry, "binding_mismatch", "two entries 0")
            need(link.record.kind == "log-policy", "binding_mismatch", "entry 0 is no log-policy")
            need(link.record.predicate["origin"] == origin, "origin_mismatch", "the policy of another log")
        need(index > before and (link is bundle.policy or index != main.proof.index), "binding_mismatch", "order")
        before = index
    return [bundle.policy, *bundle.history]


def fold(state, link):
    record = link.record
    need(record.kind in ("log-policy", "party", "key-event"), "binding_mismatch", "a record that changes no key")
    known = {keyid: key["key"] for keyid, key in state.keys.items()}
    need(record.envelope.check({**known, **record.registers}.get) is None, "signer_unknown")
    state.admit(record, link.proof.index)
    state.apply(record, link.proof.index)


def signer_key(bundle, history):
    state, link, record = State(), bundle.link, bundle.link.record
    index = link.proof.index
    for earlier in (one for one in history if one.proof.index < index):
        fold(state, earlier)
    signers = Envelope(link.envelope).signatures
    for keyid in signers:
        standing = state.standing(keyid, index)
        need(standing != "revoked", "signer_revoked", keyid)
        need(standing != "unknown" or (record and keyid in record.brought()), "signer_unknown", keyid)
    if record:
        state.admit(record, index)
        state.apply(record, index)
    for later in (one for one in history if one.proof.index > index):
        fold(state, later)
    return [keyid for keyid in signers if state.standing(keyid, index) == "disputed"]


def artifact(record, paths):
    known = {subject["digest"].get("sha256") for subject in record.subjects}
    for path in paths:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        need(found in known, "binding_mismatch", f"{path}: found sha256 {found}")


def verify(data, policy, paths):
    """(link that failed, code) or (None, None), and the codes of the warnings."""
    at, warnings = 0, []
    try:
        bundle = Bundle(data)
        at = 1
        note, log_key = log_signature(bundle.link, policy)
        at = 2
        cosigned = witnesses(note, policy)
        at = 3
        included(bundle.link, note)
        at = 4
        missing = Envelope(bundle.link.envelope).check(bundle.key)
        at = 5
        history = key_history(bundle, policy, log_key)
        need(missing is None, "signer_unknown", missing)
        if signer_key(bundle, history):
            warnings.append("disputed_key")
        at = 6
        if bundle.link.record is None:
            raise bundle.link.why
        received = bind(bundle.link.entry, bundle.link.record)
        if cosigned and received > min(cosigned.values()) * 1000 + 5 * 60 * 1000:
            warnings.append("time_doubtful")
        at = 7
        artifact(bundle.link.record, paths)
    except Broken as error:
        return LINKS[at], error.code, error.detail, warnings
    return None, None, "", warnings


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--policy", required=True)
    parser.add_argument("bundle")
    parser.add_argument("artifact", nargs="*")
    args = parser.parse_args()
    try:
        with open(args.policy, "rb") as file:
            policy = Policy(file.read())
        with open(args.bundle, "rb") as file:
            data = file.read()
    except (Broken, OSError) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2
    link, code, detail, warnings = verify(data, policy, args.artifact)
    if args.json:
        print(json.dumps({"verdict": "failed" if link else "verified", "link": link, "code": code,
                          "warnings": warnings}))
    else:
        print(f"NOT VERIFIED: {link}: {code} {detail}" if link else " ".join(["VERIFIED", *warnings]))
    if link:
        return EXIT.get(code, 2)
    return EXIT[warnings[0]] if args.strict and warnings else 0


if __name__ == "__main__":
    sys.exit(main())
