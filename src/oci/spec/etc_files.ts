// SPDX-License-Identifier: MIT
// The text of a container's `/etc/hosts` and `/etc/resolv.conf`.

/** docker's word for the address under which a container reaches its host. */
export const HOST_GATEWAY = "host-gateway";

/** The names and addresses that a container's `/etc/hosts` holds. */
export interface HostsFileOptions {
  /** The container's host name; it resolves to `address`. */
  readonly hostname: string;
  /**
   * The container's address; left out: one of its loopback (as Debian's installer has it); null: none
   * yet, so that no line names the host.
   */
  readonly address?: string | null | undefined;
  /** Further names: `[name, address]`. One of {@linkcode HOST_GATEWAY} is no more than a comment. */
  readonly extra?: readonly (readonly [name: string, address: string])[] | undefined;
  /** The host's own file, for a container in the host's network. */
  readonly base?: string | undefined;
}

/** docker's entries of a hosts file (hosts(5)). */
const LOCALHOST = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** Returns the text of a container's `/etc/hosts`. */
export function hostsFile(options: HostsFileOptions): string {
  const { hostname, address = "127.0.1.1", extra = [], base = LOCALHOST } = options;
  const [short = ""] = hostname.split(".", 1);
  const names = short === hostname ? hostname : `${hostname} ${short}`;
  const lines = extra.map(([name, to]) =>
    to === HOST_GATEWAY ? gatewayLine(name, undefined) : `${to}\t${name}`
  );
  const start = base === "" || base.endsWith("\n") ? base : `${base}\n`;
  const own = address === null ? [] : [`${address}\t${names}`];
  return `${start}${[...lines, ...own].map((line) => `${line}\n`).join("")}`;
}

/** Returns a line for the host, which is a comment as long as its address is not known. */
function gatewayLine(name: string, address: string | undefined): string {
  return `${address ?? "#"}\t${name}\t# ${HOST_GATEWAY}`;
}

/** Returns a line of a hosts file with the address of the host, if the line is one for the host. */
export function withGateway(line: string, address: string | undefined): string {
  const [, name] = /^\S+\t(\S+)\t# host-gateway$/.exec(line) ?? [];
  return name === undefined ? line : gatewayLine(name, address);
}

/** Settings of resolv.conf(5) that replace the host's. */
export interface DnsOptions {
  readonly servers?: readonly string[] | undefined;
  readonly search?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

/** Where systemd-resolved keeps the servers that its stub on 127.0.0.53 asks (resolved.conf(5)). */
export const RESOLVED_FILE = "/run/systemd/resolve/resolv.conf";

/** The servers that docker and podman give where the host has none that a container reaches. */
export const PUBLIC_SERVERS: readonly string[] = ["8.8.8.8", "8.8.4.4"];

/**
 * Returns the text of a container's `/etc/resolv.conf`, made of the host's by docker's rules: in a
 * network of its own a container does not reach a server on the host's loopback, so that these are
 * left out, and where systemd-resolved listens there the servers that it asks are used instead. Where
 * none is left, it is given public ones.
 *
 * @param host The text of the host's file.
 * @param upstream The text of {@linkcode RESOLVED_FILE}, if there is one.
 * @param hostNetwork Whether the container is in the host's network.
 */
export function resolvConf(
  host: string,
  upstream: string | undefined,
  hostNetwork: boolean,
  dns: DnsOptions = {},
): string {
  const own = wordsOf(host, "nameserver");
  const stub = own.length > 0 && own.every((server) => server === "127.0.0.53");
  const source = !hostNetwork && stub && upstream !== undefined ? upstream : host;
  const reached = wordsOf(source, "nameserver").filter((server) =>
    hostNetwork || !isLoopback(server)
  );
  const servers = dns.servers ?? (hostNetwork || reached.length > 0 ? reached : PUBLIC_SERVERS);
  // Of several lines the last one counts, resolv.conf(5).
  const search = dns.search ?? lastOf(source, "search") ?? lastOf(source, "domain") ?? [];
  const options = dns.options ?? wordsOf(source, "options");
  const lines = [
    ...servers.map((server) => `nameserver ${server}`),
    // docker: a search of "." alone means none.
    ...search.length > 0 && search.join(" ") !== "." ? [`search ${search.join(" ")}`] : [],
    ...options.length > 0 ? [`options ${options.join(" ")}`] : [],
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function linesOf(text: string, keyword: string): string[][] {
  return text.split("\n").map((line) => line.replace(/[#;].*/, "").trim().split(/\s+/))
    .filter(([first]) => first === keyword).map(([, ...words]) => words);
}

function wordsOf(text: string, keyword: string): string[] {
  return linesOf(text, keyword).flat();
}

function lastOf(text: string, keyword: string): string[] | undefined {
  return linesOf(text, keyword).at(-1);
}

function isLoopback(server: string): boolean {
  return /^127\./.test(server) || server === "::1" || /^::1%/.test(server);
}
