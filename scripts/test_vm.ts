// SPDX-License-Identifier: MIT
//
// `deno task test:vm [FILE…] [FLAG…]`: the black-box tests, or those in the given files, in a virtual
// machine as users have it: Debian with systemd, cgroup v2 only, a shared `/`. Without KVM it is some
// 15 times slower, so that files rather than the whole suite are run.
import { ROOT } from "./root.ts";
import { ensurePackages } from "./system_packages.ts";
import { splitArgs } from "./test_run.ts";
import { run } from "./vm/command.ts";
import { ensureImage, GUEST_DENO, GUEST_DENO_DIR } from "./vm/image.ts";
import { Machine } from "./vm/machine.ts";
import { existsSync } from "node:fs";

/** Where the image is kept, to be used again. */
const IMAGE_DIR = Deno.env.get("BERTH_VM_DIR") ?? "/var/tmp/berth-vm";

const { paths, flags } = splitArgs(Deno.args, existsSync);
await ensurePackages(["debootstrap", "qemu-system-x86", "e2fsprogs", "openssh-client"]);
console.error(
  existsSync(`${IMAGE_DIR}/base.img`) ? "Booting." : "Building the machine: 10 minutes.",
);
const image = await ensureImage(IMAGE_DIR);

const dir = await Deno.makeTempDir({ prefix: "berth-vm-" });
let code = 1;
try {
  const archive = `${dir}/berth.tar`;
  const files = await run(["git", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard"]);
  await Deno.writeTextFile(`${dir}/files`, files);
  await run(["tar", "-C", ROOT, "--null", "-T", `${dir}/files`, "-cf", archive]);
  await using machine = await Machine.boot(image, dir);
  await machine.unpack(archive, "/root/berth");
  // The image is older than the sources: they may need npm packages that it does not have.
  const { denoDir }: { denoDir: string } = JSON.parse(
    await run([Deno.execPath(), "info", "--json"]),
  );
  const packages = `${dir}/npm.tar`;
  await run(["tar", "-C", denoDir, "-cf", packages, "npm"]);
  await machine.unpack(packages, GUEST_DENO_DIR);
  console.log(await machine.read("uname -srm; runc --version | head -1; crun --version | head -1"));
  // The guest is slower by this factor: every deadline of the tests is longer by it.
  const began = performance.now();
  await machine.read(`${GUEST_DENO} --version`);
  const scale = Math.max(1, Math.ceil((performance.now() - began) / 60));
  const env = `DENO_DIR=${GUEST_DENO_DIR} DENO_NO_UPDATE_CHECK=1 BERTH_TEST_SLOWNESS=${scale}`;
  const args = [...(paths.length > 0 ? paths : ["tests/"]), ...flags].map((arg) => `'${arg}'`);
  // Not by `deno task test`, which would install packages: the machine has no way out.
  code = await machine.shell(
    `cd /root/berth && ${env} ${GUEST_DENO} test --no-check -A ${args.join(" ")}`,
  );
} finally {
  await Deno.remove(dir, { recursive: true });
}
Deno.exit(code);
