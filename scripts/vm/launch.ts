// SPDX-License-Identifier: MIT
import { exists } from "../../src/linux/fs/exists.ts";
import { freePort } from "../../tests/harness/free_port.ts";
import { killIfThere, listProcesses, signalChild } from "../../tests/harness/processes.ts";
import { run } from "./command.ts";
import { type Image, UML_ADDRESS, UML_HOST_ADDRESS } from "./image.ts";

/** How a machine is run: by the processor, translated, or as a program, User-mode Linux. */
export type Accelerator = "kvm" | "tcg" | "uml";

/** How long a machine may take to boot, in milliseconds. */
export const BOOT_WITHIN: Readonly<Record<Accelerator, number>> = {
  kvm: 180_000,
  tcg: 600_000,
  uml: 300_000,
};

/** A machine that boots, and where its ssh server will be. */
export interface Launched {
  readonly process: Deno.ChildProcess;
  readonly address: string;
  readonly port: number;
  /** Ends the process, if it has not ended. The disk is thrown away: there is nothing to write back. */
  powerOff(): Promise<void>;
  /** Removes what the host has for the machine. */
  cleanUp(): Promise<void>;
}

/** Starts a machine from an image; its console's log and its disk's writes are in `dir`. */
export async function launch(
  image: Image,
  dir: string,
  accelerator: Accelerator,
): Promise<Launched> {
  return accelerator === "uml" ? await launchUml(image, dir) : launchQemu(image, dir, accelerator);
}

function launchQemu(image: Image, dir: string, accelerator: "kvm" | "tcg"): Launched {
  const port = freePort();
  const cpu = accelerator === "kvm" ? "host" : "max,-la57";
  const process = new Deno.Command("qemu-system-x86_64", {
    args: [
      ...["-machine", "q35", "-cpu", cpu],
      ...["-accel", accelerator === "kvm" ? "kvm" : "tcg,thread=multi,tb-size=1024"],
      ...["-smp", String(navigator.hardwareConcurrency), "-m", "6G"],
      ...["-kernel", image.kernel, "-initrd", image.initrd],
      // A translated guest on a busy machine misses its timer, and the kernel would panic of that.
      ...[
        "-append",
        "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off no_timer_check",
      ],
      ...["-drive", `file=${image.disk},format=raw,if=virtio,snapshot=on,cache=unsafe`],
      ...["-netdev", `user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:22`],
      ...["-device", "virtio-net-pci,netdev=n", "-device", "virtio-rng-pci"],
      ...["-display", "none", "-monitor", "none", "-serial", `file:${dir}/console.log`],
    ],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return {
    process,
    address: "127.0.0.1",
    port,
    powerOff: async () => {
      signalChild(process, "SIGKILL");
      await process.status;
    },
    cleanUp: () => Promise.resolve(),
  };
}

/** The host's end of the link to User-mode Linux, and the end whose packets that sends and receives. */
const LINK = "berth-vm", GUEST_LINK = "berth-vm-guest";

async function launchUml(image: Image, dir: string): Promise<Launched> {
  // One that was killed has left it; one that runs has it, and the next one ends for want of it.
  if (!exists(`/sys/class/net/${LINK}`)) {
    await run(["ip", "link", "add", LINK, "type", "veth", "peer", "name", GUEST_LINK]);
  }
  await run(["ip", "addr", "replace", `${UML_HOST_ADDRESS}/30`, "dev", LINK]);
  await run(["ip", "link", "set", LINK, "up"]);
  await run(["ip", "link", "set", GUEST_LINK, "up", "promisc", "on"]);
  const argv = [
    // Each system call goes to another thread and back, which on one processor takes half the time.
    ...["taskset", "-c", String(navigator.hardwareConcurrency - 1)],
    ...[image.kernel, "seccomp=on", "ncpus=1", "mem=4G", `uml_dir=${dir}/`],
    ...["root=/dev/ubda", "rw", `ubd0=${dir}/disk.cow,${image.disk}`],
    ...["con=null", "con0=null,fd:1", "net.ifnames=0"],
    // Its drivers are no modules: the one of tunnels would show in each network namespace.
    "sysctl.net.core.fb_tunnels_only_for_init_net=1",
    // Not on a tap device, whose driver fails in a kernel for several processors.
    `vec0:transport=raw,ifname=${GUEST_LINK},depth=64,gro=1`,
  ];
  // Its memory is a file: in /dev/shm, unless one of these variables names a slow disk.
  const script = 'unset TMPDIR TMP TEMP; log=$1; shift; exec "$@" >"$log" 2>&1';
  const process = new Deno.Command("sh", {
    args: ["-c", script, "sh", `${dir}/console.log`, ...argv],
    stdin: "null",
  }).spawn();
  return {
    process,
    address: UML_ADDRESS,
    port: 22,
    powerOff: async () => {
      // By SIGTERM it does not always end.
      signalChild(process, "SIGKILL");
      await process.status;
      // The processes that it has for its own do not always go with it.
      killThoseOf(`uml_dir=${dir}/`);
    },
    cleanUp: async () => void await run(["ip", "link", "del", LINK]),
  };
}

/** Kills the processes that have `word` in their command line. */
function killThoseOf(word: string): void {
  for (const { pid, command } of listProcesses()) {
    if (command.split(" ").includes(word)) killIfThere(pid);
  }
}
