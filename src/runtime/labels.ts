// SPDX-License-Identifier: MIT

/** The labels of a container, or those that are asked for. */
type Labels = Readonly<Record<string, string>>;

/** Returns whether `labels` has all that are `wanted`, with the same values. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) =>
    Object.hasOwn(labels, name) && labels[name] === value
  );
}
