#!/usr/bin/env python3
"""Verify a Colophon bundle with none of Colophon's code: the standard library and `cryptography`.

    verify_bundle.py [--strict] --policy FILE BUNDLE [ARTIFACT...]

It is docs/FORMAT.md §7 and §8, one function a link, and prints one line of JSON; the exit code is that of `colophon
verify`. Three files beside it are all else that it imports: `verify_note.py` (§2, §5, §6: keys, signed notes, policies,
the tree), `verify_record.py` (§1 to §4: JSON, envelopes, statements, entries) and `verify_lookup.py` (§12: what a
`keyLookup` proves). Left out, because none of it decides who signed what or where it stands: folders as artifacts,
limits of size, controls in names, and the members of kinds that no other record is verified by.
"""
import argparse, hashlib, json, re, sys
from verify_lookup import read, unrevoked
from verify_note import BASE64, DECIMAL, FAILURES, HASH, TEXT, Broken, Note, Policy, need, sha256, shaped, unbase64
from verify_record import KEY_KINDS, STRICT_JSON, Envelope, Record, header_of

EXIT = {"signature_count": 10, "signature_invalid": 10, "threshold": 10, "key_refused": 10, "note_invalid": 10,
        "proof_invalid": 11, "entry_invalid": 12, "binding_mismatch": 12, "origin_mismatch": 12, "fork": 13,
        "key_taken": 14, "signer_unknown": 14, "issuer_mismatch": 14, "role_refused": 14, "policy_unmet": 14,
        "signer_revoked": 15, "disputed_key": 15, "time_doubtful": 15}  # every other code: 2
LINK = {"envelope": BASE64, "entry": BASE64, "proof": TEXT}
BUNDLE = {"mediaType": "application/vnd\\.colophon\\.bundle\\.v1\\+json", **LINK, "keyHistory": [LINK], "policy": LINK,
          "keyLookup?": ()}
KEY_LOOKUP = {"indexRoot": LINK, "history": [LINK], "lookups": [()]}
NEVER = float("inf")
COUNCIL_PHASES = ("ratified", "vetoed", "suspended", "resumed")

class State:
    """§8: keys in time, and who may say what."""
    def __init__(self):
        self.policy, self.roles, self.uses = None, {}, {}
        self.keys = {}  # keyid: (key, owner, registered, revoked, doubtful)

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
        keys_of = lambda party, use: {
            keyid for keyid in in_force if (self.keys[keyid][1], self.uses[keyid]) == (party, use)}
        speaks = lambda party, use="sign": keys_of(party, use) & signers
        council = 0 < policy.threshold <= len(policy.council & in_force & signers)
        roles = {"anybody"} | self.roles.get(issuer, set()) | ({"operator"} if issuer in policy.operators else set())
        if kind == "log-policy":
            need(said["origin"] == policy.predicate["origin"], "wrong_log")
            return need(council if policy.threshold else all(map(speaks, policy.operators)), "threshold")
        if for_roots:
            by_operator = issuer in policy.operators and (speaks(issuer) or speaks(issuer, "roots"))
            need(by_operator, "role_refused", "no operator")
            return need(said["to" if kind == "run-root" else "size"] <= index, "schema", "beyond its own index")
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
        form = rf"c2sp\.org/tlog-proof@v1\n(?:extra {BASE64}\n)?index ({DECIMAL})\n((?:{HASH}\n){{0,63}})\n(.*)"
        proof = re.fullmatch(form, members["proof"], re.DOTALL)
        need(proof, "proof_invalid", "not a tlog-proof")
        self.index, self.checkpoint, self.record, self.why = int(proof[1]), proof[3], None, None
        self.path = [unbase64(line, "proof_invalid") for line in proof[2].split("\n")[:-1]]
        try:
            self.record = Record(self.body)
        except FAILURES as why:
            self.why = why

# The links, in their order: `v` is what the reader brought, and what a link proves is kept in the part.

def bundle(v, _):
    try:
        v.top = shaped(STRICT_JSON.decode(v.data.decode()), BUNDLE)
    except FAILURES as error:
        raise Broken("bundle_invalid", repr(error)) from None
    top = {name: v.top[name] for name in LINK}
    v.main, *v.history = map(Part, [top, v.top["policy"], *v.top["keyHistory"]])

def log_signature(v, part):
    part.note = Note(part.checkpoint, v.policy)

def witnesses(v, part):
    part.cosigned = part.note.witnessed(v.policy)

def inclusion(_, part):
    part.note.covers(part.entry, part.index, part.path)

def envelope_signature(v, part):
    keys = [one.record.brings for one in [part, *v.history] if one.record]
    Envelope(part.body).check({keyid: key for brings in keys for keyid, key in brings.items()})

def signer_key(v, main):
    """Entry 0 and the key history are proven like the record itself, and folded with it in the order of indices."""
    first, trees, state = v.history[0], {main.note.size: main.note.root}, State()
    for part in v.history:
        for link in (log_signature, witnesses, inclusion, record):
            link(v, part)
        need((part.note.origin, part.note.log) == (main.note.origin, main.note.log), "origin_mismatch", "another log")
        need(trees.setdefault(part.note.size, part.note.root) == part.note.root, "fork", "two trees of one size")
    order = [part.index for part in v.history]
    need(order == sorted(set(order)) and main.index not in order[1:], "binding_mismatch", "the order of the history")
    need(first.index == 0 and first.record.kind == "log-policy", "binding_mismatch", "entry 0 is no log-policy")
    need(main.index > 0 or first.entry == main.entry, "binding_mismatch", "two entries 0")
    need(first.record.predicate["origin"] == main.note.origin, "origin_mismatch", "the policy of another log")
    for part in sorted([main] + [part for part in v.history if part.index != main.index], key=lambda part: part.index):
        if part is not main:
            need(part.record.kind in KEY_KINDS, "binding_mismatch", "a record that changes no key")
            part.record.envelope.check({**state.keys, **part.record.brings})
        state.take(part.index, Envelope(part.body).signatures, part.record)
    signers = Envelope(main.body).signatures
    if any(state.standing(keyid, main.index) == "disputed" for keyid in signers):
        v.warnings.append("disputed_key")
    if "keyLookup" in v.top:
        key_lookup(v, main, signers, {main.index, *order})

def key_lookup(v, main, signers, known):
    """§12: no entry about a signer's key is left out of the bundle, up to the size that `v.proven` says."""
    told = shaped(v.top["keyLookup"], KEY_LOOKUP, "bundle_invalid")
    root = argparse.Namespace(policy=v.policy, warnings=[], top={}, main=Part(told["indexRoot"]))
    root.history = [v.history[0], *map(Part, told["history"])]
    lookups = read(told["lookups"], signers)
    for link in (log_signature, witnesses, inclusion, envelope_signature, signer_key, record):
        link(root, root.main)
    same = (root.main.note.origin, root.main.note.log) == (main.note.origin, main.note.log)
    need(same, "origin_mismatch", "a root of another log")
    need(root.main.record.kind == "index-root", "binding_mismatch", "no root")
    v.proven.update(unrevoked(lookups, known, v.policy, root.main))

def record(v, part):
    """§4: the body is a record, and the entry is what follows from it, but for the time."""
    if not part.record:
        raise part.why
    header = header_of(part.entry)
    need(part.entry[-37:-5] == sha256(part.body), "binding_mismatch", "the entry names another body")
    need(header == part.record.header(header["received"]), "binding_mismatch", "the header is another record's")
    if part is v.main and part.cosigned and header["received"] > (min(part.cosigned.values()) + 5 * 60) * 1000:
        v.warnings.append("time_doubtful")

def artifact(v, part):
    for path in v.paths:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        need(found in dict(map(reversed, part.record.subjects)), "binding_mismatch", f"{path}: found sha256 {found}")

def verify(policy, bundle_bytes, paths=(), strict=False):
    """What is printed, and the exit code."""
    v = argparse.Namespace(policy=Policy(policy), data=bundle_bytes, paths=paths, main=None, warnings=[], proven={})
    said = {"verdict": "verified", "link": None, "code": None, "warnings": v.warnings, "unrevoked": v.proven}
    for link in (bundle, log_signature, witnesses, inclusion, envelope_signature, signer_key, record, artifact):
        try:
            link(v, v.main)
        except FAILURES as error:
            code, detail = error.args if isinstance(error, Broken) else ("schema", repr(error))
            said |= {"verdict": "failed", "link": link.__name__.replace("_", "-"), "code": code, "detail": detail}
            break
    worst = said["code"] or (strict and v.warnings and v.warnings[0])
    return said, EXIT.get(worst, 2) if worst else 0

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="a warning is a failure")
    parser.add_argument("--policy", required=True, help="a tlog-policy: whom you believe")
    parser.add_argument("bundle")
    parser.add_argument("paths", nargs="*", metavar="ARTIFACT")
    asked = parser.parse_args()
    try:
        with open(asked.policy, "rb") as policy, open(asked.bundle, "rb") as file:
            said, status = verify(policy.read(), file.read(), asked.paths, asked.strict)
    except FAILURES as error:
        parser.error(f"cannot read: {error!r}")
    print(json.dumps(said))
    sys.exit(status)

if __name__ == "__main__":
    main()
