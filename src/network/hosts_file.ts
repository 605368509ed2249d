// SPDX-License-Identifier: MIT
// Writes the addresses of a container into its hosts file.
import { withGateway } from "../oci/spec/etc_files.ts";
import { readSmallFile } from "../linux/fs/read_small_file.ts";

/**
 * Sets the lines of a hosts file (hosts(5)) that have just these names: one for each address. Lines
 * that had them before are replaced. Lines for the host get the first IPv4 address of the gateways, or
 * else the first. The file itself is kept, for it may be mounted.
 *
 * @throws {Error} if it is no regular file or too large, and what the file system throws.
 */
export function setHosts(
  path: string,
  names: readonly string[],
  addresses: readonly string[],
  gateways: readonly string[] = [],
): void {
  const before = readSmallFile(path);
  const own = names.join(" ");
  const gateway = gateways.find((address) => !address.includes(":")) ?? gateways[0];
  const kept = before.split("\n").filter((line) => {
    const [address, ...rest] = line.trim().split(/\s+/);
    return address === "" || rest.join(" ") !== own;
  }).map((line) => withGateway(line, gateway));
  while (kept.at(-1) === "") kept.pop();
  const added = addresses.map((address) => `${address.split("/")[0]}\t${own}`);
  const text = `${[...kept, ...added].join("\n")}\n`;
  // Writing empties the file first, which a full disk would leave so.
  if (text !== before) Deno.writeTextFileSync(path, text, { create: false });
}

/**
 * Returns the names of a host: in full, the part before its first dot, and others that it is
 * called.
 */
export function hostNames(hostname: string, aliases: readonly string[]): string[] {
  return [...new Set([hostname, hostname.split(".", 1)[0] ?? hostname, ...aliases])];
}
