// SPDX-License-Identifier: MIT
// Runs skopeo, and explains its errors.
import { findExecutable } from "../oci/driver/executable.ts";
import {
  DiskFullError,
  ImageClashError,
  ImageError,
  ImageNotFoundError,
  SkopeoMissingError,
} from "./image_errors.ts";

/** Environment of a call of skopeo, its end, and a listener for its progress. */
export interface SkopeoOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of progress as skopeo writes it. */
  readonly onProgress?: (line: string) => void;
}

/** The most of skopeo's stderr that an error may quote, in bytes. */
const MAX_STDERR = 64 * 1024;

/**
 * Runs skopeo and returns its output; nothing where its lines went to `onProgress`. When the signal
 * aborts, skopeo is ended before this rejects with the signal's reason.
 *
 * @throws {SkopeoMissingError} if it is not in PATH.
 * @throws {ImageNotFoundError} if the source has no such image.
 * @throws {ImageError} with skopeo's own message if it fails otherwise.
 */
export async function runSkopeo(
  args: readonly string[],
  { env, signal, onProgress }: SkopeoOptions = {},
): Promise<string> {
  signal?.throwIfAborted();
  checkSkopeo();
  const [program, ...first] = await dyingWithBerth("skopeo");
  signal?.throwIfAborted();
  const child = new Deno.Command(program, {
    args: [...first, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // Ctrl-C on a terminal is for berth, which then ends it and knows why it has ended. Without a
    // signal only the terminal can end it: it must not outlive berth and the lock that berth holds.
    detached: signal !== undefined,
    ...(env && { env }),
  }).spawn();
  const stop = () => end(child);
  signal?.addEventListener("abort", stop);
  // Its output may be open for longer, in a process that it has started.
  const ended = child.status.finally(() => signal?.removeEventListener("abort", stop));
  const [stdout, stderr, { success }] = await Promise.all([
    onProgress === undefined ? readText(child.stdout) : readLines(child.stdout, onProgress),
    readText(child.stderr, MAX_STDERR),
    ended,
  ]);
  if (success) return stdout;
  signal?.throwIfAborted();
  throw failure(stderr);
}

/**
 * Checks that there is skopeo, before a step that cannot be undone.
 *
 * @throws {SkopeoMissingError} if it is not in PATH.
 */
export function checkSkopeo(): void {
  if (findExecutable("skopeo").includes("/")) return;
  throw new SkopeoMissingError(
    "skopeo is not in PATH, which pulls, unpacks and removes images: install the package skopeo",
  );
}

/**
 * Returns the command that runs a program so that it is killed when berth dies (PR_SET_PDEATHSIG): it
 * must not go on without the lock that berth held. Where setpriv(1) of util-linux is not there, or is
 * one that cannot do it (before 2.33, or busybox's), the program is run as it is.
 */
async function dyingWithBerth(program: string): Promise<[string, ...string[]]> {
  const setpriv = findExecutable("setpriv");
  if (!setpriv.includes("/")) return [program];
  const args = ["--pdeathsig", "KILL"];
  const probe = new Deno.Command(setpriv, {
    args: [...args, "true"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  const { success } = await probe.output();
  return success ? [setpriv, ...args, program] : [program];
}

/** Asks a process to end. */
function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGTERM");
  } catch (error) {
    // It has ended by itself, which `status` has yet to say: Deno's TypeError, or ESRCH of kill(2).
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Reads a stream to its end, and returns at most its `last` characters. */
async function readText(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  last = Infinity,
): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.length > last) text = text.slice(-last);
  }
  return text;
}

/** Reads a stream to its end, line by line. */
async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<string> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  }
  return "";
}

/** How skopeo says that a registry or a place on this machine has no such image. */
const NOT_FOUND = [
  /manifest unknown|name unknown|no descriptor found for reference/,
  /^(initializing source|reading manifest)[^]*(no such file or directory|status code 404|not found)/,
];

/** Advice in place of some of skopeo's messages, by their pattern and its groups. */
const ADVICE: readonly (readonly [RegExp, (...groups: (string | undefined)[]) => string])[] = [
  [
    /no image found in .* for architecture "?(\w+)"?,(?:.*variant "?(\w+)"?)?.* OS "?(\w+)"?/,
    (architecture = "", variant, os = "") =>
      `none of its images is for ${os}/${architecture}${variantText(architecture, variant)}; ` +
      "skopeo inspect --raw lists them",
  ],
  [
    /docker:\/\/\[.*invalid reference format/,
    () => "this skopeo knows no IPv6 address of a registry: use a name, or an IPv4 address",
  ],
  [
    /more than one image in oci, choose an image/,
    () => "it holds several images: say which one, as oci:DIR:TAG or oci-archive:FILE:TAG",
  ],
  [
    /tar manifest.json: expected 1 item, got \d+/,
    () =>
      "it holds several images: say which one, as docker-archive:FILE:NAME, or berth load them all",
  ],
];

/** Returns the variant behind an architecture; none for arm64, whose images are all for v8. */
function variantText(architecture: string, variant: string | undefined): string {
  return variant === undefined || architecture === "arm64" ? "" : `/${variant}`;
}

/** Advice after some of skopeo's messages. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /server gave HTTP response to HTTPS client/,
    "a registry without TLS takes --tls-verify=false",
  ],
  [
    /x509: /,
    "the certificate of its CA belongs in /etc/containers/certs.d/HOST:PORT/ca.crt, or " +
    "--tls-verify=false takes any",
  ],
  [
    /authentication required|unauthorized|invalid username\/password/,
    "check the name; credentials are given by --creds, --authfile or skopeo login",
  ],
];

/** Returns the message of skopeo's last line, which is logfmt: `time="…" level=fatal msg="…"`. */
export function failure(stderr: string): ImageError {
  const lines = stderr.trim().split("\n");
  const line = lines.findLast((text) => text.includes("level=fatal")) ?? lines.at(-1) ?? "";
  const quoted = line.match(/msg=("(?:[^"\\]|\\.)*")/)?.[1];
  const message = quoted === undefined ? line.replace(/^.*msg=/, "") : unquote(quoted);
  for (const [pattern, advise] of ADVICE) {
    const groups = message.match(pattern);
    if (groups === null) continue;
    return new ImageError(advise(...groups.slice(1)), { cause: new Error(message) });
  }
  if (NOT_FOUND.some((pattern) => pattern.test(message))) return new ImageNotFoundError(message);
  if (/no space left on device|disk quota exceeded/.test(message)) {
    return new DiskFullError(`the disk is full: ${message}`);
  }
  if (/image with ID \S+ already exists, but uses a different top layer/.test(message)) {
    return new ImageClashError(
      "an image of the same config that has other layers is here: remove that one first, or, if it " +
        "was refused, try again when no other pull is under way",
      { cause: new Error(message) },
    );
  }
  const hint = HINTS.find(([pattern]) => pattern.test(message))?.[1];
  return new ImageError(`${message || "skopeo failed"}${hint === undefined ? "" : `; ${hint}`}`);
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch (error) {
    // Go's quoting has escapes that JSON has not.
    if (error instanceof SyntaxError) return quoted.slice(1, -1).replaceAll('\\"', '"');
    throw error;
  }
}
