// SPDX-License-Identifier: MIT
// Checks OCI specs.
import * as z from "zod";
import { isRecord } from "../../rpc/is_record.ts";

// Members are named and meant as in the OCI runtime spec (config.md, config-linux.md). Optional ones
// may be null, as Go programs write an absent list. Whatever berth does not rely on is left to the
// runtime: unknown members pass, and so do values that only the runtime can judge.

/** Elements of one list that are reported: zod takes some 15 µs for each, and a list can be long. */
const MOST_BAD = 20;
/** Strings with a NUL that are reported. */
const MOST_NUL = 50;

/**
 * Returns the schema of an array of `item`. Checking stops after a few elements that do not fit.
 */
function list<T extends z.ZodType>(item: T) {
  return bounded<z.output<T>>((value) => item.safeParse(value).error?.issues ?? []);
}

const NO_STRING = [{ path: [], message: "must be a string" }];

/**
 * Returns the schema of an array of strings. There can be very many: each costs hardly anything.
 */
function strings() {
  return bounded<string>((value) => typeof value === "string" ? [] : NO_STRING);
}

function bounded<T>(
  check: (value: unknown) => readonly { path: PropertyKey[]; message: string }[],
) {
  return z.custom<T[]>(Array.isArray, "must be an array").superRefine((values, context) => {
    if (!Array.isArray(values)) return;
    let bad = 0;
    for (let index = 0; index < values.length && bad < MOST_BAD; index++) {
      const issues = check(values[index]);
      if (issues.length > 0) bad++;
      for (const { path, message } of issues) {
        context.addIssue({ code: "custom", path: [index, ...path], message });
      }
    }
  });
}

const uint32 = z.int().min(0).max(0xffff_ffff);
/** A bigint where a number does not keep its digits. */
const uint64 = z.union([z.number().min(0), z.bigint().min(0n)], "must be a number from 0");
const absolutePath = z.string().startsWith("/", "must be an absolute path");
const capabilities = z.looseObject({
  bounding: strings().nullish(),
  effective: strings().nullish(),
  inheritable: strings().nullish(),
  permitted: strings().nullish(),
  ambient: strings().nullish(),
});
const user = z.looseObject({
  uid: uint32.nullish(),
  gid: uint32.nullish(),
  umask: uint32.nullish(),
  additionalGids: list(uint32).nullish(),
});
const rlimit = z.looseObject({
  type: z.string(),
  hard: uint64,
  soft: uint64,
});
const args = strings().refine(
  (values) => !Array.isArray(values) || values.length > 0,
  "must name the command to run",
);

const processMembers = {
  terminal: z.boolean().nullish(),
  env: strings().nullish(),
  user: user.nullish(),
  capabilities: capabilities.nullish(),
  rlimits: list(rlimit).nullish(),
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
  options: strings().nullish(),
});

const linux = z.looseObject({
  cgroupsPath: z.string().nullish(),
  namespaces: list(z.looseObject({ type: z.string(), path: z.string().nullish() })).nullish(),
  resources: z.looseObject({}).nullish(),
  maskedPaths: strings().nullish(),
  readonlyPaths: strings().nullish(),
});

const root = z.looseObject({ path: z.string().min(1), readonly: z.boolean().nullish() });

const annotations = z.custom<Record<string, string>>(
  isRecord,
  "must be an object",
).superRefine((values, context) => {
  const bad = Object.keys(Object(values)).filter((name) => typeof values[name] !== "string");
  for (const name of bad.slice(0, MOST_BAD)) {
    context.addIssue({ code: "custom", path: [name], message: "must be a string" });
  }
});

const members = {
  ociVersion: z.string().regex(/^\d+\.\d+\.\d+/, "must be a version such as 1.0.2"),
  process,
  mounts: list(mount).nullish(),
  hostname: z.string().nullish(),
  annotations: annotations.nullish(),
  linux: linux.nullish(),
};

const spec = z.looseObject({ ...members, root });
const specOverMounts = z.looseObject({ ...members, root: root.partial().nullish() });

/** An OCI runtime spec, as far as berth relies on it. */
export type CheckedOciSpec = z.output<typeof spec>;

/** One place where a spec does not fit; the same as a `ParamIssue` of the wire. */
export interface SpecIssue {
  /** Dotted path of the value within the spec, such as `process.args`; empty for the spec itself. */
  readonly path: string;
  /** The reason why the value is not accepted. */
  readonly message: string;
}

/** Circumstances in which a spec may leave something out. */
export interface ValidateOptions {
  /** The rootfs is made of mounts that were given beside the spec, so that `root` may be left out. */
  readonly rootfsMounted?: boolean;
}

/** Checks an OCI runtime spec. Returns every value that does not fit; none if the spec is valid. */
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

/**
 * Finds strings with a NUL, at any depth, which the runtime would cut there, or refuse much later.
 */
function nulIssues(value: unknown): SpecIssue[] {
  const issues: SpecIssue[] = [];
  // No recursion: the depth is up to the sender.
  const rest: [path: string, value: object][] = [];
  const visit = (path: string, key: string | number, member: unknown) => {
    const isNul = typeof member === "string" && member.includes("\0");
    if (!isNul && (typeof member !== "object" || member === null)) return;
    const below = path === "" ? `${key}` : `${path}.${key}`;
    if (isNul) issues.push({ path: below, message: "must not contain NUL" });
    else if (typeof member === "object" && member !== null) rest.push([below, member]);
  };
  visit("", "", value);
  for (let next; issues.length < MOST_NUL && (next = rest.pop()) !== undefined;) {
    const [path, inner] = next;
    if (Array.isArray(inner)) {
      for (let index = 0; index < inner.length && issues.length < MOST_NUL; index++) {
        visit(path, index, inner[index]);
      }
    } else for (const [key, member] of Object.entries(inner)) visit(path, key, member);
  }
  return issues;
}
