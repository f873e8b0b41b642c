"""A look-up in the verifiable index: all entries about a term, or that there is none.

docs/FORMAT.md §12, with none of Colophon's code.
"""
from verify_note import need, sha256, unbase64

def listed(lookup, root):
    """The indices of a look-up, proven to be all under the index's root; `None` where they are one page of a longer list."""
    count, page = int(lookup["count"]), lookup["page"] or {"indices": []}
    indices = [int(index) for index in page["indices"]]
    whole = indices == sorted(set(indices)) and len(indices) in (min(count, 256), 0)
    need(whole, "proof_invalid", "the page is not whole or not in order")
    if count != len(indices):
        return None
    of_list = tree_root([sha256(b"\x00" + index.to_bytes(8, "big")) for index in indices])
    value = count.to_bytes(8, "big") + of_list if count else None
    trie(sha256(lookup["term"].encode()), value, unbase64(lookup["proof"], "proof_invalid"), root)
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
    if value is None:
        need(len(proof) >= 74 and proof[0] == 32 and proof[33] == 40, "proof_invalid", "not a proof of absence")
        other, value, proof = proof[1:33], proof[34:74], proof[74:]
        need(other != key, "proof_invalid", "it is there")
    else:
        other = key
    node, below = sha256(b"\x00\x20" + other + bytes([len(value)]) + value), 256
    while proof:
        at, used = (proof[0], 1) if proof[0] < 128 else (proof[0] % 128 + 128 * proof[1], 2)
        need(used == 1 or proof[1] == 1, "proof_invalid", "a bit that no key has")
        sibling, step, proof = proof[used:used + 32], proof[:used], proof[used + 32:]
        need(len(sibling) == 32 and at < below and bit(key, at) == bit(other, at), "proof_invalid", "a step")
        node, below = sha256(b"\x01" + step + (sibling + node if bit(key, at) else node + sibling)), at
    need(node == root, "proof_invalid", "it does not lead to the root of the index")
