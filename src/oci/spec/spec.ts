// SPDX-License-Identifier: MIT
import { z } from "zod";

// Members are named and meant as in the OCI runtime spec (config.md, config-linux.md). Optional ones
// may be null, as Go programs write an absent list. Whatever berth does not rely on is left to the
// runtime: unknown members pass, and so do values that only the runtime can judge.

const uint32 = z.int().min(0).max(0xffff_ffff);
/** A bigint where a number does not keep its digits. */
const uint64 = z.union([z.number().min(0), z.bigint().min(0n)], "must be a number from 0");
const absolutePath = z.string().startsWith("/", "must be an absolute path");
const strings = z.array(z.string());
const capabilities = z.looseObject({
  bounding: strings.nullish(),
  effective: strings.nullish(),
  inheritable: strings.nullish(),
  permitted: strings.nullish(),
  ambient: strings.nullish(),
});
const user = z.looseObject({
  uid: uint32.nullish(),
  gid: uint32.nullish(),
  umask: uint32.nullish(),
  additionalGids: z.array(uint32).nullish(),
});
const rlimit = z.looseObject({
  type: z.string(),
  hard: uint64,
  soft: uint64,
});
const args = strings.min(1, "must name the command to run");

const processMembers = {
  terminal: z.boolean().nullish(),
  env: strings.nullish(),
  user: user.nullish(),
  capabilities: capabilities.nullish(),
  rlimits: z.array(rlimit).nullish(),
  noNewPrivileges: z.boolean().nullish(),
  apparmorProfile: z.string().nullish(),
  selinuxLabel: z.string().nullish(),
  oomScoreAdj: z.int().min(-1000).max(1000).nullish(),
};

/** The OCI process of an exec; what it leaves out comes from the container's spec. */
const execProcess = z.looseObject({ args, cwd: absolutePath.nullish(), ...processMembers });

const process = z.looseObject({ args, cwd: absolutePath, ...processMembers });

const mount = z.looseObject({
  destination: z.string().min(1),
  type: z.string().nullish(),
  source: z.string().nullish(),
  options: strings.nullish(),
});

const linux = z.looseObject({
  cgroupsPath: z.string().nullish(),
  namespaces: z.array(z.looseObject({ type: z.string(), path: z.string().nullish() })).nullish(),
  resources: z.looseObject({}).nullish(),
  maskedPaths: strings.nullish(),
  readonlyPaths: strings.nullish(),
});

const root = z.looseObject({ path: z.string().min(1), readonly: z.boolean().nullish() });

const members = {
  ociVersion: z.string().regex(/^\d+\.\d+\.\d+/, "must be a version such as 1.0.2"),
  process,
  mounts: z.array(mount).nullish(),
  hostname: z.string().nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
  linux: linux.nullish(),
};

const spec = z.looseObject({ ...members, root });
const specOverMounts = z.looseObject({ ...members, root: root.partial().nullish() });

/** An OCI runtime spec, as far as berth relies on it. */
export type OciSpec = z.output<typeof spec>;

/** One place where a spec does not fit; the same as a `ParamIssue` of the wire. */
export interface SpecIssue {
  /** Dotted path of the value within the spec, such as `process.args`; empty for the spec itself. */
  readonly path: string;
  /** What was wrong with it. */
  readonly message: string;
}

/** Options of {@linkcode validateSpec}. */
export interface ValidateOptions {
  /** The rootfs is made of mounts that were given beside the spec, so that `root` may be left out. */
  readonly rootfsMounted?: boolean;
}

/** Checks an OCI runtime spec. Answers every place that does not fit; none if it is fine. */
export function validateSpec(value: unknown, options: ValidateOptions = {}): SpecIssue[] {
  return issuesOf(options.rootfsMounted ? specOverMounts : spec, value);
}

/** Checks the OCI process of an exec, which may leave out all but its args. */
export function validateExecProcess(value: unknown): SpecIssue[] {
  return issuesOf(execProcess, value);
}

function issuesOf(schema: z.ZodType, value: unknown): SpecIssue[] {
  const parsed = schema.safeParse(value);
  if (parsed.success) return nulIssues(value);
  return parsed.error.issues.map(({ path, message }) => ({
    path: path.map(String).join("."),
    message,
  }));
}

/** Strings with a NUL, at any depth: the runtime passes on what is before it, or fails much later. */
function nulIssues(value: unknown): SpecIssue[] {
  const issues: SpecIssue[] = [];
  // No recursion: the depth is up to who sent it.
  const rest: [path: string, value: unknown][] = [["", value]];
  for (let next; (next = rest.pop()) !== undefined;) {
    const [path, inner] = next;
    if (typeof inner === "string") {
      if (inner.includes("\0")) issues.push({ path, message: "must not contain NUL" });
    } else if (typeof inner === "object" && inner !== null) {
      for (const [key, member] of Object.entries(inner)) {
        rest.push([path === "" ? key : `${path}.${key}`, member]);
      }
    }
  }
  return issues;
}
