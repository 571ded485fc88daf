# shellcheck shell=dash disable=SC2154
# Sourced by init: Debian's tgt on the machine's own loopback, and the kernel's iSCSI initiator. An independent changer; its drives
# have no READ POSITION, no LOCATE and no end.
NAME=iqn.2026-01.lab.tape:library

unit() { tgtadm --lld iscsi --mode logicalunit --tid 1 --op "$@"; }

cartridge() { printf 'P2T%03dL%d' "$1" "$GENERATION"; }

devices_up() {
    tgtd --iscsi portal=127.0.0.1:3260 || return
    number=1
    while [ $number -le "$CARTRIDGES" ]; do
        barcode=$(cartridge $number)
        [ -e "$LIBRARY/$barcode" ] ||
            tgtimg --op new --device-type tape --barcode "$barcode" --size "$SIZE" --type data --file "$LIBRARY/$barcode" >/dev/null
        number=$((number + 1))
    done
    [ -e "$LIBRARY/changer" ] || dd if=/dev/zero of="$LIBRARY/changer" bs=1k count=1 2>/dev/null
    until tgtadm --lld iscsi --op new --mode target --tid 1 -T $NAME 2>/dev/null; do sleep 0.05; done
    number=1
    while [ $number -le "$DRIVES" ]; do
        unit new --lun $number -b "$LIBRARY/$(cartridge $number)" --device-type=tape
        unit update --lun $number --params online=0
        number=$((number + 1))
    done
    changer=$((DRIVES + 1))
    unit new --lun $changer -b "$LIBRARY/changer" --device-type=changer
    unit update --lun $changer --params "media_home=$LIBRARY"
    unit update --lun $changer --params "element_type=4,start_address=1,quantity=$DRIVES"
    number=1
    while [ $number -le "$DRIVES" ]; do
        unit update --lun $changer --params "element_type=4,address=$number,tid=1,lun=$number"
        number=$((number + 1))
    done
    unit update --lun $changer --params "element_type=1,start_address=$changer,quantity=1"
    unit update --lun $changer --params "element_type=2,start_address=100,quantity=$((CARTRIDGES + 2))"
    unit update --lun $changer --params element_type=3,start_address=200,quantity=2
    number=1
    while [ $number -le "$CARTRIDGES" ]; do
        unit update --lun $changer --params "element_type=2,address=$((99 + number)),barcode=$(cartridge $number),sides=1"
        number=$((number + 1))
    done
    tgtadm --lld iscsi --op bind --mode target --tid 1 -I ALL
    iscsistart -i iqn.2026-01.lab.tape:host -t $NAME -g 1 -a 127.0.0.1 -p 3260 || return
}
devices_down() { :; }
