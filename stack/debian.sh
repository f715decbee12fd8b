#!/bin/sh
# Finds the programs that this project runs beside Python, and installs from Debian what is missing.
#
#   sh stack/debian.sh python   what a virtual environment needs
#   sh stack/debian.sh run      Prometheus and Alertmanager
#   sh stack/debian.sh test     those, and the other ends of the tests
#   sh stack/debian.sh bench    those of `run`, and what makes load
#
# root: by apt-get, with no service started. Anybody else: unpacked into .tools/, whose bin/ the
# Makefile has in PATH; nothing outside of the checkout is touched.
set -eu

# A program and its package, by what it is for.
python='python3 python3
ensurepip python3-venv'
run='prometheus prometheus
promtool prometheus
prometheus-alertmanager prometheus-alertmanager
amtool prometheus-alertmanager'
test="$run
chromium chromium
victoria-metrics victoria-metrics
influxd influxdb
strace strace
nginx nginx
haproxy haproxy
openssl openssl
curl curl
mount mount
gcc gcc"
bench="$run
wrk wrk
gcc gcc"

here=$(cd "$(dirname "$0")/.." && pwd)
tools=$here/.tools
PATH=$tools/bin:$PATH

fail() {
    echo "$*" >&2
    exit 1
}

is_there() {
    case $1 in
    ensurepip) python3 -c 'import ensurepip' 2>/dev/null || [ -d "$tools/usr/share/python-wheels" ] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# Prints the programs ($1: 1) or the packages ($1: 2) that are missing from the table $2.
missing() {
    printf '%s\n' "$2" | while read -r program package; do
        if ! is_there "$program"; then
            [ "$1" = 1 ] && echo "$program" || echo "$package"
        fi
    done | sort -u
}

# The policy of Debian for services that packages bring: none starts while this script runs. One
# that is already there stays in force. Killed or not, no changed policy stays behind: it asks
# whether the script still runs.
without_services() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
        printf '#!/bin/sh\nkill -0 %s 2>/dev/null && exit 101\nexit 0\n' $$ >"$policy"
        chmod 755 "$policy"
    fi
    "$@"
}

# Runs a command silently; where it fails, its words are what there is to know.
quietly() {
    "$@" </dev/null >"$tools/log" 2>&1 || {
        cat "$tools/log" >&2
        fail "failed: $*. It needs a way to the mirrors in /etc/apt/; or install the packages yourself: $packages"
    }
}

as_root() {
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get -q update
    # shellcheck disable=SC2086  # one word for each package
    without_services quietly apt-get -q install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 $1
}

as_anybody() {
    lists=$tools/apt
    mkdir -p "$lists/lists/partial" "$lists/archives/partial" "$lists/debs" "$tools/bin"
    set -- "$1" -qq -o "Dir::State::Lists=$lists/lists" -o "Dir::Cache=$lists" -o Debug::NoLocking=1
    packages=$1
    shift
    quietly apt-get "$@" update
    # What apt-get would install: the packages and whatever of their needs is missing here.
    # shellcheck disable=SC2086
    wanted=$(apt-get "$@" install --simulate --no-install-recommends $packages </dev/null |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p')
    [ -n "$wanted" ] || fail "apt-get knows no way to install: $packages"
    cd "$lists/debs"
    # shellcheck disable=SC2086
    quietly apt-get "$@" download $wanted
    for deb in *.deb; do
        dpkg-deb -x "$deb" "$tools"
        rm "$deb"
    done
    cd "$here"
    rm -r "$lists"
}

# A program under .tools finds its libraries there, and what it reads from Debian's fixed place:
# the path in it becomes one of the same length, by way of a folder that its wrapper has opened.
fixed=/usr/share/prometheus
opened=/dev/fd/////////////9

wrap() {
    libraries=$(find "$tools/lib" "$tools/usr/lib" -name '*.so*' 2>/dev/null |
        sed 's,/[^/]*$,,' | sort -u | tr '\n' ':')
    for program in $1; do
        # A program that brings files of its own is beside them, and in bin/ is a script that looks
        # for it in Debian's fixed place.
        for real in "$tools/usr/lib/$program/$program" "$tools/usr/bin/$program" \
            "$tools/usr/sbin/$program"; do
            [ ! -x "$real" ] || break
        done
        [ -x "$real" ] || fail "$program is not in its package."
        LC_ALL=C sed -i "s,$fixed,$opened,g" "$real"
        {
            echo '#!/bin/sh'
            [ ! -d "$tools$fixed" ] || echo "exec 9<'$tools$fixed'"
            echo "LD_LIBRARY_PATH='${libraries%:}' exec '$real' \"\$@\""
        } >"$tools/bin/$program"
        chmod 755 "$tools/bin/$program"
    done
}

case ${1:-} in
python) table=$python ;;
run) table=$run ;;
test) table=$test ;;
bench) table=$bench ;;
*) fail "usage: sh stack/debian.sh python|run|test|bench" ;;
esac

packages=$(missing 2 "$table" | tr '\n' ' ')
[ -n "$packages" ] || exit 0
programs=$(missing 1 "$table" | tr '\n' ' ')
command -v apt-get >/dev/null || fail "Missing: $programs. Without apt-get, please install them yourself."
mkdir -p "$tools"
case $programs in *python3*) [ "$(id -u)" = 0 ] || fail "python3 is missing; it cannot be unpacked, so please install it." ;; esac
if [ "$(id -u)" = 0 ]; then
    echo "Installing from Debian: $packages"
    as_root "$packages"
else
    echo "Unpacking from Debian into .tools/: $packages"
    as_anybody "$packages"
    [ "$1" = python ] || wrap "$programs"
fi
