# shellcheck shell=dash disable=SC2153,SC2154
# Sourced by init: our device server behind the kernel's target core (target_core_user, tcm_loop). No network.
SOCKET=/run/tapeserver

devices_up() {
    mount -t configfs configfs /sys/kernel/config
    mkdir /run/bin
    ln -s "$SERVER" /run/bin/tapeserver
    set --
    [ -z "$LOADED" ] || set -- "$@" --loaded "$LOADED"
    [ -z "$RATE" ] || set -- "$@" --rate "$RATE"
    if [ -n "$BARCODES" ]; then
        # shellcheck disable=SC2086
        set -- "$@" --barcodes $BARCODES
    else
        set -- "$@" --cartridges "$CARTRIDGES"
    fi
    "$SERVER" serve --library "$LIBRARY" --drives "$DRIVES" --size "$SIZE" --early "$EARLY" --buffer "$BUFFER" \
        --generation "$GENERATION" "$@" >>"$STATE/server" 2>&1 &
    server=$!
    # The socket is there when the kernel has found all devices.
    until [ -S $SOCKET ]; do
        kill -0 $server 2>/dev/null || {
            cat "$STATE/server"
            return 1
        }
        pause
    done
}

devices_down() { "$SERVER" ctl finish; }
