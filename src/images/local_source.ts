// SPDX-License-Identifier: MIT
import { tryStat } from "../linux/fs/try_stat.ts";

/**
 * Returns a source on this machine without a colon in its path: skopeo takes the text behind the first
 * colon for a tag. A path with a colon gets a link in `dir`. Every other source is returned as it is.
 *
 * @param source Such as `oci:/srv/a:b/img:latest`.
 */
export function withoutColon(source: string, dir: string): string {
  const [transport = "", ...parts] = source.split(":");
  for (let count = 1; count <= parts.length; count++) {
    const path = parts.slice(0, count).join(":");
    if (!holdsImages(transport, path)) continue;
    if (count === 1) return source;
    const link = `${dir}/source`;
    Deno.symlinkSync(path, link);
    return [transport, link, ...parts.slice(count)].join(":");
  }
  return source;
}

/** Returns whether skopeo can read the path by this transport, which takes a tag. */
function holdsImages(transport: string, path: string): boolean {
  if (transport === "oci") return tryStat(`${path}/index.json`)?.isFile ?? false;
  return transport.endsWith("-archive") && (tryStat(path)?.isFile ?? false);
}
