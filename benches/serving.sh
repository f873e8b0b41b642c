#!/bin/sh
# The same bytes over HTTP on the same machine, by this server and by nginx, under the same load.
#
#   benches/serving.sh [KEYS]        1,000,000 keys without an argument
#
# Needs nginx and wrk (Debian: apt-get install nginx-light wrk). nginx is started in a scratch folder on a loopback port, serves
# the replies as files, and is stopped again; nothing of the system's nginx is touched. Three runs each, in turn.
set -eu
keys=${1:-1000000}
root=$(cd "$(dirname "$0")/.." && pwd)
for tool in nginx wrk; do
    PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || { echo "skipped: needs $tool"; exit 0; }
done
PATH=$PATH:/usr/sbin
cd "$root"
# The program that cargo built, without cargo around it: it is stopped by its process id.
bench=$(cargo bench -p colophon-tests --bench proofs --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*proofs-[^"]*\)".*/\1/p' | tail -1)
scratch=$(mktemp -d)
ours= nginx=
stop() {
    [ -n "$ours" ] && kill "$ours" 2>/dev/null
    [ -n "$nginx" ] && kill "$nginx" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$scratch"
}
trap stop EXIT INT TERM
"$bench" prepare "$scratch" "$keys"
"$bench" serve "$scratch" 18481 >/dev/null 2>&1 &
ours=$!
cat >"$scratch/nginx.conf" <<CONF
daemon off; master_process on; worker_processes 2; pid $scratch/nginx.pid; error_log $scratch/error.log;
user root;
events { worker_connections 1024; }
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
    open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;
    client_body_temp_path $scratch/body; proxy_temp_path $scratch/proxy; fastcgi_temp_path $scratch/fastcgi;
    uwsgi_temp_path $scratch/uwsgi; scgi_temp_path $scratch/scgi;
    default_type application/octet-stream;
    server {
        listen 127.0.0.1:18482; root $scratch/static;
        add_header Cache-Control "public, max-age=31536000, immutable, no-transform";
        add_header Access-Control-Allow-Origin "*";
    }
}
CONF
[ "$(id -u)" = 0 ] && chmod 755 "$scratch" || sed -i '/^user root;/d' "$scratch/nginx.conf"
nginx -c "$scratch/nginx.conf" -p "$scratch" &
nginx=$!
cat >"$scratch/paths.lua" <<LUA
local paths = {}
for line in io.lines("$scratch/paths.txt") do paths[#paths + 1] = line end
local at = 0
request = function()
    at = at % #paths + 1
    return wrk.format("GET", paths[at])
end
LUA
for port in 18481 18482; do
    until curl -s -o /dev/null "http://127.0.0.1:$port$(head -1 "$scratch/paths.txt")"; do :; done
done
path=$(head -1 "$scratch/paths.txt")
curl -s "http://127.0.0.1:18481$path" | sha256sum >"$scratch/a"
curl -s "http://127.0.0.1:18482$path" | sha256sum >"$scratch/b"
cmp "$scratch/a" "$scratch/b"
measure() {
    wrk -t1 -c32 -d5 -s "$scratch/paths.lua" "http://127.0.0.1:$1" | sed -n 's/^Requests\/sec: *//p;s/.*Non-2xx.*/  & /p'
}
measure 18481 >/dev/null
for run in 1 2 3; do
    a=$(measure 18481) b=$(measure 18482)
    echo "run $run: this server $a replies/s, nginx $b replies/s"
    echo "$a $b" | awk '{ printf "       %.0f %% of nginx\n", 100 * $1 / $2 }'
done
