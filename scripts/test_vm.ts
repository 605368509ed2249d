// SPDX-License-Identifier: MIT
//
// `deno task test:vm [FILE…] [FLAG…]`: the black-box tests, or those in the given files, in a virtual
// machine as users have it: Debian with systemd, cgroup v2 only, a shared `/`. Without KVM it is some
// 15 times slower, so that files rather than the whole suite are run; `BERTH_VM_ACCEL=uml` runs them
// in User-mode Linux.
import { exists } from "../src/linux/fs/exists.ts";
import { messageOf } from "../src/error_text.ts";
import { bundle } from "./build/bundle.ts";
import { writeLauncher } from "./build/launcher.ts";
import { ROOT } from "./root.ts";
import { ensurePackages } from "./system_packages.ts";
import { splitArgs } from "./test_run.ts";
import { run } from "./vm/command.ts";
import { ensureImage, GUEST_DENO, GUEST_DENO_DIR } from "./vm/image.ts";
import type { Accelerator } from "./vm/launch.ts";
import { Machine } from "./vm/machine.ts";

/** Where the image is kept, to be used again. */
const IMAGE_DIR = Deno.env.get("BERTH_VM_DIR") ?? "/var/tmp/berth-vm";

/** Where berth and its sources lie in the machine. */
const GUEST_ROOT = "/root/berth", GUEST_PROGRAM = "/opt/berth";

/** What builds a kernel of User-mode Linux. */
const KERNEL_TOOLS = ["gcc", "make", "flex", "bison", "bc", "xz-utils", "iproute2"] as const;

/** The accelerators to try, one after the other; BERTH_VM_ACCEL names the only one. */
function accelerators(): Accelerator[] {
  const chosen = Deno.env.get("BERTH_VM_ACCEL");
  if (chosen === "kvm" || chosen === "tcg" || chosen === "uml") return [chosen];
  if (chosen) throw new Error(`BERTH_VM_ACCEL is kvm, tcg or uml, not ${chosen}`);
  // A /dev/kvm may be of a kind that runs no stock kernel.
  return exists("/dev/kvm") ? ["kvm", "tcg"] : ["tcg"];
}

/** Builds the machine's image, unless it is there, and boots it. */
async function boot(dir: string): Promise<Machine> {
  const [first, ...others] = accelerators();
  if (first === undefined) throw new RangeError("no accelerator");
  const kind = first === "uml" ? "uml" : "stock";
  const machine = kind === "uml" ? KERNEL_TOOLS : ["qemu-system-x86" as const];
  await ensurePackages(["debootstrap", ...machine, "e2fsprogs", "openssh-client"]);
  const imageDir = kind === "uml" ? `${IMAGE_DIR}/uml` : IMAGE_DIR;
  console.error(
    exists(`${imageDir}/base.img`) ? "Booting." : "Building the machine: 10 to 20 minutes.",
  );
  const image = await ensureImage(imageDir, kind);
  try {
    return await Machine.boot(image, dir, first);
  } catch (error) {
    const [second] = others;
    if (second === undefined) throw error;
    console.error(`KVM does not boot it, so it is translated: ${messageOf(error)}`);
    return await Machine.boot(image, dir, second);
  }
}

/** Puts berth, its sources and the packages that its tests import into the machine. */
async function fill(machine: Machine, dir: string): Promise<void> {
  const archive = `${dir}/berth.tar`;
  const files = await run(["git", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard"]);
  await Deno.writeTextFile(`${dir}/files`, files);
  await run(["tar", "-C", ROOT, "--null", "-T", `${dir}/files`, "-cf", archive]);
  await machine.unpack(archive, GUEST_ROOT);
  const program = `${dir}/program`;
  const main = await bundle({ outDir: program, failpoints: true });
  await writeLauncher(main, { deno: GUEST_DENO, dir: GUEST_PROGRAM });
  await run(["tar", "-C", program, "-cf", `${dir}/program.tar`, "."]);
  await machine.unpack(`${dir}/program.tar`, GUEST_PROGRAM);
  // The image is older than the sources: they may need npm packages that it does not have.
  const { denoDir }: { denoDir: string } = JSON.parse(
    await run([Deno.execPath(), "info", "--json"]),
  );
  await run(["tar", "-C", denoDir, "-cf", `${dir}/npm.tar`, "npm"]);
  await machine.unpack(`${dir}/npm.tar`, GUEST_DENO_DIR);
}

const { paths, flags } = splitArgs(Deno.args, exists);
const dir = await Deno.makeTempDir({ prefix: "berth-vm-" });
let code = 1;
try {
  await using machine = await boot(dir);
  await fill(machine, dir);
  console.log(await machine.read("uname -srm; runc --version | head -1; crun --version | head -1"));
  // The guest is slower by this factor: every deadline of the tests is longer by it.
  const began = performance.now();
  await machine.read(`${GUEST_DENO} --version`);
  const scale = Math.max(1, Math.ceil((performance.now() - began) / 60));
  const env = `DENO_DIR=${GUEST_DENO_DIR} DENO_NO_UPDATE_CHECK=1 BERTH_TEST_SLOWNESS=${scale} ` +
    `BERTH_PROGRAM=${GUEST_PROGRAM}/berth`;
  const args = [...(paths.length > 0 ? paths : ["tests/"]), ...flags].map((arg) => `'${arg}'`);
  // Not by `deno task test`, which would install packages: the machine has no way out.
  code = await machine.shell(
    `cd ${GUEST_ROOT} && ${env} ${GUEST_DENO} test --no-check -A ${args.join(" ")}`,
  );
} finally {
  await Deno.remove(dir, { recursive: true });
}
Deno.exit(code);
