#!/bin/sh
# Runs a Redis server after its append-only file was mended: redis_start.sh FOLDER SERVER ARGUMENT...
#
# A kill can cut the file in the middle of a transaction. Redis then removes the last, incomplete
# command only, which leaves a transaction without end: what is written next joins it and is lost if
# there is no EXEC before the next start; else the half that was there has effect after all
# (valkey-io/valkey#4342; all releases of Redis). The checker that comes with the server removes the
# transaction. Whatever else is wrong with a file is left to the server.
set -eu
folder=$1 server=$2
shift 2

mend() {
  # A server program is the checker when that is its name.
  checker=$folder/$(basename "$server" | sed 's/server/check-aof/')
  ln -sf "$server" "$checker"
  if report=$("$checker" "$1" 2>&1); then return; fi
  cut=$(echo "$report" | sed -n 's/.*ok_up_to=.*diff=\([0-9]*\).*/\1/p' | tail -n 1)
  log=$(echo "$report" | sed -n 's/.*filename=\([^,]*\), .*ok_up_to=.*/\1/p' | tail -n 1)
  log=$(dirname "$1")/${log:-$(basename "$1")}
  if [ -n "$cut" ] && tail -c "$cut" "$log" | begins_open_transaction; then
    echo "a kill cut the last transaction in $log: its $cut bytes are removed"
    echo y | "$checker" --fix "$1"
  fi
}

begins_open_transaction() {
  tr -d '\r' | LC_ALL=C awk '
    NR == 3 && $0 != "MULTI" || NR > 3 && last == "$4" && $0 == "EXEC" { bad = 1 }
    { last = $0 }
    END { exit bad || NR < 3 }'
}

for log in "$folder/appendonlydir/appendonly.aof.manifest" "$folder/appendonly.aof"; do
  if [ -s "$log" ]; then mend "$log"; fi
done
exec "$server" "$@"
