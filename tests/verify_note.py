"""What `verify_bundle.py` stands on: keys, what logs and witnesses sign with them, whom a reader believes, and the tree.

docs/FORMAT.md §2, §5 and §6, with none of Colophon's code.
"""
import base64, hashlib, re
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ED25519, ED25519_PRIME = bytes.fromhex("302a300506032b6570032100"), 2**255 - 19
SMALL_ORDER = [0, 1, ED25519_PRIME - 1] + [int.from_bytes(bytes.fromhex(y), "little") for y in (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]  # the y of such points
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
DECIMAL = "(0|[1-9][0-9]{0,18})"

class Broken(Exception):
    """A link does not hold: the stable code, and what was found."""

# And what Python says where something is missing, of another type, too large or too deep.
FAILURES = (Broken, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError, RecursionError)

def need(holds, code, detail=""):
    if not holds:
        raise Broken(code, detail)

def sha256(data):
    return hashlib.sha256(data).digest()

def unbase64(text, code, url=False):
    """Base64 in its one spelling: padded, with zero bits at its end; where DSSE has it, the URL alphabet alone too."""
    if url and not re.search("[+/]", text):
        text = text.replace("-", "+").replace("_", "/")
    data = base64.b64decode(text) if re.fullmatch("[A-Za-z0-9+/]*={0,2}", text) and len(text) % 4 == 0 else b""
    need(base64.b64encode(data).decode() == text, code, "not base64")
    return data

class Key:
    """§2: an Ed25519 or P-256 key by its DER; its id is the SHA-256 of that."""
    def __init__(self, der):
        self.id, self.ed25519 = sha256(der).hex(), der[:12] == ED25519 and len(der) == 44
        need(self.ed25519 or (der[:27] == P256 and len(der) == 91), "key_refused", "not the DER of such a key")
        self.key = serialization.load_der_public_key(der)
        if self.ed25519:
            y = int.from_bytes(der[12:], "little") % 2**255
            need(y < ED25519_PRIME and y not in SMALL_ORDER, "key_refused", "a weak key")

    def holds(self, message, signature):
        try:
            self.key.verify(signature, message, *([] if self.ed25519 else [ec.ECDSA(hashes.SHA256())]))
            y = int.from_bytes(signature[:32], "little") % 2**255 % ED25519_PRIME
            return not self.ed25519 or y not in SMALL_ORDER
        except InvalidSignature:
            return False

class NoteKey:
    """§5: a verifier key <name>+<hash>+<base64(type, key)>: type 1 is a log's, type 4 a witness's."""
    def __init__(self, text, kind):
        self.name, _, rest = text.partition("+")
        data = unbase64(rest[9:], "policy_invalid")
        self.type, self.hash, self.key = kind, sha256(self.name.encode() + b"\n" + data)[:4], Key(ED25519 + data[1:])
        need(data[0] == kind and rest[:9] == self.hash.hex() + "+", "policy_invalid", text)

class Policy:
    """§6: the logs and witnesses that the reader trusts. A node is a witness's key, or a threshold and nodes."""
    def __init__(self, text):
        self.logs, nodes, self.quorum = [], {"none": (0, [])}, None
        for word, *rest in (line.split() for line in text.split("\n") if line.strip() and line.strip()[0] != "#"):
            if word == "log":
                self.logs.append(NoteKey(rest[0], 1))
            elif word == "witness":
                nodes[rest[0]] = NoteKey(rest[1], 4)
            elif word == "group":
                k = {"all": len(rest) - 2, "any": 1}.get(rest[1]) or int(rest[1])
                nodes[rest[0]] = k, [nodes[name] for name in set(rest[2:])]
                need(k > 0, "policy_invalid", "a group that needs nobody")
            else:
                need(word == "quorum", "policy_invalid", word)
                self.quorum = nodes[rest[0]]
        self.witnesses = [node for node in nodes.values() if isinstance(node, NoteKey)]
        need(self.quorum, "policy_invalid", "no quorum")

def met(node, signed):
    return node in signed if isinstance(node, NoteKey) else sum(met(member, signed) for member in node[1]) >= node[0]

def signers_of(part, keys):
    """§5: which of these keys signed, and when. A line of a known key that does not hold refuses the whole note."""
    signed = {}
    for name, data in part.signatures:
        for key in (key for key in keys if (key.name, key.hash) == (name, data[:4])):
            time = data[4:12] if key.type == 4 else b""
            said = b"cosignature/v1\ntime %d\n" % int.from_bytes(time, "big") if time else b""
            holds = key.key.holds(said + part.text, data[4 + len(time):])
            need(holds, "note_invalid", f"the signature of {name} does not hold")
            signed[key] = max(int.from_bytes(time, "big"), signed.get(key, 0))
    return signed

def root_over(entry, index, size, path):
    """§5: the root of the tree of this size that has the entry at the index, by RFC 9162 §2.1.3.2: RFC 6962's proof."""
    need(index < size, "proof_invalid", "the index is not in the tree")
    fn, sn, node = index, size - 1, sha256(b"\x00" + entry)
    for sibling in path:
        need(sn and len(sibling) == 32, "proof_invalid", "too long")
        if fn & 1 or fn == sn:
            node = sha256(b"\x01" + sibling + node)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = sha256(b"\x01" + node + sibling)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "proof_invalid", "too short")
    return node
