// SPDX-License-Identifier: MIT
// Parses names of images, as docker does.
import { ImageError } from "./image_errors.ts";

/** The source that skopeo takes an image from, and the name that the image has here. */
export interface Reference {
  /** The name in lists, such as `docker.io/library/alpine:latest`. */
  readonly name: string;
  /** The source by skopeo's name, such as `docker://docker.io/library/alpine:latest`. */
  readonly source: string;
  /** The image lies on this machine, so that looking whether it has changed costs nothing. */
  readonly local: boolean;
}

/** The transports that read from this machine. */
const LOCAL = ["oci", "oci-archive", "docker-archive", "dir"];

/** Docker's own registry, which is meant where a name has none. */
const DEFAULT_DOMAIN = "docker.io";

// The grammar of distribution/reference: a path of components, a tag, a digest.
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const DOMAIN = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** The longest name without tag and digest (distribution/reference). */
const MAX_NAME = 255;

/**
 * Reads an image's reference as docker does: `alpine` is `docker.io/library/alpine:latest`. Also
 * takes what skopeo reads from this machine: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`,
 * `docker-archive:FILE[:NAME]` and `dir:DIR`.
 *
 * @throws {ImageError} if it is neither.
 */
export function parseReference(text: string): Reference {
  const transport = LOCAL.find((name) => text.startsWith(`${name}:`));
  if (transport !== undefined) return localReference(transport, text);
  const given = text.replace(/^docker:\/\//, "");
  const [rest, digest] = splitOnce(given, given.indexOf("@"));
  const slash = rest.lastIndexOf("/");
  const colon = rest.indexOf(":", slash);
  const [path, tag] = splitOnce(rest, colon);
  const [domain, repository] = splitDomain(path);
  const bad = (why: string) => new ImageError(`${JSON.stringify(text)} is no image name: ${why}`);
  if (path === "") throw bad("it is empty");
  if (!DOMAIN.test(domain)) throw bad(`${JSON.stringify(domain)} is no registry`);
  if (!PATH.test(repository)) {
    const upper = repository !== repository.toLowerCase();
    throw bad(upper ? "upper case letters are not allowed" : "see docker's rules for names");
  }
  if (`${domain}/${repository}`.length > MAX_NAME) throw bad(`longer than ${MAX_NAME} characters`);
  if (tag !== undefined && !TAG.test(tag)) throw bad(`${JSON.stringify(tag)} is no tag`);
  if (digest !== undefined && !DIGEST.test(digest)) {
    throw bad("a digest is sha256: and 64 hexadecimal digits");
  }
  // With a digest the tag says nothing more: skopeo does not take both.
  const end = digest === undefined ? `:${tag ?? "latest"}` : `@${digest}`;
  const name = `${domain}/${repository}${end}`;
  return { name, source: `docker://${name}`, local: false };
}

function localReference(transport: string, text: string): Reference {
  const path = text.slice(transport.length + 1);
  if (path === "" || path.startsWith(":")) {
    throw new ImageError(`${text}: say which file or directory, as ${transport}:PATH`);
  }
  const colon = path.indexOf(":");
  const [place] = splitOnce(path, colon);
  const name = `${transport}:${normalizePath(place)}${colon < 0 ? "" : path.slice(colon)}`;
  return { name, source: name, local: true };
}

/**
 * Returns the absolute path, one for each way to write it, so that an image has one name. `..` within
 * it stays: before it may be a link.
 */
function normalizePath(path: string): string {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  const above = path.startsWith("/") ? [] : Deno.cwd().split("/").filter((name) => name !== "");
  while (names[0] === "..") {
    names.shift();
    above.pop();
  }
  return `/${[...above, ...names].join("/")}`;
}

/**
 * Returns the part before and the part after the character at `at`; all of it where that is
 * negative.
 */
function splitOnce(text: string, at: number): [string, string | undefined] {
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/**
 * Splits a path into registry and repository. By docker's rule the first component is a registry if it looks
 * like one: a dot, a port, localhost.
 */
function splitDomain(path: string): [domain: string, repository: string] {
  const [first, rest] = splitOnce(path, path.indexOf("/"));
  const isDomain = rest !== undefined &&
    (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  if (isDomain) {
    const domain = first === "index.docker.io" ? DEFAULT_DOMAIN : first;
    return [domain, domain === DEFAULT_DOMAIN && !rest.includes("/") ? `library/${rest}` : rest];
  }
  return [DEFAULT_DOMAIN, rest === undefined ? `library/${path}` : path];
}

/** Returns the reference as people write it: without what docker adds to a short name. */
export function shortName(name: string): string {
  return name.replace(/^docker\.io\/library\//, "").replace(/^docker\.io\//, "");
}

/** Returns the part of an image's id that people see. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

/** Returns an id as the name of a directory: nothing but what an id is made of. */
export function hexName(id: string): string {
  if (!/^[0-9a-f]+$/.test(id)) throw new ImageError(`${JSON.stringify(id)} is not an id`);
  return id;
}

/**
 * Returns whether a reference is to a registry of this machine, to which http is spoken as docker
 * does.
 */
export function isLoopback(name: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?\//.test(name);
}
