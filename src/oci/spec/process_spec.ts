// SPDX-License-Identifier: MIT
// Merges the OCI process of an exec into that of its container.

/** An OCI process (runtime-spec, config.md, "Process"), whole or in part. */
export type OciProcessPart = Readonly<Record<string, unknown>>;

/** Members that an exec takes from the container's own process where the caller leaves them out. */
const INHERITED = [
  "cwd",
  "user",
  "capabilities",
  "noNewPrivileges",
  "apparmorProfile",
  "selinuxLabel",
  "rlimits",
  // Else it would be the shim's own, which is set to outlive its container.
  "oomScoreAdj",
] as const;

/**
 * Returns the OCI process of an exec: what `part` gives, the rest from the container's own process.
 * The environment is the container's with the caller's added as {@linkcode mergeEnv} does; with a
 * terminal TERM is xterm unless one of them says otherwise. What belongs to init alone (its args, its
 * terminal, its console size) is not inherited.
 */
export function mergeProcess(
  containerProcess: OciProcessPart,
  part: OciProcessPart,
  { terminal = false }: { readonly terminal?: boolean } = {},
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...part };
  for (const name of INHERITED) {
    merged[name] ??= containerProcess[name];
    if (merged[name] === undefined) delete merged[name];
  }
  // Both are required by the OCI spec.
  merged["cwd"] ??= "/";
  merged["user"] ??= { uid: 0, gid: 0 };
  const base = [...terminal ? ["TERM=xterm"] : [], ...stringsOf(containerProcess["env"])];
  const env = mergeEnv(base, stringsOf(part["env"]));
  if (env.length > 0) merged["env"] = env;
  else delete merged["env"];
  return merged;
}

/**
 * Returns `base` with each `NAME=value` of `added` in the place of the one of its name, or at the
 * end. A `NAME` alone in `added` takes the one of `base` away, as docker has it.
 */
export function mergeEnv(base: readonly string[], added: readonly string[]): string[] {
  const byName = new Map<string, string>();
  const set = (entry: string) => byName.set(entry.split("=", 1).join(), entry);
  base.forEach(set);
  for (const entry of added) if (!entry.includes("=")) byName.delete(entry);
  added.filter((entry) => entry.includes("=")).forEach(set);
  return [...byName.values()];
}

function stringsOf(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((entry: unknown): entry is string => typeof entry === "string");
}
