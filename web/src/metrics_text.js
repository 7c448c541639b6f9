// SPDX-License-Identifier: Apache-2.0
const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;

/** Prometheus' text as { name: [{ labels, value }] }. */
export function parseMetrics(text) {
  const metrics = {};
  for (const one of text.split("\n")) {
    const found = line.exec(one);
    if (!found) continue;
    const labels = Object.fromEntries(
      [...(found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [
        name,
        value,
      ]),
    );
    (metrics[found[1]] ??= []).push({ labels, value: Number(found[3]) });
  }
  return metrics;
}

export const sumOf = (metrics, name) =>
  (metrics[name] ?? []).reduce((sum, { value }) => sum + value, 0);

/** The upper bound of the bucket in which a share of a histogram's samples lies; null without any. */
export function quantile(metrics, name, share) {
  const counts = new Map();
  for (const { labels, value } of metrics[`${name}_bucket`] ?? []) {
    const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  const all = counts.get(Infinity) ?? 0;
  if (!all) return null;
  const bounds = [...counts.keys()].sort((a, b) => a - b);
  return bounds.find((bound) => counts.get(bound) >= share * all) ?? Infinity;
}
