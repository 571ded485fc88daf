# shellcheck shell=dash disable=SC2154,SC2034
# Sourced by init: our device server behind the kernel's target core (target_core_user, tcm_loop). No network.
NO_CHANGER=yes
devices_up() {
    mount -t configfs configfs /sys/kernel/config
    core=/sys/kernel/config/target/core/user_0
    portal=/sys/kernel/config/target/loopback/naa.5001405000000001/tpgt_1
    mkdir -p $core $portal || return
    echo naa.5001405000000002 >$portal/nexus
    drive=0
    while [ $drive -lt "$DRIVES" ]; do
        mkdir $core/tape$drive
        echo "dev_config=tapelab/$drive,dev_size=1048576,hw_block_size=512,hw_max_sectors=32768,nl_reply_supported=-1" >$core/tape$drive/control
        echo 1 >$core/tape$drive/enable || return
        drive=$((drive + 1))
    done
    MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_ARENA_MAX=1 "$SERVER" "$DRIVES" "$SIZE" "$EARLY" /run/tapectl >/run/tapeserver.log 2>&1 &
    until [ -S /run/tapectl ]; do sleep 0.02; done
    drive=0
    while [ $drive -lt "$DRIVES" ]; do
        mkdir $portal/lun/lun_$drive
        ln -s $core/tape$drive $portal/lun/lun_$drive/tape$drive
        drive=$((drive + 1))
    done
}
devices_down() { :; }
