"""The records of `verify_bundle.py`: strict JSON, envelopes, statements, and the entries that follow from them.

docs/FORMAT.md §1 to §4, with none of Colophon's code.
"""
import datetime, json, re
from verify_note import BASE64, DECIMAL, FAILURES, HEX64, NAME, TEXT, Broken, Key, NoteKey, Policy
from verify_note import need, sha256, shaped, unbase64

KEY_KINDS = ("log-policy", "party", "key-event")
STRUCTURAL = (*KEY_KINDS, "index-root", "run-root", "governance-event", "retraction")
RECORD_SUBJECTS_ONLY = ("usage-preference", "preference-response", "comment", "dispute")

HEX = "(?:[0-9a-f]{2}){1,128}"
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
    """§2: DSSE, in either alphabet of base64, never both in one text."""
    def __init__(self, body):
        self.members = STRICT_JSON.decode(body.decode())
        self.type, self.signatures = self.members["payloadType"].encode(), {}
        self.payload = self.bytes(self.members["payload"], "base64_refused")
        listed = shaped(self.members["signatures"], [(TEXT, ())])
        need(1 <= len(listed) <= 16, "signature_count")
        for item in listed:
            need(shaped(item["keyid"], HEX64) not in self.signatures, "threshold", "a second signature by the same key")
            self.signatures[item["keyid"]] = self.bytes(item["sig"], "signature_invalid")

    def bytes(self, text, code):
        shaped(text, TEXT)
        return unbase64(text if re.search("[+/]", text) else text.replace("-", "+").replace("_", "/"), code)

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
        kind = re.fullmatch("urn:colophon:(.*):v1", statement["predicateType"], re.DOTALL)
        need(kind and statement["_type"] == "https://in-toto.io/Statement/v1", "schema", "its type")
        self.id, self.kind = sha256(envelope.payload).hex(), shaped(kind[1], KIND)
        self.predicate = statement["predicate"]
        self.issuer, self.brings, self.revokes = self.predicate["issuer"]["id"], {}, None
        self.uses = {}  # what a key that it brings is for: sign, manage, roots
        self.refs = [text[7:] for text in texts(self.predicate) if re.fullmatch(RECORD, text)]
        self.subjects = [(s.get("name") or "", s["digest"].get("sha256")) for s in statement["subject"]]
        for (name, digest), subject in zip(self.subjects, statement["subject"]):
            shaped(digest, (HEX64,))
            need(shaped(subject["digest"], (TEXT, HEX)), "schema", "no digest")
            what, of, named = name.partition(":")
            need(what + of not in ("record:", "key:", "keyspace:") or named == digest, "binding_mismatch", "its name")
        if self.kind in CLOSED:
            shaped(statement, STATEMENT)
            shaped(self.predicate, COMMON | CLOSED[self.kind])
            self.predicate = {name: value for name, value in self.predicate.items() if value is not None}
            for name in {"issued", "validFrom", "validUntil"} & self.predicate.keys():
                year, month, day = map(int, self.predicate[name][:10].split("-"))
                datetime.date(year or 400, month, day)  # which has no year 0
            subjects = self.closed(self.predicate)
            need(sorted(self.subjects) == sorted(subjects), "schema", "other subjects than follow from the rest")
            shaped(envelope.members, ENVELOPE)
        self.unvouched = self.issuer[4:] if self.issuer.startswith("key:") else None
        if self.unvouched:
            self.bring([{**self.predicate, "keyid": self.unvouched}], None)
        self.named = set(self.brings) | ({self.revokes} - {None}) if self.kind in KEY_KINDS else set()

    def closed(self, said):
        """What the shapes of CLOSED leave open: how the members belong together. Returns the subjects that follow."""
        if self.kind == "log-policy":
            self.log_policy(said, said["origin"], said.get("council", {"keys": [], "threshold": 0}))
            return [("log-policy", sha256(said["origin"].encode()).hex())]
        if self.kind == "party":
            keys = self.bring(said["keys"], said["id"])
            need(said["roles"] and 1 <= len(keys) <= 15, "schema", "its keys and roles")
            return [(f"key:{keyid}", keyid) for keyid in keys]
        if self.kind == "index-root":
            need(said["size"] > 0, "schema", "size")
            return [(f"index:{said['root']}", said["root"])]
        event, keyid, old = said["event"], said["keyid"], said.get("replaces")
        need(("publicKey" in said) == (event != "revoke"), "schema", "publicKey")
        self.bring([said] if "publicKey" in said else [], self.issuer)
        self.revokes = {"add": None, "rotate": old, "revoke": keyid}[event]
        need(("replaces" in said) == (event == "rotate") and old != keyid, "schema", "replaces")
        need(event != "revoke" or "use" not in said, "schema", "use")
        compromised = self.revokes and said["reason"] == "keyCompromise"
        need(compromised or "compromisedFromIndex" not in said, "schema", "compromisedFromIndex")
        return [(f"key:{one}", one) for one in (keyid, old) if one]

    def log_policy(self, said, origin, council):
        need(len(origin.encode()) < 256, "name_too_long", "origin")
        shaped(shaped(origin, NAME, "note_invalid"), "[!-~]+")
        try:
            logs = [NoteKey(text) for text in said["logKeys"]]
            Policy(said["witnesses"].encode())
        except FAILURES as why:
            raise Broken("schema", repr(why)) from None
        below = all(f"{key.name}/".startswith(f"{origin}/") for key in logs)
        need(below and (origin, 1) in [(key.name, key.type) for key in logs], "schema", "logKeys")
        self.operators = {one["id"]: self.bring(one["keys"], one["id"]) for one in said["operators"]}
        every = len(self.operators) == len(said["operators"]) <= 16 and all(self.operators.values())
        need(every and self.issuer in self.operators and "council" not in self.operators, "schema", "operators")
        self.council, self.threshold = self.bring(council["keys"], None), council["threshold"]
        need(min(len(self.council), 1) <= self.threshold <= min(len(self.council), 16), "schema", "threshold")
        log_keys = {key.key.id for key in logs}
        need(len(log_keys) == len(logs) and not log_keys & self.brings.keys(), "schema", "a log's key stands twice")

    def bring(self, items, owner):
        for item in items:
            key = Key(unbase64(item["publicKey"], "key_refused"))
            need(key.id == item["keyid"], "binding_mismatch", "the id is another key's")
            need(not owner or key.id not in self.brings, "schema", "the key stands twice")
            self.brings.setdefault(key.id, (key, owner))
            self.uses.setdefault(key.id, item.get("use", "sign"))
        keys = {item["keyid"] for item in items}
        need(len(keys) == len(items), "schema", "the key stands twice")
        return keys

    def header(self, received):
        """§4: what the entry says of this record."""
        every = self.kind not in RECORD_SUBJECTS_ONLY
        subjects = {digest for name, digest in self.subjects if digest and (every or name.startswith("record:"))}
        return {"v": 1, "kind": self.kind, "record": self.id, "issuer": self.issuer, "received": received,
                "signers": sorted(self.envelope.signatures), "keys": sorted(self.named),
                "subjects": sorted(subjects), "refs": sorted(set(self.refs))}

def header_of(entry):
    """§4: what an entry says, in its one form: RFC 8785, and one addendum after it."""
    try:
        header = shaped(STRICT_JSON.decode(entry[:-37].decode()), HEADER)
        text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except FAILURES as why:
        raise Broken("entry_invalid", repr(why)) from None
    need(entry == text + entry[-37:-5] + len(text).to_bytes(4) + b"\x01", "entry_invalid", "not in its one form")
    return header
