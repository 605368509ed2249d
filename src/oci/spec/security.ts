// SPDX-License-Identifier: MIT
import { InvalidParamsError } from "../../rpc/errors.ts";
import { isApparmorEnabled } from "../apparmor/load_profile.ts";
import { SECCOMP_PROFILE } from "../seccomp/default_profile.ts";
import { convertProfile, type OciSeccomp, type SeccompProfile } from "../seccomp/profile.ts";
import { parseSeccompProfile, readSeccompProfile } from "../seccomp/read_profile.ts";
import { type CapabilityChanges, changeCapabilities, knownCapabilities } from "./capabilities.ts";
import { MASKED_PATHS, READONLY_PATHS } from "./default_isolation.ts";

/** The profiles of a container that asks for no other; the daemon's config names them. */
export interface SecurityDefaults {
  /** `default`, `unconfined`, or the path of a profile. Default: `default`. */
  readonly seccomp?: string;
  /** An AppArmor profile that is loaded. Default: none. */
  readonly apparmor?: string | undefined;
}

/** Options that lift or add restrictions of a container, in docker's words. */
export interface SecurityOptions {
  /** Takes nearly every restriction away: `--privileged`. */
  readonly privileged?: boolean;
  readonly capabilities?: CapabilityChanges;
  /** Values of `--security-opt`, in order; the later wins. */
  readonly securityOpts?: readonly string[];
  /** The texts of seccomp profiles that have been read already, by their paths. */
  readonly profiles?: Readonly<Record<string, string>>;
  readonly defaults?: SecurityDefaults;
  /** Whether the kernel has AppArmor on. Default: it is asked. */
  readonly apparmorEnabled?: boolean;
}

/** The values of the OCI spec that {@linkcode SecurityOptions} lead to. */
export interface Security {
  readonly privileged: boolean;
  /** The bounding set, which root has too. */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
  readonly seccomp?: OciSeccomp;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
}

/** The values of `--security-opt` by their names; of several the last one counts. */
interface Parsed {
  noNewPrivileges?: boolean;
  apparmor?: string;
  seccomp?: string;
  systemPathsUnconfined?: boolean;
  labelDisabled?: boolean;
  label: Record<string, string>;
  mask: string[];
  unmask: string[];
}

/**
 * Works out the restrictions of a container. Without options: docker's capabilities, its seccomp
 * profile for the machine's own architecture, its masked paths, and noNewPrivileges.
 *
 * @throws {InvalidParamsError} naming the option that does not fit.
 */
export function resolveSecurity(options: SecurityOptions = {}): Security {
  const { privileged = false, profiles = {}, defaults = {} } = options;
  const parsed = parseSecurityOpts(options.securityOpts ?? []);
  const capabilities = privileged
    ? knownCapabilities()
    : changeCapabilities(options.capabilities ?? {});
  const open = privileged || parsed.systemPathsUnconfined === true ||
    parsed.unmask.includes(EVERYTHING);
  const shown = (path: string) => !open && !parsed.unmask.includes(path);
  const label = selinuxLabel(parsed);
  const seccomp = seccompOf(
    parsed.seccomp ?? (privileged ? UNCONFINED : defaults.seccomp),
    capabilities,
    profiles,
  );
  const apparmor = parsed.apparmor === undefined
    ? (privileged ? undefined : defaults.apparmor)
    : givenApparmor(parsed.apparmor, options.apparmorEnabled ?? isApparmorEnabled());
  return {
    privileged,
    capabilities,
    noNewPrivileges: parsed.noNewPrivileges ?? !privileged,
    ...(apparmor !== undefined && { apparmorProfile: apparmor }),
    ...(label !== undefined && { selinuxLabel: label }),
    ...(seccomp !== undefined && { seccomp }),
    maskedPaths: [...MASKED_PATHS.filter(shown), ...parsed.mask],
    readonlyPaths: READONLY_PATHS.filter(shown),
  };
}

/**
 * Returns the profile to set; none where the kernel has no AppArmor and none is wanted: the runtime would
 * fail to set it.
 *
 * @throws {InvalidParamsError} if a profile is wanted there.
 */
function givenApparmor(profile: string, isEnabled: boolean): string | undefined {
  if (isEnabled) return profile;
  if (profile === UNCONFINED) return undefined;
  const message = `security option "apparmor=${profile}": the kernel of this host has AppArmor off`;
  throw new InvalidParamsError(message, [{ path: "securityOpt", message }]);
}

/**
 * Returns the file of the seccomp profile that values of `--security-opt` name; undefined where they name
 * none.
 *
 * @throws {InvalidParamsError} naming the option that does not fit.
 */
export function seccompFileOf(securityOpts: readonly string[]): string | undefined {
  const { seccomp } = parseSecurityOpts(securityOpts);
  const isWord = seccomp === undefined || [UNCONFINED, NATIVE_DEFAULT, BUILTIN].includes(seccomp);
  return isWord ? undefined : seccomp;
}

const EVERYTHING = "ALL";

/** No profile at all, of seccomp or AppArmor. */
const UNCONFINED = "unconfined";

/** docker's seccomp profile for the machine's own architecture alone. */
const NATIVE_DEFAULT = "default";

/** docker's seccomp profile as it is. */
const BUILTIN = "builtin";

function parseSecurityOpts(opts: readonly string[]): Parsed {
  const parsed: Parsed = { label: {}, mask: [], unmask: [] };
  for (const text of opts) {
    const [, name = "", value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(text) ?? [];
    parseOpt(parsed, text, name, value);
  }
  return parsed;
}

function parseOpt(parsed: Parsed, text: string, name: string, value: string | undefined): void {
  const given = value !== undefined && value !== "";
  if (name === "no-new-privileges" && [undefined, "true", "false"].includes(value)) {
    parsed.noNewPrivileges = value !== "false";
  } else if (name === "apparmor" && given) {
    parsed.apparmor = value;
  } else if (name === "seccomp" && given) {
    parsed.seccomp = value;
  } else if (name === "systempaths" && value === "unconfined") {
    parsed.systemPathsUnconfined = true;
  } else if (name === "mask" && given) {
    parsed.mask.push(...paths(text, value));
  } else if (name === "unmask" && given) {
    parsed.unmask.push(...(value === EVERYTHING ? [value] : paths(text, value)));
  } else if (name === "label" && value === "disable") {
    parsed.labelDisabled = true;
  } else if (name === "label" && given) {
    const [, part = "", partValue = ""] = /^(user|role|type|level):(.+)$/.exec(value) ?? [];
    if (part === "") throw invalid(text);
    parsed.label[part] = partValue;
  } else {
    throw invalid(text);
  }
}

function paths(text: string, value: string): string[] {
  const list = value.split(":");
  if (!list.every((path) => path.startsWith("/"))) throw invalid(text);
  return list;
}

/** Returns the label that docker gives with SELinux on, with the parts that were asked for. */
function selinuxLabel({ label, labelDisabled }: Parsed): string | undefined {
  if (labelDisabled || Object.keys(label).length === 0) return undefined;
  const { user = "system_u", role = "system_r", type = "container_t", level = "s0" } = label;
  return `${user}:${role}:${type}:${level}`;
}

function seccompOf(
  choice = NATIVE_DEFAULT,
  capabilities: readonly string[],
  profiles: Readonly<Record<string, string>>,
): OciSeccomp | undefined {
  if (choice === UNCONFINED) return undefined;
  const isDefault = choice === NATIVE_DEFAULT;
  const isOwn = isDefault || choice === BUILTIN;
  return convertProfile(isOwn ? SECCOMP_PROFILE : profileAt(choice, profiles), {
    capabilities,
    arch: Deno.build.arch,
    kernel: Deno.osRelease(),
    // A profile that is named is read as docker reads it.
    subArchitectures: !isDefault,
  });
}

function profileAt(path: string, profiles: Readonly<Record<string, string>>): SeccompProfile {
  const text = Object.hasOwn(profiles, path) ? profiles[path] : undefined;
  return text === undefined ? readSeccompProfile(path) : parseSeccompProfile(path, text);
}

function invalid(text: string): InvalidParamsError {
  const message = `security option ${JSON.stringify(text)}: expected no-new-privileges[=false], ` +
    "seccomp=default|unconfined|builtin|FILE, apparmor=PROFILE|unconfined, systempaths=unconfined, " +
    "mask=/PATH, unmask=/PATH|ALL, label=disable, or label=user|role|type|level:VALUE";
  return new InvalidParamsError(message, [{ path: "securityOpt", message }]);
}
