// SPDX-License-Identifier: MIT
//
// The kernel of User-mode Linux: a program, which needs no KVM. Debian's own has no iptables that
// works, no cpusets and no pressure figures.
import { ROOT } from "../root.ts";
import { run } from "./command.ts";

/**
 * Debian's package with the source of the kernel. From 6.16 on system calls of User-mode Linux can be
 * trapped by seccomp, which takes a third of the time that ptrace takes.
 */
export const UML_SOURCE = "linux-source-7.2";

/** Builds the kernel from its source's archive; `kernel.source` is where, until it is done. */
export async function buildUmlKernel(archive: string, kernel: string): Promise<void> {
  const source = `${kernel}.source`;
  await run(["rm", "-rf", source]);
  await Deno.mkdir(source);
  await run(["tar", "-xf", archive, "-C", source, "--strip-components=1"]);
  const make = ["make", "-C", source, "ARCH=um", `-j${navigator.hardwareConcurrency}`];
  await run([...make, "x86_64_defconfig"]);
  const more = await Deno.readTextFile(`${ROOT}/scripts/vm/uml.config`);
  await Deno.writeTextFile(`${source}/.config`, more, { append: true });
  await run([...make, "olddefconfig"]);
  await run([...make, "linux"]);
  await Deno.copyFile(`${source}/linux`, kernel);
  await run(["rm", "-rf", source]);
}
