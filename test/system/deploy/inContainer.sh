#!/bin/bash
# What a container runtime does for `docker run --read-only --cap-drop ALL --security-opt no-new-privileges`, in a mount
# namespace of its own, which goes with the process: inContainer.sh ROOT VOLUME UID GID COMMAND…
set -eu
root=$1 volume=$2 uid=$3 gid=$4
shift 4
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$volume" "$root/var/lib/holdfast"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount --bind /dev/null "$root/dev/null"
mount -o remount,bind,ro,nosuid "$root"
cd "$root"
exec chroot --userspec="$uid:$gid" --groups="$gid" "$root" /usr/bin/setpriv --no-new-privs "$@"
