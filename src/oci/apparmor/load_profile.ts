// SPDX-License-Identifier: MIT
// Loads the AppArmor profile of containers into the kernel.
import { tryStat } from "../../linux/fs/try_stat.ts";
import { messageOf } from "../../error_text.ts";
import { APPARMOR_PROFILE, DEFAULT_PROFILE_NAME } from "./default_profile.ts";

/** How {@linkcode loadDefaultProfile} finds AppArmor. */
export interface LoadProfileOptions {
  /** The file that says whether the kernel has AppArmor on, by `Y`. */
  readonly enabledFile?: string;
  /** The program that compiles a profile and hands it to the kernel: a name in PATH, or a path. */
  readonly parser?: string;
  /** Told why the profile could not be loaded, though AppArmor is on. */
  readonly warn: (message: string) => void;
}

/**
 * Loads berth's AppArmor profile into the kernel, in place of one of an earlier berth. Returns its
 * name; undefined where AppArmor is off, or the profile could not be loaded.
 */
export async function loadDefaultProfile(
  { enabledFile = ENABLED_FILE, parser = "apparmor_parser", warn }: LoadProfileOptions,
): Promise<string | undefined> {
  if (!isApparmorEnabled(enabledFile)) return undefined;
  try {
    // apparmor_parser(8): -K writes no cache, -r replaces, and without a file stdin is read.
    const child = new Deno.Command(parser, {
      args: ["-K", "-r"],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    // One that ends early says why.
    const written = writer.write(new TextEncoder().encode(APPARMOR_PROFILE)).then(() =>
      writer.close()
    ).catch(messageOf);
    const { success, code, stderr } = await child.output();
    await written;
    if (success) return DEFAULT_PROFILE_NAME;
    const said = new TextDecoder().decode(stderr).trim();
    warn(`apparmor_parser ended with ${code}${said === "" ? "" : `: ${said}`}`);
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    warn(missing ? `${parser} is missing: install the package apparmor` : messageOf(error));
  }
  return undefined;
}

const ENABLED_FILE = "/sys/module/apparmor/parameters/enabled";

/** Returns whether the kernel has AppArmor on. */
export function isApparmorEnabled(file = ENABLED_FILE): boolean {
  return tryStat(file) !== undefined && Deno.readTextFileSync(file).startsWith("Y");
}
