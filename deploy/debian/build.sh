#!/bin/bash
# build.sh WHEEL FOLDER [PACKAGE...]: make Debian packages of a wheel in FOLDER; all without PACKAGE.
#
# A package holds its own virtual environment under /opt/plantroom, on the Python of the Debian that
# it is built on. Needs dpkg-deb and /usr/bin/python3; no root, no debhelper.
#   PIP               how pip is called; default: python3 -m pip
#   CONSTRAINTS       versions; default: constraints.txt
#   DEB_COMPRESSION   of dpkg-deb; default: zstd
set -euo pipefail
wheel=$(realpath "$1") out=$(realpath -m "$2")
shift 2
cd "$(dirname "$0")/../.."
python=/usr/bin/python3
minor=$($python -c 'import sys; print(sys.version_info.minor)')
version=$(basename "$wheel" | cut -d- -f2)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

environment() {  # environment ROOT EXTRAS: the virtual environment, as if it had been made in /opt
    $python -m venv --without-pip "$1/opt/plantroom"
    ${PIP:-python3 -m pip} --python "$1/opt/plantroom/bin/python" install --quiet --no-compile \
        --constraint "${CONSTRAINTS:-constraints.txt}" "$wheel[$2]"
    rm -f "$1"/opt/plantroom/bin/[Aa]ctivate*
    rm -f "$1"/opt/plantroom/lib/python3.*/site-packages/plantroom-*.dist-info/direct_url.json
    grep -rlIF "$1" "$1/opt/plantroom/bin" "$1/opt/plantroom/pyvenv.cfg" | xargs sed -i "s|$1||g"
    # The service may write nothing there, so the byte code comes along; -s: tracebacks name /opt.
    $python -m compileall -q -j0 -s "$1" -p / --invalidation-mode unchecked-hash \
        "$1/opt/plantroom/lib"
}

package() {  # package NAME EXTRAS CONFLICTS DESCRIPTION UNIT...
    local name=$1 extras=$2 conflicts=$3 description=$4 unit script root="$work/$1"
    shift 4
    mkdir -p "$root/DEBIAN" "$root/etc/plantroom" "$root/usr/bin" "$root/usr/lib/systemd/system" \
        "$root/usr/share/plantroom"
    environment "$root" "$extras"
    ln -s /opt/plantroom/bin/plantroom "$root/usr/bin/plantroom"
    cp -r deploy/. "$root/usr/share/plantroom"
    rm -rf "$root"/usr/share/plantroom/{debian,etc}
    (cd "$root/usr/share/plantroom" && rm -f "$@")
    cp -r docs README.md CHANGELOG.md config/examples "$root/usr/share/plantroom"
    for unit in "$@"; do
        cp deploy/"$unit" "$root/usr/lib/systemd/system"
        case $unit in
            plantroom-agent.service) cp config/examples/agent.yaml "$root/etc/plantroom" ;;
            plantroom-server.service) cp deploy/etc/server.yaml "$root/etc/plantroom" ;;
        esac
    done
    (cd "$root" && find etc -type f -printf '/%p\n' | sort >DEBIAN/conffiles)
    # What is started again after an upgrade, and where units keep their data, is in the units.
    local started data
    started=$(cd deploy && grep -l '^WantedBy=' "$@" | tr '\n' ' ')
    data=$(cd deploy && sed -n 's/^StateDirectory=//p' "$@" | tr '\n' ' ')
    for script in postinst prerm postrm; do
        sed "s|@UNITS@|$*|; s|@STARTED@|$started|; s|@DATA@|$data|; s|@NAME@|$name|" \
            "deploy/debian/$script" >"$root/DEBIAN/$script"
        chmod 755 "$root/DEBIAN/$script"
    done
    cat >"$root/DEBIAN/control" <<END
Package: $name
Version: $version-1
Architecture: $(dpkg --print-architecture)
Maintainer: Plantroom maintainers <maintainers@plantroom.invalid>
Section: net
Priority: optional
Installed-Size: $(du -sk "$root" | cut -f1)
Depends: python3 (>= 3.$minor), python3 (<< 3.$((minor + 1))), adduser, libc6, libstdc++6
Conflicts: $conflicts
Replaces: $conflicts
Description: $description
 Plantroom watches the plant of residential estates. See
 /usr/share/plantroom/docs/install.md.
END
    chmod -R u=rwX,go=rX "$root"
    dpkg-deb --root-owner-group -Z"${DEB_COMPRESSION:-zstd}" --build "$root" "$out" >/dev/null
    echo "$out/${name}_$version-1_$(dpkg --print-architecture).deb"
}

for name in "${@:-plantroom plantroom-agent}"; do
    for one in $name; do
        case $one in
            plantroom)
                package plantroom server,influxdb,mbus,osdp,commissioning plantroom-agent \
                    "server of Plantroom, which may be a gateway as well" \
                    plantroom-server.service plantroom-backup.service plantroom-backup.timer \
                    plantroom-agent.service
                ;;
            plantroom-agent)
                package plantroom-agent mbus,osdp,commissioning plantroom \
                    "gateway of Plantroom" plantroom-agent.service
                ;;
            *)
                echo "$one: use plantroom or plantroom-agent" >&2
                exit 2
                ;;
        esac
    done
done
