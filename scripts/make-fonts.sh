#!/bin/sh
# The fonts of the PNG pictures: DejaVu Sans, cut to Latin, Greek and the signs our charts use.
# Needs fonttools (pip install fonttools). Usage: scripts/make-fonts.sh FOLDER-WITH-DEJAVU-TTF
set -e
for name in DejaVuSans DejaVuSans-Bold; do
  pyftsubset "$1/$name.ttf" --output-file="templates/fonts/$name.ttf" --layout-features='kern' --no-hinting \
    --unicodes='U+20-7E,U+A0-17F,U+384-3CE,U+2010-2026,U+2032,U+2016,U+2070-2089,U+2190-2193,U+2202,U+2211,U+2212,U+221A,U+2248,U+2260,U+2264,U+2265'
done
