#!/usr/bin/env bash
# The main job on samples/shop: one hour of Hubble flows in, policies in three dialects out, each
# with its certificate; then the written policies are held against the same hour once more, and a
# change of them is reviewed.
set -euo pipefail
cd "$(dirname "$0")/.."
flows=samples/shop/hubble.jsonl.gz
inventory=samples/shop/cluster
out=out/demo

bold='' plain=''
if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"; }
run() { say "$@"; "$@"; }

for target in kubernetes calico cilium; do
  run netpol generate "$flows" --inventory "$inventory" --target "$target" -o "$out/$target"
done
run netpol check "$out/cilium" "$flows" --inventory "$inventory"
run cat "$out/kubernetes/payments/payments.yaml"

# Somebody changes three policies: samples/shop/change has them as they are in the pull request.
rm -rf "$out/change"
cp -R "$out/kubernetes" "$out/change"
cp -R samples/shop/change/. "$out/change"
run netpol review "$out/kubernetes" "$out/change" "$flows" --inventory "$inventory" \
  --rules samples/shop/rules.yaml --fail-on breaks-observed,opened-world -o "$out/review.md" ||
  echo "exit code $?: a gate does not let the change pass"
run head -n 26 "$out/review.md"

cat <<TEXT

Where to look next:
  $out/{kubernetes,calico,cilium}/
                                     one file per workload, and a kustomization.yaml
  $out/review.md                 the comment on a pull request that changes three of them
  samples/shop/README.md             what is in this cluster, and what is odd about its hour
  netpol graph $flows --inventory $inventory
                                     what talks to what, and what was held with the reason
  netpol explain                     every notice, and what to do about it
TEXT
