#!/usr/bin/env bash
# pdfkit 0.18.0: a bookmark does not lead to the place where the program added it. Its destination is `[page /Fit]`: the viewer goes
# to the corner of the page and zooms to the whole page, wherever on it the heading stands. There is no option
# for another destination.
# Seen: pdfkit writes a bookmark that is added after text at y = 500 as /Dest [... /Fit].
# Here: the brochure gives its bookmarks /XYZ destinations with the place of their heading and no zoom.
set -euo pipefail
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund pdfkit@0.18.0
cat >probe.mjs <<'JS'
import PDFDocument from 'pdfkit';

const document = new PDFDocument({ compress: false });
const chunks = [];
document.on('data', (chunk) => chunks.push(chunk));
document.on('end', () => console.log(Buffer.concat(chunks).toString('latin1').match(/\/Dest \[.*\]/)[0]));
document.text('A heading far down the page', 72, 500);
document.outline.addItem('A heading far down the page');
document.end();
JS
seen="$(timeout 30 node probe.mjs)"
printf '%s\n' "$seen"
grep -Eqx '/Dest \[[0-9]+ 0 R /Fit\]' <<<"$seen" || { echo 'CHANGED: bookmarks have another destination' >&2; exit 1; }
