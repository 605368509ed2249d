// SPDX-License-Identifier: MIT
import { isStaticExecutable } from "./build/elf.ts";

/** The commands that a script may need from the system, by the Debian package that has them. */
const PACKAGES = {
  "runc": { command: "runc", static: false },
  "busybox-static": { command: "busybox", static: true },
  "crun": { command: "crun", static: false },
  "criu": { command: "criu", static: false },
  "socat": { command: "socat", static: false },
  "python3": { command: "python3", static: false },
  "systemd": { command: "systemd-analyze", static: false },
  "containerd": { command: "containerd", static: false },
  "skopeo": { command: "skopeo", static: false },
  "docker-registry": { command: "docker-registry", static: false },
  "apache2-utils": { command: "htpasswd", static: false },
  "openssl": { command: "openssl", static: false },
  "debootstrap": { command: "debootstrap", static: false },
  "qemu-system-x86": { command: "qemu-system-x86_64", static: false },
  "gcc": { command: "gcc", static: false },
  "make": { command: "make", static: false },
  "flex": { command: "flex", static: false },
  "bison": { command: "bison", static: false },
  "bc": { command: "bc", static: false },
  "xz-utils": { command: "xz", static: false },
  "e2fsprogs": { command: "mkfs.ext4", static: false },
  "iproute2": { command: "ip", static: false },
  "iptables": { command: "iptables", static: false },
  // From the folders of programs to that of the plugins, which are no commands.
  "containernetworking-plugins": { command: "../lib/cni/portmap", static: false },
  "catatonit": { command: "catatonit", static: false },
  "fish": { command: "fish", static: false },
  "zsh": { command: "zsh", static: false },
  "openssh-client": { command: "ssh", static: false },
} as const;

/** A package that {@linkcode ensurePackages} knows, by its Debian name. */
export type PackageName = keyof typeof PACKAGES;

/** The machine, as {@linkcode ensurePackages} sees it; a test puts its own in place. */
export interface System {
  /** Path of a command, undefined where there is none. */
  find(command: string): string | undefined;
  /** Whether that file is an executable that needs no shared library. */
  isStatic(path: string): boolean;
  /** Whether packages may be installed: user 0. */
  isRoot(): boolean;
  /** Runs a command with its output shown; returns its exit code. */
  run(argv: readonly string[]): Promise<number>;
  /** Prints what is being done. */
  say(line: string): void;
}

/**
 * Makes sure that the commands of these packages are there. What is missing is installed with
 * `apt-get` when that exists and the user is root, saying so first; otherwise, or when that fails,
 * throws an `Error` that names the packages.
 */
export async function ensurePackages(
  names: readonly PackageName[],
  system: System = thisSystem(),
): Promise<void> {
  const missing = names.filter((name) => !isPresent(name, system));
  if (missing.length === 0) return;
  const list = missing.join(" ");
  if (!system.isRoot() || system.find("apt-get") === undefined) {
    throw new Error(
      `needed here and not found: ${list}. Install them as root, on Debian with: ` +
        `apt-get update && apt-get install -y ${list}`,
    );
  }
  system.say(`Not found on this machine: ${list}. Installing with apt-get.`);
  const commands = [
    ["apt-get", "-q", "update"],
    ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", "install", "-y", ...missing],
  ];
  for (const argv of commands) {
    const code = await system.run(argv);
    if (code !== 0) {
      throw new Error(`could not install ${list}: ${argv.join(" ")} ended with ${code}`);
    }
  }
  const still = missing.filter((name) => !isPresent(name, system));
  if (still.length > 0) {
    throw new Error(`apt-get installed ${list}, yet not found after it: ${still.join(" ")}`);
  }
}

/** Path of a command in PATH or in the system's own folders; undefined where there is none. */
export function findCommand(command: string): string | undefined {
  // A user's PATH often lacks the sbin folders, where Debian puts runc.
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin", "/usr/bin"];
  for (const folder of folders) {
    if (!folder.startsWith("/")) continue;
    const path = `${folder}/${command}`;
    try {
      const info = Deno.statSync(path);
      if (info.isFile && ((info.mode ?? 0) & 0o111) !== 0) return path;
    } catch {
      // Not there, or not ours to look at: the next folder may have it.
    }
  }
  return undefined;
}

function isPresent(name: PackageName, system: System): boolean {
  const needed = PACKAGES[name];
  const path = system.find(needed.command);
  return path !== undefined && (!needed.static || system.isStatic(path));
}

function thisSystem(): System {
  return {
    find: findCommand,
    isStatic: isStaticExecutable,
    isRoot: () => Deno.uid() === 0,
    say: (line) => console.error(line),
    run: async ([command, ...args]) => {
      if (command === undefined) throw new RangeError("no command");
      const { code } = await new Deno.Command(command, {
        args,
        env: { DEBIAN_FRONTEND: "noninteractive" },
        stdin: "null",
        stdout: "inherit",
        stderr: "inherit",
      }).output();
      return code;
    },
  };
}

if (import.meta.main) {
  const names = Object.keys(PACKAGES).filter((name): name is PackageName => name in PACKAGES);
  const asked = Deno.args.length > 0 ? Deno.args : ["runc", "busybox-static"];
  const unknown = asked.filter((name) => !(name in PACKAGES));
  if (unknown.length > 0) throw new RangeError(`unknown: ${unknown.join(" ")}`);
  await ensurePackages(names.filter((name) => asked.includes(name)));
}
