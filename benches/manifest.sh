#!/bin/bash
# Builds manifests of synthetic sources and prints what they cost: keys and MB per CPU-second, peak memory, bytes a key.
# Time of the kernel stands apart from the program's own: it is that of files, and on a virtual machine whose host takes memory
# back it can be as much again. A row of `dd`, which writes as many bytes as a build does, shows how much here.
# A build is killed in the middle and run again; it must come to the same root. It fails if a root differs, if a build takes
# more than its memory, or if a contributor of the dump reaches the output.
#
#   benches/manifest.sh [KEYS] [ARTICLES] [FOLDER]      10000000 100000 and a new folder without arguments
#
# MEMORY=512M ROUNDS=1: of several rounds the one with the median of CPU time is shown. The sources and manifests take about
# 150 bytes a key, then 12 KB an article of disk while it runs; of text and of packed dumps at most a GB each is made.
set -euo pipefail
keys=${1:-10000000} articles=${2:-100000} memory=${MEMORY:-512M} rounds=${ROUNDS:-1}
most=$(numfmt --from=iec "$memory")
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${3:-$(mktemp -d)}
mkdir -p "$folder"
if [ -z "${COLOPHON:-}" ]; then
    (cd "$root" && cargo build -q --release -p colophon-cli -p colophon-tests --bin colophon --bin synth)
    COLOPHON=$root/target/release/colophon SYNTH=$root/target/release/synth
fi
out=$folder/out times=$folder/times
export HOME=$folder NO_COLOR=1

fail() { echo "$*" >&2; exit 1; }

# Sets wall, user, kernel (seconds) and peak (KiB): name, units, unit, words of the command.
measured() {
    local name=$1 units=$2 unit=$3 round
    shift 3
    : > "$times.all"
    for ((round = 0; round < rounds; round++)); do
        rm -rf "$out" "$out.partial"
        /usr/bin/time -f '%e %U %S %M' -o "$times" "$COLOPHON" --json manifest build "$@" --out "$out" --memory "$memory" \
            > "$folder/built.json" 2> "$folder/errors" || { cat "$folder/errors"; exit 1; }
        tail -n 1 "$times" | awk '{ print $2 + $3, $0 }' >> "$times.all"
    done
    read -r _ wall user kernel peak < <(sort -n "$times.all" | sed -n "$(((rounds + 1) / 2))p")
    awk -v n="$units" -v unit="$unit" -v name="$name" -v w="$wall" -v u="$user" -v k="$kernel" -v p="$peak" \
        'BEGIN { printf "| %s | %.1f | %.1f + %.1f | %.2f M %s | %.2f M | %.2f M | %d |\n", \
            name, w, u, k, n/(u+k)/1e6, unit, n/u/1e6, n/w/1e6, p/1024 }'
    [ "$((peak * 1024))" -le "$most" ] || fail "$name: $((peak / 1024)) MiB, more than $memory"
}

# The roots of a manifest, one a line.
roots() { python3 -c 'import json,sys; [print(k["spec"], k["root"]) for k in json.load(open(sys.argv[1]))["keyspaces"]]' "$out/manifest.json"; }
same_roots() { [ "$(roots)" = "$expected" ] || fail "$1 came to another root"; }

echo "| build | wall s | CPU s, own + kernel's | per CPU-second | own alone | per second | peak MiB |"
echo "|---|---|---|---|---|---|---|"
"$SYNTH" digests "$keys" --binary > "$folder/digests.bin"
binary=("$folder/digests.bin" --reader digests-binary)
measured "digests, binary, 1 thread" "$keys" keys "${binary[@]}" --threads 1
expected=$(roots)
measured "digests, binary, 2 threads" "$keys" keys "${binary[@]}" --threads 2
same_roots "two threads"
# A build of n digests writes rows in sorted runs, then columns: some 90 bytes a key in all.
/usr/bin/time -f '%e %U %S' -o "$times" dd if=/dev/zero of="$folder/zeros" bs=256K count="$((keys * 90 / 262144 + 1))" 2> /dev/null
rm -f "$folder/zeros"
awk '{ printf "| as many bytes through `dd` | %.1f | %.1f + %.1f | | | | |\n", $1, $2, $3 }' "$times"
measured "digests, binary, without rows, 2 threads" "$keys" keys "${binary[@]}" --threads 2 --no-meta
bytes=$(find "$out" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
unique=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["keyspaces"][0]["n"])' "$out/manifest.json")

# Killed when the first rows are sorted and written, and when the first keys are merged.
resumed=
for step in segment slices; do
    rm -rf "$out" "$out.partial"
    "$COLOPHON" manifest build "${binary[@]}" --out "$out" --memory "$memory" > /dev/null 2>&1 &
    build=$!
    until grep -q "\"done\":\"$step\"" "$out.partial/journal" 2> /dev/null; do
        kill -0 "$build" 2> /dev/null || fail "the build was over before it was killed"
        sleep 0.02
    done
    kill -9 "$build" && wait "$build" 2> /dev/null || true
    [ -d "$out.partial" ] && [ ! -e "$out" ] || fail "a manifest that looks whole"
    steps=$(wc -l < "$out.partial/journal")
    /usr/bin/time -f '%e' -o "$times" "$COLOPHON" manifest build "${binary[@]}" --out "$out" --memory "$memory" > /dev/null 2>&1
    same_roots "the resumed build"
    resumed+="killed after $steps steps of the journal, resumed in $(tail -n 1 "$times") s, same root; "
done
rm -f "$folder/digests.bin"
"$SYNTH" digests "$keys" > "$folder/digests.txt"
measured "digests, lines of hex, 1 thread" "$keys" keys "$folder/digests.txt" --threads 1
same_roots "the list in hex"
rm -f "$folder/digests.txt"

"$SYNTH" dump "$articles" > "$folder/dump.xml"
size=$(stat -c %s "$folder/dump.xml")
measured "dump, all kinds but spans, 1 thread" "$size" bytes "$folder/dump.xml" --threads 1
expected=$(roots)
if grep -a -r -q -e 'Xqzt-Contributor' -e '198\.51\.100\.' "$out" "$folder/built.json"; then fail "a contributor reached the output"; fi
measured "dump, all kinds but spans, 2 threads" "$size" bytes "$folder/dump.xml" --threads 2
same_roots "two threads"
dump_keys=$(python3 -c 'import json,sys; print(sum(k["pushed"] for k in json.load(open(sys.argv[1]))["report"]["keys"]))' "$out/manifest.json")
rm -rf "$folder/dump.xml" "$out"
if command -v bzip2 > /dev/null; then
    part=$((articles < 100000 ? articles : 100000))
    "$SYNTH" dump "$part" > "$folder/dump.xml"
    packed=$(stat -c %s "$folder/dump.xml")
    bzip2 -c "$folder/dump.xml" > "$folder/dump.xml.bz2"
    measured "dump of $part articles, 2 threads" "$packed" bytes "$folder/dump.xml" --threads 2
    expected=$(roots)
    rm -f "$folder/dump.xml"
    measured "the same, bzip2, 2 threads" "$packed" bytes "$folder/dump.xml.bz2" --threads 2
    same_roots "the packed dump"
    rm -f "$folder/dump.xml.bz2"
fi
texts=$((size < 1000000000 ? size : 1000000000))
mkdir -p "$folder/texts"
"$SYNTH" text "$texts" | split -a 5 -C 1m - "$folder/texts/"
measured "plain text, text-n1 + para-n1, 1 thread" "$texts" bytes "$folder/texts" --threads 1 --kinds text-n1,para-n1
measured "plain text, text-n1 + para-n1, 2 threads" "$texts" bytes "$folder/texts" --threads 2 --kinds text-n1,para-n1
measured "plain text, text-n1 + para-n1 + span-n1, 1 thread" "$texts" bytes "$folder/texts" --threads 1 --kinds text-n1,para-n1,span-n1
echo
awk -v b="$bytes" -v n="$unique" 'BEGIN { printf "%.2f bytes a key without rows\n", b / n; exit b / n > 35 }'
echo "$articles articles of $size bytes give $dump_keys keys"
echo "$resumed"
rm -rf "$out" "$out.partial" "$folder/texts" "$times" "$times.all" "$folder/built.json" "$folder/errors"
