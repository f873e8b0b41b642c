#!/bin/bash
# Builds manifests of synthetic sources and prints what they cost: keys and MB per CPU-second, peak memory, bytes a key.
# A build is killed in the middle and run again; it must come to the same root.
#
#   benches/manifest.sh [KEYS] [ARTICLES] [FOLDER]      10000000 100000 and a new folder without arguments
#
# The sources and manifests take about 150 bytes a key and 25 KB an article of disk while it runs. MEMORY=512M.
set -euo pipefail
keys=${1:-10000000} articles=${2:-100000} memory=${MEMORY:-512M}
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${3:-$(mktemp -d)}
mkdir -p "$folder"
if [ -z "${COLOPHON:-}" ]; then
    (cd "$root" && cargo build -q --release -p colophon-cli -p colophon-tests --bin colophon --bin synth)
    COLOPHON=$root/target/release/colophon SYNTH=$root/target/release/synth
fi
out=$folder/out times=$folder/times
export HOME=$folder NO_COLOR=1

# name, units, words of the command
measured() {
    local name=$1 units=$2 unit=$3
    shift 3
    rm -rf "$out" "$out.partial"
    /usr/bin/time -f '%e %U %S %M' -o "$times" "$COLOPHON" --json manifest build "$@" --out "$out" --memory "$memory" \
        > "$folder/built.json" 2> "$folder/errors" || { cat "$folder/errors"; exit 1; }
    read -r wall user system peak < <(tail -n 1 "$times")
    awk -v n="$units" -v unit="$unit" -v name="$name" -v w="$wall" -v c="$(echo "$user + $system" | bc)" -v p="$peak" \
        'BEGIN { printf "| %s | %.1f | %.1f | %.2f M %s | %.2f M %s | %d |\n", name, w, c, n/c/1e6, unit, n/w/1e6, unit, p/1024 }'
}

# The roots of a manifest, one a line.
roots() { python3 -c 'import json,sys; [print(k["spec"], k["root"]) for k in json.load(open(sys.argv[1]))["keyspaces"]]' "$out/manifest.json"; }

echo "| build | wall s | CPU s | per CPU-second | per second | peak MiB |"
echo "|---|---|---|---|---|---|"
"$SYNTH" digests "$keys" --binary > "$folder/digests.bin"
measured "digests, binary, 1 thread" "$keys" keys "$folder/digests.bin" --reader digests-binary --threads 1
expected=$(roots)
measured "digests, binary, 2 threads" "$keys" keys "$folder/digests.bin" --reader digests-binary --threads 2
[ "$(roots)" = "$expected" ] || { echo "two threads came to another root"; exit 1; }
measured "the same without rows" "$keys" keys "$folder/digests.bin" --reader digests-binary --threads 2 --no-meta
bytes=$(find "$out" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
unique=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["keyspaces"][0]["n"])' "$out/manifest.json")

# Killed when a third of the time of a whole build is over, and when two thirds are.
for share in 3 1.5; do
    rm -rf "$out" "$out.partial"
    "$COLOPHON" manifest build "$folder/digests.bin" --reader digests-binary --out "$out" --memory "$memory" > /dev/null 2>&1 &
    build=$!
    sleep "$(awk -v w="$wall" -v s="$share" 'BEGIN { print w / s }')"
    kill -9 "$build" 2> /dev/null && wait "$build" 2> /dev/null || true
    [ -d "$out.partial" ] && [ ! -e "$out" ] || { echo "the build was over before it was killed"; exit 1; }
    steps=$(wc -l < "$out.partial/journal")
    /usr/bin/time -f '%e' -o "$times" "$COLOPHON" manifest build "$folder/digests.bin" --reader digests-binary --out "$out" \
        --memory "$memory" > /dev/null 2>&1
    [ "$(roots)" = "$expected" ] || { echo "the resumed build came to another root"; exit 1; }
    resumed="${resumed:-}killed after $steps steps of the journal, resumed in $(tail -n 1 "$times") s, same root; "
done
rm -f "$folder/digests.bin"
"$SYNTH" digests "$keys" > "$folder/digests.txt"
measured "digests, lines of hex, 1 thread" "$keys" keys "$folder/digests.txt" --threads 1
rm -f "$folder/digests.txt"

"$SYNTH" dump "$articles" > "$folder/dump.xml"
size=$(stat -c %s "$folder/dump.xml")
measured "dump, 1 thread" "$size" bytes "$folder/dump.xml" --threads 1
expected=$(roots)
grep -a -r -l -e 'Xqzt-Contributor' -e '198\.51\.100\.' "$out" && { echo "a contributor reached the output"; exit 1; }
measured "dump, 2 threads" "$size" bytes "$folder/dump.xml" --threads 2
[ "$(roots)" = "$expected" ] || { echo "two threads came to another root"; exit 1; }
dump_keys=$(python3 -c 'import json,sys; print(sum(k["pushed"] for k in json.load(open(sys.argv[1]))["report"]["keys"]))' "$out/manifest.json")
if command -v bzip2 > /dev/null; then
    bzip2 -1 -c "$folder/dump.xml" > "$folder/dump.xml.bz2"
    rm -f "$folder/dump.xml"
    measured "dump, bzip2, 2 threads" "$size" bytes "$folder/dump.xml.bz2" --threads 2
fi
rm -f "$folder"/dump.xml*
mkdir -p "$folder/texts"
"$SYNTH" text "$size" | split -a 5 -C 1m - "$folder/texts/"
measured "plain text, text-n1 + para-n1, 1 thread" "$size" bytes "$folder/texts" --threads 1 --kinds text-n1,para-n1
measured "plain text, text-n1 + para-n1 + span-n1, 1 thread" "$size" bytes "$folder/texts" --threads 1 --kinds text-n1,para-n1,span-n1
echo
awk -v b="$bytes" -v n="$unique" 'BEGIN { printf "%.2f bytes a key without rows\n", b / n }'
echo "$articles articles of $size bytes give $dump_keys keys"
echo "$resumed"
rm -rf "$out" "$out.partial" "$folder/texts" "$times" "$folder/built.json" "$folder/errors"
