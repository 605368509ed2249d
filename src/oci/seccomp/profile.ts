// SPDX-License-Identifier: MIT
import { isKernelAtLeast } from "../../linux/kernel_release.ts";

/** A condition on an argument of a system call (runtime-spec, config-linux.md, "Seccomp"). */
export interface SeccompArg {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

/** One rule of the OCI spec: what happens to these system calls. */
export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArg[];
}

/** `linux.seccomp` of the OCI spec. */
export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly flags?: readonly string[];
  /** The socket at which the calls of `SCMP_ACT_NOTIFY` are answered. */
  readonly listenerPath?: string;
  /** What the runtime tells there of the container. */
  readonly listenerMetadata?: string;
  readonly syscalls: readonly SeccompRule[];
}

/** When a rule of docker's format counts: all that is given has to be so. */
export interface SeccompCondition {
  /** Capabilities in the container's bounding set, each of them. */
  readonly caps?: readonly string[];
  /** Architectures as Go calls them, `amd64`, one of them. */
  readonly arches?: readonly string[];
  /** The oldest kernel, `4.8`. */
  readonly minKernel?: string;
}

/** A rule of docker's format: one of the OCI spec, and when it counts. */
export interface ConditionalRule extends Omit<SeccompRule, "names" | "args"> {
  readonly names?: readonly string[];
  /** One name, in old profiles. */
  readonly name?: string;
  readonly args?: readonly SeccompArg[] | null;
  readonly includes?: SeccompCondition | null;
  readonly excludes?: SeccompCondition | null;
}

/** A seccomp profile in docker's format, of which that of the OCI spec is a part. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures: readonly string[] | null;
  }[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls: readonly ConditionalRule[];
}

/** The container and the machine that a profile is converted for. */
export interface SeccompTarget {
  /** The container's bounding set. */
  readonly capabilities: readonly string[];
  /** The machine's architecture, as `Deno.build.arch` names it. */
  readonly arch: "x86_64" | "aarch64";
  /** The kernel's release, as uname(2) names it: `6.12.3-1-amd64`. */
  readonly kernel: string;
  /**
   * Whether programs of the architectures that the machine can run too (32 bits, x32) get a filter of
   * their own: it makes each create some 9 ms longer. Without one such a program is killed.
   */
  readonly subArchitectures: boolean;
}

/** The names that the formats have for the architectures that Deno knows. */
const ARCHES = {
  x86_64: { go: "amd64", seccomp: "SCMP_ARCH_X86_64" },
  aarch64: { go: "arm64", seccomp: "SCMP_ARCH_AARCH64" },
} as const;

/**
 * Converts a profile for a container, as docker does: rules whose conditions do not hold go. Those
 * that allow or refuse system calls whatever the arguments become one, which the runtime reads faster.
 */
export function convertProfile(profile: SeccompProfile, target: SeccompTarget): OciSeccomp {
  const { go, seccomp } = ARCHES[target.arch];
  const { listenerPath, listenerMetadata } = profile;
  const holds = (rule: ConditionalRule) =>
    isMet(rule.includes ?? {}, target, go) && !isExcluded(rule.excludes ?? {}, target, go);
  const mapped = profile.archMap?.find(({ architecture }) => architecture === seccomp);
  const subs = target.subArchitectures ? mapped?.subArchitectures ?? [] : [];
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: profile.architectures ?? [seccomp, ...subs],
    ...(profile.flags !== undefined && { flags: profile.flags }),
    ...(listenerPath && { listenerPath }),
    ...(listenerMetadata && { listenerMetadata }),
    syscalls: fold(profile.syscalls.filter(holds), target.subArchitectures ? NONE : ONLY_32_BITS),
  };
}

function isMet(condition: SeccompCondition, target: SeccompTarget, arch: string): boolean {
  const { caps = [], arches = [], minKernel } = condition;
  return caps.every((cap) => target.capabilities.includes(cap)) &&
    (arches.length === 0 || arches.includes(arch)) &&
    (minKernel === undefined || isKernelAtLeast(target.kernel, minKernel));
}

/** Returns whether one of the conditions is met, which is enough. */
function isExcluded(condition: SeccompCondition, target: SeccompTarget, arch: string): boolean {
  const { caps = [], arches = [], minKernel } = condition;
  return caps.some((cap) => target.capabilities.includes(cap)) || arches.includes(arch) ||
    (minKernel !== undefined && isKernelAtLeast(target.kernel, minKernel));
}

/**
 * System calls that only programs of 32 bits have (arch/x86/entry/syscalls/syscall_32.tbl, and
 * arch/arm/tools/syscall.tbl): without a filter for those, each would only make the create longer.
 */
const ONLY_32_BITS =
  /^(.*(uid|gid|groups|own)32|.*_time64|(clock|timer|timerfd)_.*time64|clock_adjtime64|_llseek|_newselect|(fcntl|l?stat|fstat|fstatat|f?statfs|f?truncate|sendfile)64|fadvise64_64|futex_time64|ipc|mmap2|recv|send|sigprocmask|sigreturn|socketcall|stime|ugetrlimit|umount|waitpid)$/;
const NONE = /^$/;

function fold(rules: readonly ConditionalRule[], useless: RegExp): SeccompRule[] {
  const folded = new Map<string, Set<string>>();
  const others: SeccompRule[] = [];
  for (const { name, names = name === undefined ? [] : [name], action, errnoRet, args } of rules) {
    const rest = { action, ...(errnoRet !== undefined && { errnoRet }) };
    if (args && args.length > 0) {
      others.push({ names, ...rest, args });
      continue;
    }
    const key = JSON.stringify(rest);
    const all = folded.get(key) ?? new Set();
    for (const each of names) if (!useless.test(each)) all.add(each);
    folded.set(key, all);
  }
  const simple = Array.from(folded, ([key, names]) => ({ names: [...names], ...JSON.parse(key) }));
  return [...simple, ...others];
}
