// SPDX-License-Identifier: MIT
import { tryStat } from "../linux/fs/try_stat.ts";

/**
 * Returns what skopeo is given to read an image of this machine whose path has a colon: it takes what
 * follows the first one for a tag. Such a path gets a link in `dir` that has none. Every other source
 * is returned as it is.
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

/** Returns whether there is at a path what skopeo reads by one of its transports that take a tag. */
function holdsImages(transport: string, path: string): boolean {
  if (transport === "oci") return tryStat(`${path}/index.json`)?.isFile ?? false;
  return transport.endsWith("-archive") && (tryStat(path)?.isFile ?? false);
}
