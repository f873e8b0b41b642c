#!/usr/bin/env python3
"""Verify a Colophon bundle with none of Colophon's code: the standard library and `cryptography`.

    verify_bundle.py [--strict] --policy FILE BUNDLE [ARTIFACT...]

It is docs/FORMAT.md §1 to §8, one function a link, and prints one line of JSON; the exit code is that of `colophon verify`.
Two files beside it are all else that it imports: `verify_note.py` (keys, signed notes, policies, the tree) and
`verify_lookup.py` (§12: what a bundle with a `keyLookup` proves about its signers' keys). Left out, because none of it
decides who signed what or where it stands: folders as artifacts, limits of size, controls in names, members of a schema
that no link looks at. What is misshapen where a link looks is `schema`.
"""
import argparse, hashlib, json, re, sys
from verify_lookup import listed
from verify_note import DECIMAL, FAILURES, Broken, Key, Policy, met, need, root_over, sha256, signers_of, unbase64

EXIT = {"signature_count": 10, "signature_invalid": 10, "threshold": 10, "key_refused": 10, "note_invalid": 10,
        "proof_invalid": 11, "entry_invalid": 12, "binding_mismatch": 12, "origin_mismatch": 12, "fork": 13,
        "key_taken": 14, "signer_unknown": 14, "issuer_mismatch": 14, "role_refused": 14, "policy_unmet": 14,
        "signer_revoked": 15, "disputed_key": 15, "time_doubtful": 15}  # every other code: 2
HEX64 = "[0-9a-f]{64}"
NEVER, KEY_KINDS = float("inf"), ("log-policy", "party", "key-event")
COUNCIL_PHASES = ("ratified", "vetoed", "suspended", "resumed")
RECORD_SUBJECTS_ONLY = ("usage-preference", "preference-response", "comment", "dispute")

def number(text):
    need(re.fullmatch("-?" + DECIMAL, text) and text != "-0" and abs(int(text)) < 2**53, "json_number", text)
    return int(text)

def members(pairs):
    need(len(dict(pairs)) == len(pairs), "json_duplicate_key")
    need(not any(re.search("[\0\ud800-\udfff]", text) for text in texts(pairs)), "text_refused")
    return dict(pairs)

def texts(value):
    """Every text in a value, names of members apart."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [value] if isinstance(value, str) else [text for one in within for text in texts(one)]

# §1: no member twice, and no number that some reader cannot hold.
STRICT_JSON = json.JSONDecoder(object_pairs_hook=members, parse_int=number, parse_float=number, parse_constant=number)

class Envelope:
    """§2: DSSE."""
    def __init__(self, body):
        members = STRICT_JSON.decode(body.decode())
        self.type, self.signatures = members["payloadType"].encode(), {}
        self.payload = unbase64(members["payload"], "base64_refused", True)
        need(1 <= len(members["signatures"]) <= 16, "signature_count")
        for item in members["signatures"]:
            need(item["keyid"] not in self.signatures, "threshold", "a second signature by the same key")
            self.signatures[item["keyid"]] = unbase64(item["sig"], "signature_invalid", True)

    def check(self, keys):
        """Every signature is over PAE(type, payload). A signer without a key here does not pass State.take."""
        pae = b"DSSEv1 %d %s %d %s" % (len(self.type), self.type, len(self.payload), self.payload)
        for keyid in set(self.signatures) & set(keys):
            need(keys[keyid][0].holds(pae, self.signatures[keyid]), "signature_invalid", keyid)

class Record:
    """§3: it `brings` keys (id: key, owner), `revokes` one, and its entry shows those that are `named`."""
    def __init__(self, body):
        self.envelope = envelope = Envelope(body)
        need(envelope.type == b"application/vnd.in-toto+json", "signature_invalid", "payloadType")
        statement = STRICT_JSON.decode(envelope.payload.decode())
        kind = re.fullmatch("urn:colophon:([a-z][a-z0-9]*(?:-[a-z0-9]+)*):v1", statement["predicateType"])
        need(kind and statement["_type"] == "https://in-toto.io/Statement/v1", "schema", "its type")
        self.id, self.kind, self.predicate = sha256(envelope.payload).hex(), kind[1], statement["predicate"]
        self.issuer, self.brings, self.revokes = self.predicate["issuer"]["id"], {}, None
        self.uses = {}  # what a key that it brings is for: sign, manage, roots
        self.refs = [text[7:] for text in texts(self.predicate) if re.fullmatch(f"record:{HEX64}", text)]
        self.subjects = [(s.get("name") or "", s["digest"].get("sha256")) for s in statement["subject"]]
        named = [name for name, digest in self.subjects if re.match(f"(record|key|keyspace):(?!{digest}$)", name)]
        need(not named, "binding_mismatch", "a name that another digest has")
        self.unvouched = self.issuer[4:] if self.issuer.startswith("key:") else None
        if self.unvouched:
            self.bring([{**self.predicate, "keyid": self.unvouched}], None)
        elif self.kind == "log-policy":
            council = self.predicate.get("council") or {"keys": [], "threshold": 0}
            self.operators = {one["id"]: self.bring(one["keys"], one["id"]) for one in self.predicate["operators"]}
            self.council, self.threshold = self.bring(council["keys"], None), council["threshold"]
        elif self.kind == "party":
            self.bring(self.predicate["keys"], self.predicate["id"])
        elif self.kind == "key-event":
            event, keyid, old = (self.predicate.get(name) for name in ("event", "keyid", "replaces"))
            self.bring([] if event == "revoke" else [self.predicate], self.issuer)
            self.revokes = {"add": None, "rotate": old, "revoke": keyid}[event]
        self.named = set(self.brings) | ({self.revokes} - {None}) if self.kind in KEY_KINDS else set()

    def bring(self, items, owner):
        for item in items:
            key = Key(unbase64(item["publicKey"], "key_refused"))
            need(key.id == item["keyid"], "binding_mismatch", "the id is another key's")
            self.brings.setdefault(key.id, (key, owner))
            self.uses.setdefault(key.id, item.get("use") or "sign")
        return {item["keyid"] for item in items}

    def header(self, received):
        """§4: what the entry says of this record, in RFC 8785 form."""
        every = self.kind not in RECORD_SUBJECTS_ONLY
        subjects = {digest for name, digest in self.subjects if digest and (every or name.startswith("record:"))}
        header = {"v": 1, "kind": self.kind, "record": self.id, "issuer": self.issuer, "received": received,
                  "signers": sorted(self.envelope.signatures), "keys": sorted(self.named),
                  "subjects": sorted(subjects), "refs": sorted(set(self.refs))}
        return json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

class State:
    """§8: keys in time, and who may say what."""
    def __init__(self):
        self.policy, self.roles, self.uses, self.keys = None, {}, {}, {}  # keyid: (key, owner, registered, revoked, doubtful)

    def standing(self, keyid, index):
        _, _, registered, revoked, doubtful = self.keys.get(keyid, (None, None, index, NEVER, NEVER))
        if index <= registered:
            return "unknown"
        return "revoked" if revoked < index else "disputed" if doubtful <= index else "in force"

    def take(self, index, signers, record):
        """The next entry, whose signatures hold; `record` is missing where a bundle's own body holds none."""
        for keyid in signers:
            standing = self.standing(keyid, index)
            need(standing != "revoked", "signer_revoked", keyid)
            need(standing != "unknown" or (record and keyid in record.brings), "signer_unknown", keyid)
        if not record:
            return
        self.admit(record, index, set(signers))
        if record.kind == "log-policy":
            self.policy, self.roles = record, {party: roles - {"operator"} for party, roles in self.roles.items()}
        elif record.kind == "party":
            self.roles[record.predicate["id"]] = set(record.predicate["roles"])
        for keyid, (key, owner) in record.brings.items() if record.kind in KEY_KINDS else ():
            self.uses.setdefault(keyid, record.uses[keyid])
            self.keys.setdefault(keyid, (key, owner, index, NEVER, NEVER))
        if record.revokes:
            *known, revoked, doubtful = self.keys[record.revokes]
            doubtful = min(doubtful, record.predicate.get("compromisedFromIndex", NEVER))
            self.keys[record.revokes] = (*known, min(index, revoked), doubtful)

    def admit(self, record, index, signers):
        """Whether the policy in force lets these signers make the record the entry at `index`."""
        policy, kind, issuer, said = self.policy, record.kind, record.issuer, record.predicate
        if policy is None:
            need(kind == "log-policy" and index == 0, "role_refused", "entry 0 must be a log-policy")
            signing = {keyid for keyid in signers if record.uses.get(keyid) == "sign"}
            return need(all(keys & signing for keys in record.operators.values()), "threshold", "an operator")
        for_roots = kind in ("index-root", "run-root")
        need(for_roots or "roots" not in map(self.uses.get, signers), "role_refused", "a key for roots alone")
        in_force = {keyid for keyid in self.keys if self.standing(keyid, index) == "in force"}
        keys_of = lambda party, use: {keyid for keyid in in_force if (self.keys[keyid][1], self.uses[keyid]) == (party, use)}
        speaks = lambda party, use="sign": keys_of(party, use) & signers
        council = 0 < policy.threshold <= len(policy.council & in_force & signers)
        roles = {"anybody"} | self.roles.get(issuer, set()) | ({"operator"} if issuer in policy.operators else set())
        if kind == "log-policy":
            need(said["origin"] == policy.predicate["origin"], "wrong_log")
            return need(council if policy.threshold else all(map(speaks, policy.operators)), "threshold")
        if for_roots:
            need(issuer in policy.operators and (speaks(issuer) or speaks(issuer, "roots")), "role_refused", "no operator")
            return need(said["to" if kind == "run-root" else "size"] <= index, "schema", "to")
        if kind == "party":
            need(said["id"] != "council", "key_taken", "the council's name")
            need(council or (issuer in policy.operators and speaks(issuer)), "role_refused", "not by an operator")
            roles = {"anybody", "operator"}
        elif record.unvouched:
            need(record.unvouched in signers and record.unvouched not in self.keys, "issuer_mismatch", "not by its key")
            need(signers - {record.unvouched} <= in_force, "signer_unknown", "beside it")
        elif kind == "key-event":
            need(issuer in self.roles or issuer in policy.operators, "signer_unknown", "no such party")
            managed = said["event"] != "revoke" and keys_of(issuer, "manage")
            by_party = speaks(issuer, "manage") or (not managed and speaks(issuer))
            need(council or by_party, "issuer_mismatch", "no older key of the party signed")
        else:
            if kind == "governance-event" and (said["phase"] in COUNCIL_PHASES or issuer == "council"):
                need(council, "threshold", "the council did not sign")
            if council and (issuer == "council" or (kind == "governance-event" and speaks(issuer))):
                return
            need(speaks(issuer), "issuer_mismatch", "no key in force of the issuer signed")
        if record.revokes:
            known = self.keys.get(record.revokes)
            need(known and known[1] == issuer, "issuer_mismatch", "the key is not the party's")
            theft = said["event"] == "revoke" and "compromisedFromIndex" in said
            need(known[3] == NEVER or theft, "signer_revoked", "revoked already")
            need(said.get("compromisedFromIndex", 0) <= index, "schema", "compromisedFromIndex")
        allowed = policy.predicate["rules"].get(kind, ["anybody"] if kind in KEY_KINDS else [])
        need(roles & set(allowed), "role_refused", f"{issuer} may not register {kind}")
        power = "operator" if said.get("redaction") and kind == "retraction" else \
            "steward" if said.get("outcome") == "vouched" and kind == "resolution" else "anybody"
        need(power in roles, "role_refused", f"only a {power}")
        for keyid, (_, owner) in record.brings.items():
            known = self.keys.get(keyid, (None, owner, None, NEVER, NEVER))
            need(known[3] == NEVER, "signer_revoked", keyid)
            need(known[1] == owner, "key_taken", keyid)
            need(known[0] or keyid in signers, "threshold", "a new key does not sign")

class Part:
    """One record of a bundle and its place in the log (§6, §7). Where the body holds no record, `why` says why."""
    def __init__(self, members):
        self.body, self.entry = (unbase64(members[name], "bundle_invalid") for name in ("envelope", "entry"))
        form = rf"c2sp\.org/tlog-proof@v1\n(extra [^\n]+\n)?index {DECIMAL}\n((?:[^\n]+\n)*)\n(.*)"
        proof = re.fullmatch(form, members["proof"], re.DOTALL)
        need(proof, "proof_invalid", "not a tlog-proof")
        self.index, self.note, self.record, self.why = int(proof[2]), proof[4], None, None
        self.path = [unbase64(line, "proof_invalid") for line in proof[3].split("\n")[:-1]]
        try:
            self.record = Record(self.body)
        except FAILURES as why:
            self.why = why

# The links, in their order: `v` is what the reader brought, and what a link proves is kept in the part.

def bundle(v, _):
    names = {"mediaType", "envelope", "entry", "proof", "keyHistory", "policy"}
    try:
        top = STRICT_JSON.decode(v.data.decode())
        media = top["mediaType"] == "application/vnd.colophon.bundle.v1+json"
        need(media and names <= set(top) <= names | {"keyLookup"}, "bundle_invalid", "its members")
        v.main, *v.history = map(Part, [top, top["policy"], *top["keyHistory"]])
        v.look_up = top.get("keyLookup")
    except FAILURES as error:
        raise error if error.args[0] == "proof_invalid" else Broken("bundle_invalid", repr(error)) from None

def log_signature(v, part):
    text, _, lines = part.note.rpartition("\n\n")
    form = re.fullmatch(rf"([^\n]+)\n{DECIMAL}\n([^\n]+)(\n[^\n]+)*", text)
    need(form and lines.endswith("\n") and not re.search(r"[\x00-\x09\x0b-\x1f]", text), "note_invalid", "its form")
    lines = [re.fullmatch(r"\u2014 ([^\s+]+) ([^ ]+)", line) for line in lines[:-1].split("\n")]
    need(all(lines) and len(lines) <= 64, "note_invalid", "a signature line")
    part.signatures = [(line[1], unbase64(line[2], "note_invalid")) for line in lines]
    part.text, part.origin, part.size = (text + "\n").encode(), form[1], int(form[2])
    part.root = unbase64(form[3], "note_invalid")
    keys = [key for key in v.policy.logs if key.name == part.origin]
    need(keys, "origin_mismatch", "a log that the policy does not list")
    part.log = signers_of(part, keys)
    need(part.log, "policy_unmet", "no line by the log's key in the policy")

def witnesses(v, part):
    part.cosigned = signers_of(part, v.policy.witnesses)
    need(met(v.policy.quorum, part.cosigned), "policy_unmet", "too few witnesses")

def inclusion(_, part):
    leads_to = root_over(part.entry, part.index, part.size, part.path)
    need(leads_to == part.root, "proof_invalid", "it does not lead to the root")

def envelope_signature(v, part):
    keys = [one.record.brings for one in [part, *v.history] if one.record]
    Envelope(part.body).check({keyid: key for brings in keys for keyid, key in brings.items()})

def signer_key(v, main):
    """Entry 0 and the key history are proven like the record itself, and folded with it in the order of indices."""
    first, trees, state = v.history[0], {main.size: main.root}, State()
    for part in v.history:
        for link in (log_signature, witnesses, inclusion, record):
            link(v, part)
        need((part.origin, part.log.keys()) == (main.origin, main.log.keys()), "origin_mismatch", "another log")
        need(trees.setdefault(part.size, part.root) == part.root, "fork", "two trees of one size")
    order = [part.index for part in v.history]
    need(order == sorted(set(order)) and main.index not in order[1:], "binding_mismatch", "the order of the history")
    need(first.index == 0 and first.record.kind == "log-policy", "binding_mismatch", "entry 0 is no log-policy")
    need(main.index > 0 or first.entry == main.entry, "binding_mismatch", "two entries 0")
    need(first.record.predicate["origin"] == main.origin, "origin_mismatch", "the policy of another log")
    for part in sorted([main] + [part for part in v.history if part.index != main.index], key=lambda part: part.index):
        if part is not main:
            need(part.record.kind in KEY_KINDS, "binding_mismatch", "a record that changes no key")
            part.record.envelope.check({**state.keys, **part.record.brings})
        state.take(part.index, Envelope(part.body).signatures, part.record)
    if any(state.standing(keyid, main.index) == "disputed" for keyid in Envelope(main.body).signatures):
        v.warnings.append("disputed_key")
    if v.look_up:
        key_lookup(v, main, set(order) | {main.index})

def key_lookup(v, main, known):
    """§12: no entry about a signer's key is left out of the bundle, up to the size of the root: what `v.proven` says."""
    told = v.look_up
    root = argparse.Namespace(policy=v.policy, warnings=[], look_up=None, main=Part(told["indexRoot"]))
    root.history = [v.history[0], *map(Part, told["history"])]
    for link in (log_signature, witnesses, inclusion, envelope_signature, signer_key, record):
        link(root, root.main)
    stated = root.main.record
    same = (root.main.origin, root.main.log.keys()) == (main.origin, main.log.keys())
    need(same and stated.kind == "index-root", "binding_mismatch", "not a root of this log")
    for lookup in told["lookups"]:
        path = [unbase64(text, "proof_invalid") for text in lookup["indexRoot"]["proof"]]
        under = argparse.Namespace(note=lookup["checkpoint"], entry=root.main.entry, index=root.main.index, path=path)
        for link in (log_signature, witnesses, inclusion):
            link(v, under)
        need(int(lookup["indexRoot"]["index"]) == root.main.index, "binding_mismatch", "another root")
        indices = listed(lookup, bytes.fromhex(stated.predicate["root"]))
        need(re.fullmatch(f"key:{HEX64}", lookup["term"]), "proof_invalid", "not about a key")
        keyid = lookup["term"][4:]
        if indices is not None and keyid in Envelope(main.body).signatures:
            need(set(indices) <= known, "binding_mismatch", "the key history leaves an entry out")
            v.proven[keyid] = stated.predicate["size"]

def record(v, part):
    """§4: the body is a record, and the entry is what follows from it, but for the time."""
    if not part.record:
        raise part.why
    at = len(part.entry) - 37
    received = re.search(rb'"received":([0-9]+),"record":', part.entry)
    need(received and part.entry[-5:] == at.to_bytes(4, "big") + b"\x01", "entry_invalid", "not an entry")
    need(part.entry[at:-5] == sha256(part.body), "binding_mismatch", "the entry names another body")
    need(part.entry[:at] == part.record.header(int(received[1])), "binding_mismatch", "the header is another record's")
    if part is v.main and part.cosigned and int(received[1]) > (min(part.cosigned.values()) + 5 * 60) * 1000:
        v.warnings.append("time_doubtful")

def artifact(v, part):
    for path in v.paths:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        need(found in dict(map(reversed, part.record.subjects)), "binding_mismatch", f"{path}: found sha256 {found}")

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="a warning is a failure")
    parser.add_argument("--policy", required=True, help="a tlog-policy: whom you believe")
    parser.add_argument("bundle")
    parser.add_argument("paths", nargs="*", metavar="ARTIFACT")
    v = parser.parse_args(namespace=argparse.Namespace(main=None, warnings=[], proven={}))
    try:
        with open(v.policy, encoding="utf-8") as policy, open(v.bundle, "rb") as file:
            v.policy, v.data = Policy(policy.read()), file.read()
    except FAILURES as error:
        parser.error(f"cannot read: {error!r}")
    said = {"verdict": "verified", "link": None, "code": None, "warnings": v.warnings, "unrevoked": v.proven}
    for link in (bundle, log_signature, witnesses, inclusion, envelope_signature, signer_key, record, artifact):
        try:
            link(v, v.main)
        except FAILURES as error:
            code, detail = error.args if isinstance(error, Broken) else ("schema", repr(error))
            said |= {"verdict": "failed", "link": link.__name__.replace("_", "-"), "code": code, "detail": detail}
            break
    print(json.dumps(said))
    worst = said["code"] or (v.strict and v.warnings and v.warnings[0])
    sys.exit(EXIT.get(worst, 2) if worst else 0)

if __name__ == "__main__":
    main()
