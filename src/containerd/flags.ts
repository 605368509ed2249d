// SPDX-License-Identifier: MIT
// Parses the command line of a shim of containerd.

/** The command line that containerd gives to a shim. */
export interface ShimFlags {
  /** The first argument that is no flag: `start`, `delete`, or `serve`, which `start` runs. */
  readonly action: string;
  readonly namespace: string;
  /** containerd's gRPC socket. */
  readonly address: string;
  /** containerd's own program, which can publish an event. */
  readonly publishBinary: string;
  /** The container. */
  readonly id: string;
  /** Its bundle; the working directory where left out. */
  readonly bundle: string;
  readonly debug: boolean;
  readonly info: boolean;
  readonly version: boolean;
}

const VALUES = ["namespace", "address", "publish-binary", "id", "bundle"] as const;
const SWITCHES = ["debug", "info", "version"] as const;
const ACTIONS: readonly string[] = ["start", "delete", "serve"];

/**
 * Parses arguments as Go's flag package does: `-flag value`, `--flag value`, `-flag=value`; the first
 * that is no flag is the action. Flags of a containerd to come are passed over.
 */
export function parseFlags(args: readonly string[]): ShimFlags {
  const values = new Map<string, string>();
  const queue = [...args];
  let action = "";
  while (queue.length > 0) {
    const arg = queue.shift() ?? "";
    const [, given, value] = /^--?([^=]+)(?:=([^]*))?$/.exec(arg) ?? [];
    if (given === undefined) {
      action = arg;
      break;
    }
    const name = given === "v" ? "version" : given;
    if (isOneOf(SWITCHES, name)) values.set(name, value ?? "true");
    else if (value !== undefined) values.set(name, value);
    else if (isOneOf(VALUES, name)) values.set(name, queue.shift() ?? "");
    // An unknown flag may take a value: the next word is one unless it looks like no value.
    else if (queue[0] !== undefined && !/^-/.test(queue[0]) && !ACTIONS.includes(queue[0])) {
      queue.shift();
    }
  }
  const text = (name: typeof VALUES[number]) => values.get(name) ?? "";
  const is = (name: typeof SWITCHES[number]) => /^(1|t|true)$/i.test(values.get(name) ?? "");
  return {
    action,
    namespace: text("namespace"),
    address: text("address"),
    publishBinary: text("publish-binary"),
    id: text("id"),
    bundle: text("bundle"),
    debug: is("debug"),
    info: is("info"),
    version: is("version"),
  };
}

/**
 * Checks that a call names containerd's namespace, without which no container is found.
 *
 * @throws {Error} if it does not.
 */
export function requireNamespace({ namespace }: Pick<ShimFlags, "namespace">): void {
  if (namespace === "") throw new Error("a shim of containerd: -namespace is missing");
}

function isOneOf(names: readonly string[], name: string): boolean {
  return names.includes(name);
}
