// SPDX-License-Identifier: MIT
// Checks the members of a seccomp profile.
import { isRecord } from "../../rpc/is_record.ts";

/** Words that a runtime knows, and their description for a message. */
interface Vocabulary {
  readonly words: RegExp;
  readonly what: string;
}

// runtime-spec, config-linux.md, "Seccomp".
const ACTION = {
  words: /^SCMP_ACT_(ALLOW|ERRNO|KILL|KILL_PROCESS|KILL_THREAD|LOG|NOTIFY|TRACE|TRAP)$/,
  what: "an action such as SCMP_ACT_ERRNO",
};
const OPERATOR = {
  words: /^SCMP_CMP_(NE|LT|LE|EQ|GE|GT|MASKED_EQ)$/,
  what: "an operator such as SCMP_CMP_EQ",
};
const ARCHITECTURE = {
  words:
    /^SCMP_ARCH_(X86|X86_64|X32|ARM|AARCH64|LOONGARCH64|M68K|MIPS(EL)?(64|64N32)?|PARISC|PARISC64|PPC|PPC64|PPC64LE|RISCV64|S390|S390X|SH|SHEB)$/,
  what: "an architecture such as SCMP_ARCH_X86_64",
};
const FLAG = {
  words: /^SECCOMP_FILTER_FLAG_(TSYNC|LOG|SPEC_ALLOW|WAIT_KILLABLE_RECV)$/,
  what: "a flag such as SECCOMP_FILTER_FLAG_LOG",
};

/** The largest error number that a filter can return (SECCOMP_RET_DATA, seccomp(2)). */
const MOST_ERRNO = 0xffff;
/** The last argument of a system call (struct seccomp_data, seccomp(2)). */
const LAST_ARG = 5;

/** Returns what is wrong with a profile beside its rules, naming the member; undefined if it is right. */
export function wrongBesideRules(profile: Readonly<Record<string, unknown>>): string | undefined {
  const { defaultAction, defaultErrnoRet, architectures, archMap, flags } = profile;
  const { listenerPath, listenerMetadata } = profile;
  return wrongWord("defaultAction", defaultAction, ACTION) ??
    wrongNumber("defaultErrnoRet", defaultErrnoRet, MOST_ERRNO) ??
    wrongWords("architectures", architectures, ARCHITECTURE) ??
    wrongItem("archMap", archMap, wrongArchitectures) ??
    wrongWords("flags", flags, FLAG) ??
    // The runtime's working directory is nobody's business.
    wrongText("listenerPath", listenerPath, /^(?:\/|$)/, "an absolute path") ??
    wrongText("listenerMetadata", listenerMetadata, /^/, "a string");
}

/**
 * Returns what is wrong with a rule, naming the member; undefined if it is right. `listenerPath` is the
 * profile's.
 */
export function wrongInRule(rule: unknown, listenerPath: unknown): string | undefined {
  if (!isRecord(rule)) return "a rule is an object";
  const { action, args, errnoRet, includes, excludes } = rule;
  const names: unknown = rule.names ?? (rule.name === undefined ? undefined : [rule.name]);
  if (!isStrings(names)) return "names must be an array of strings";
  // A rule that is for some hosts or containers alone may not come to be used.
  const isForAll = isAbsent(includes) && isAbsent(excludes);
  if (action === "SCMP_ACT_NOTIFY" && isForAll && !listenerPath) {
    return "action SCMP_ACT_NOTIFY needs listenerPath beside the rules: the socket to ask";
  }
  return wrongWord("action", action, ACTION) ??
    wrongNumber("errnoRet", errnoRet, MOST_ERRNO) ??
    wrongItem("args", args, wrongArg) ??
    wrongCondition("includes", includes) ??
    wrongCondition("excludes", excludes);
}

function wrongArg(name: string, arg: unknown): string | undefined {
  if (!isRecord(arg) || isAbsent(arg.index) || isAbsent(arg.value)) {
    return `${name} must have index, value and op`;
  }
  // A number that is not safe would go to the runtime as another.
  return wrongNumber(`${name}.index`, arg.index, LAST_ARG) ??
    wrongNumber(`${name}.value`, arg.value, Number.MAX_SAFE_INTEGER) ??
    wrongNumber(`${name}.valueTwo`, arg.valueTwo, Number.MAX_SAFE_INTEGER) ??
    wrongWord(`${name}.op`, arg.op, OPERATOR);
}

function wrongArchitectures(name: string, entry: unknown): string | undefined {
  if (!isRecord(entry)) return `${name} must have architecture and subArchitectures`;
  return wrongWord(`${name}.architecture`, entry.architecture, ARCHITECTURE) ??
    wrongWords(`${name}.subArchitectures`, entry.subArchitectures, ARCHITECTURE);
}

function wrongCondition(name: string, condition: unknown): string | undefined {
  if (isAbsent(condition)) return undefined;
  const isRight = isRecord(condition) &&
    [condition.caps, condition.arches].every((list) => list === undefined || isStrings(list)) &&
    (condition.minKernel === undefined || typeof condition.minKernel === "string");
  return isRight ? undefined : `${name} may have caps, arches and minKernel`;
}

function wrongWord(name: string, value: unknown, { words, what }: Vocabulary): string | undefined {
  if (typeof value !== "string") return `${name} must be ${what}`;
  return words.test(value) ? undefined : `${name} must be ${what}, not ${JSON.stringify(value)}`;
}

function wrongWords(name: string, list: unknown, known: Vocabulary): string | undefined {
  return wrongItem(name, list, (item, value) => wrongWord(item, value, known));
}

function wrongText(name: string, value: unknown, right: RegExp, what: string): string | undefined {
  const isRight = isAbsent(value) || typeof value === "string" && right.test(value);
  return isRight ? undefined : `${name} must be ${what}`;
}

function wrongNumber(name: string, value: unknown, most: number): string | undefined {
  const isRight = isAbsent(value) ||
    typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
  return isRight ? undefined : `${name} must be a whole number from 0 to ${most}`;
}

/** Returns what `wrong` finds in the first item that is not right; no list is right, too. */
function wrongItem(
  name: string,
  list: unknown,
  wrong: (name: string, item: unknown) => string | undefined,
): string | undefined {
  if (isAbsent(list)) return undefined;
  if (!Array.isArray(list)) return `${name} must be an array`;
  for (const [index, item] of list.entries()) {
    const found = wrong(`${name}[${index}]`, item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Returns whether a member is not there: Go writes an absent list as null. */
function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
