"""A bundle's look-ups in the verifiable index: all entries about a key, or that there is none.

docs/FORMAT.md §12, with none of Colophon's code.
"""
from verify_note import BASE64, DECIMAL, HASH, TEXT, Note, need, root_over, sha256, shaped, unbase64
from verify_record import header_of

LOOK_UP = {
    "term": TEXT, "checkpoint": TEXT, "indexRoot": {"index": DECIMAL, "proof": [HASH]},
    "count": DECIMAL, "list": (HASH,), "proof": BASE64,
    "page": ({"number": DECIMAL, "indices": [DECIMAL], "proof": [HASH],
              "entries": ([{"entry": BASE64, "proof": [HASH]}],)},),
    "tail": {"from": DECIMAL, "edge": [HASH]}, "consistency": ([HASH],)}

def hashes(texts):
    return [unbase64(text, "proof_invalid") for text in texts]

def read(lookups, signers):
    """Each has its one form and is about a key that signed."""
    for lookup in lookups:
        shaped(lookup, LOOK_UP, "proof_invalid")
        need((lookup["count"] == "0") == (lookup["list"] is None), "proof_invalid", "a list has a root")
        need(lookup["term"] in [f"key:{keyid}" for keyid in signers], "binding_mismatch", "not of a signer's key")
    return lookups

def unrevoked(lookups, known, policy, root):
    """Up to which size no entry about these keys is missing among those known: that of the index that `root` states."""
    proven, size = {}, root.record.predicate["size"]
    for lookup in lookups:
        note, keyid = Note(lookup["checkpoint"], policy), lookup["term"][4:]
        note.witnessed(policy)
        need((note.origin, note.log) == (root.note.origin, root.note.log), "origin_mismatch", "another log")
        need(int(lookup["indexRoot"]["index"]) == root.index, "binding_mismatch", "another root")
        note.covers(root.entry, root.index, hashes(lookup["indexRoot"]["proof"]))
        count = int(lookup["count"])
        value = count.to_bytes(8) + unbase64(lookup["list"], "proof_invalid") if count else None
        trie(sha256(lookup["term"].encode()), value, unbase64(lookup["proof"], "proof_invalid"),
             bytes.fromhex(root.record.predicate["root"]))
        indices = listed(lookup["page"], count, value, keyid, note) if lookup["page"] else []
        need(max(indices, default=0) < size, "proof_invalid", "an entry that the index does not cover")
        if len(indices) == count:
            need(set(indices) <= known, "binding_mismatch", "the key history leaves an entry out")
            proven[keyid] = size
    return proven

def listed(page, count, value, keyid, note):
    """The indices of a page, proven to be all of it. A page of 256 is a subtree, and so is the last."""
    number, indices = int(page["number"]), [int(index) for index in page["indices"]]
    whole = indices == sorted(set(indices)) and len(indices) == min(256, count - 256 * number)
    need(whole, "proof_invalid", "the page is not whole or not in order")
    of_page = tree_root([sha256(b"\x00" + index.to_bytes(8)) for index in indices])
    of_list = root_over(of_page, number, -(-count // 256), hashes(page["proof"]))
    need(of_list == value[8:], "proof_invalid", "it does not lead to the root of the list")
    entries = indices if page["entries"] is None else page["entries"]
    need(len(entries) == len(indices), "proof_invalid", "not every entry of the page")
    for index, shown in zip(indices, page["entries"] or []):
        entry = unbase64(shown["entry"], "proof_invalid")
        note.covers(entry, index, hashes(shown["proof"]))
        need(keyid in header_of(entry)["keys"], "proof_invalid", "an entry that is not about the key")
    return indices

def tree_root(hashes):
    """The root of a list: RFC 6962 §2.1."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"")
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + tree_root(hashes[:k]) + tree_root(hashes[k:]))

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
