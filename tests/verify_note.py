"""What `verify_bundle.py` stands on: forms, keys, what logs and witnesses sign, whom a reader believes, and the tree.

docs/FORMAT.md §2, §5 and §6, with none of Colophon's code.
"""
import base64, hashlib, re
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ED25519, PRIME = bytes.fromhex("302a300506032b6570032100"), 2**255 - 19
EDWARDS_D = -121665 * pow(121666, -1, PRIME)
SMALL_ORDER = [0, 1, PRIME - 1] + [int.from_bytes(bytes.fromhex(y), "little") for y in (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]  # the y of such points
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")

# Forms of texts. Base64 has one spelling: padded, with zero bits at its end.
TEXT, HEX64, DECIMAL, NAME = ".*", "[0-9a-f]{64}", "(?:0|[1-9][0-9]{0,18})", r"[^\s+\0-\x1f]{1,255}"
BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?"
HASH = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="

class Broken(Exception):
    """A link does not hold: the stable code, and what was found."""

# And what Python says where something is missing, of another type, too large or too deep.
FAILURES = (Broken, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError, RecursionError)

def need(holds, code, detail=""):
    if not holds:
        raise Broken(code, detail)

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

def sha256(data):
    return hashlib.sha256(data).digest()

def unbase64(text, code):
    return base64.b64decode(shaped(text, BASE64, code))

class Key:
    """§2: an Ed25519 or P-256 key by its DER; its id is the SHA-256 of that."""
    def __init__(self, der):
        self.id, self.ed25519 = sha256(der).hex(), der[:12] == ED25519 and len(der) == 44
        need(self.ed25519 or (der[:27] == P256 and len(der) == 91), "key_refused", "not the DER of such a key")
        try:
            self.key = serialization.load_der_public_key(der)
        except ValueError:
            raise Broken("key_refused", "not a point of P-256") from None
        if self.ed25519:
            y = int.from_bytes(der[12:], "little") % 2**255
            square = pow((y * y - 1) * (EDWARDS_D * y * y + 1), PRIME // 2, PRIME) == 1  # so that there is an x
            need(square and y < PRIME and y not in SMALL_ORDER, "key_refused", "a weak key, or no point of the curve")

    def holds(self, message, signature):
        try:
            self.key.verify(signature, message, *([] if self.ed25519 else [ec.ECDSA(hashes.SHA256())]))
            y = int.from_bytes(signature[:32], "little") % 2**255 % PRIME
            return not self.ed25519 or y not in SMALL_ORDER
        except InvalidSignature:
            return False

class NoteKey:
    """§5: a verifier key <name>+<hash>+<base64(type, key)>: type 1 is a log's, type 4 a witness's."""
    def __init__(self, text, types=(1, 4)):
        self.name, self.hash, data = re.fullmatch(f"({NAME})[+]([0-9a-f]{{8}})[+]({BASE64})", text).groups()
        data = base64.b64decode(data)
        self.type, self.key = data[0], Key(ED25519 + data[1:])
        hashed = sha256(self.name.encode() + b"\n" + data).hex()[:8]
        need(self.type in types and self.hash == hashed and len(self.name.encode()) < 256, "policy_invalid", text)

class Policy:
    """§6: the logs and witnesses that the reader trusts. A node is a witness's key, or a threshold and nodes."""
    def __init__(self, data):
        self.logs, self.nodes, self.quorum, grouped, text = [], {}, None, [], data.decode(errors="surrogateescape")
        need(not re.search(r"[\0-\x08\x0b-\x1f\x7f]", text), "policy_invalid", "a control character")
        lines = [re.findall("[^ \t]+", line) for line in text.split("\n")]
        for word, *rest in (words for words in lines if words and words[0][0] != "#"):
            least, most = {"log": (1, 2), "witness": (2, 3), "group": (3, len(rest)), "quorum": (1, 1)}[word]
            need(least <= len(rest) <= most, "policy_invalid", f"the words of a {word}")
            if word == "log":
                self.logs.append(NoteKey(rest[0], [1]))
            elif word == "quorum":
                need(self.quorum is None and (rest[0] == "none" or rest[0] in self.nodes), "policy_invalid", "quorum")
                self.quorum = rest[0]
            else:
                name, rule, *members = rest
                need(name != "none" and name not in self.nodes, "policy_invalid", f"{name} is defined already")
                self.nodes[name] = NoteKey(rule, [4]) if word == "witness" else (rule, members)
            if word == "group":
                known = set(members) <= self.nodes.keys() - {name, *grouped} and len(set(members)) == len(members)
                k = {"all": len(members), "any": 1}.get(rule) or int(shaped(rule, DECIMAL))
                need(known and 1 <= k <= len(members), "policy_invalid", f"the members of {name}")
                self.nodes[name], grouped = (k, members), grouped + members
        self.witnesses = [node for node in self.nodes.values() if isinstance(node, NoteKey)]
        for keys in (self.logs, self.witnesses):
            need(len({key.key.id for key in keys}) == len(keys), "policy_invalid", "a key stands twice")
        need(self.quorum, "policy_invalid", "no quorum")

    def met_by(self, signed):
        """Whether so many signed: members stand before their group, so that one pass decides them all."""
        met = {"none"}
        for name, node in self.nodes.items():
            if node in signed if isinstance(node, NoteKey) else len(met.intersection(node[1])) >= node[0]:
                met.add(name)
        return self.quorum in met

class Note:
    """§5: a checkpoint, its signature lines, and the key of the policy's log that signed it (`log`)."""
    def __init__(self, note, policy):
        form = rf"(([^\n]{{1,255}})\n({DECIMAL})\n({HASH})\n(?:[^\n]+\n)*)\n((?:\u2014 {NAME} {BASE64}\n){{1,64}})"
        form = not re.search(r"[\0-\x09\x0b-\x1f]", note) and re.fullmatch(form, note)
        need(form, "note_invalid", "its form")
        self.text, self.origin, self.size, self.root = form[1], form[2], int(form[3]), base64.b64decode(form[4])
        self.lines = [(line.split(" ")[1], base64.b64decode(line.split(" ")[2])) for line in form[5].split("\n")[:-1]]
        need(all(len(signature) > 4 for _, signature in self.lines), "note_invalid", "a signature that is too short")
        need(self.size or self.root == sha256(b""), "note_invalid", "the root of no entries")
        keys = [key for key in policy.logs if key.name == self.origin]
        need(keys, "origin_mismatch", "a log that the policy does not list")
        self.log = next(iter(self.signers(keys)), None)
        need(self.log, "policy_unmet", "no line by the log's key in the policy")

    def signers(self, keys):
        """Which of these keys signed, and when. A line of a known key that does not hold refuses the whole note."""
        signed = {}
        for name, data in self.lines:
            for key in (key for key in keys if (key.name, key.hash) == (name, data[:4].hex())):
                time = int.from_bytes(data[4:12], "big") if key.type == 4 else 0
                said = f"cosignature/v1\ntime {time}\n" if key.type == 4 else ""
                holds = time < 2**63 and key.key.holds((said + self.text).encode(), data[12 if said else 4:])
                need(holds, "note_invalid", f"the signature of {name} does not hold")
                signed[key] = max(time, signed.get(key, 0))
        return signed

    def witnessed(self, policy):
        """When each of the policy's witnesses signed, who are enough."""
        cosigned = self.signers(policy.witnesses)
        need(policy.met_by(cosigned), "policy_unmet", "too few witnesses")
        return cosigned

    def covers(self, entry, index, path):
        leads_to = root_over(sha256(b"\x00" + entry), index, self.size, path)
        need(leads_to == self.root, "proof_invalid", "it does not lead to the root")

def root_over(node, index, size, path):
    """§5: the root of the tree of this size with this node as a leaf, by RFC 9162 §2.1.3.2: RFC 6962's proof."""
    need(index < size, "proof_invalid", "the index is not in the tree")
    fn, sn = index, size - 1
    for sibling in path:
        need(sn, "proof_invalid", "too long")
        if fn & 1 or fn == sn:
            node = sha256(b"\x01" + sibling + node)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = sha256(b"\x01" + node + sibling)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "proof_invalid", "too short")
    return node
