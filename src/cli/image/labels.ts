// SPDX-License-Identifier: MIT

/** The label that keeps the name of the image that a container was made from. */
export const IMAGE_LABEL = "berth.image";
/** The label that keeps the id of that image: as long as there is the container, the image stays. */
export const IMAGE_ID_LABEL = "berth.image-id";

/** Returns whether `labels` has what docker's filter `label` asks for: `KEY`, or `KEY=VALUE`. */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  if (at < 0) return Object.hasOwn(labels, wanted);
  return labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}
