// SPDX-License-Identifier: MIT
import { exists } from "../../src/linux/fs/exists.ts";
import { messageOf } from "../../src/rpc/error_text.ts";
import { freePort } from "../../tests/harness/free_port.ts";
import { signalChild } from "../../tests/harness/processes.ts";
import { run } from "./command.ts";
import type { Image } from "./image.ts";

/** How the machine's instructions are run: by the processor, or translated. */
type Accelerator = "kvm" | "tcg";

/** How long the machine may take to boot, in milliseconds. */
const BOOT_WITHIN: Readonly<Record<Accelerator, number>> = { kvm: 180_000, tcg: 600_000 };

/** A running virtual machine, reached by ssh as root. Disposal powers it off. */
export class Machine implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #ssh: readonly string[];
  #ended = false;

  private constructor(process: Deno.ChildProcess, ssh: readonly string[]) {
    this.#process = process;
    this.#ssh = ssh;
    process.status.then(() => this.#ended = true);
  }

  /**
   * Boots the image on a disk of its own, whose writes are thrown away, and waits until it can be
   * logged in to. The machine's network reaches nothing outside. It is run by KVM where that boots it,
   * and else translated; BERTH_VM_ACCEL chooses.
   *
   * @param dir Where the console's log goes.
   * @throws {Error} if it does not answer in time, or the variable is something else.
   */
  static async boot(image: Image, dir: string): Promise<Machine> {
    const chosen = Deno.env.get("BERTH_VM_ACCEL");
    if (chosen === "kvm" || chosen === "tcg") return await this.#boot(image, dir, chosen);
    if (chosen) throw new Error(`BERTH_VM_ACCEL is kvm or tcg, not ${chosen}`);
    if (!exists("/dev/kvm")) return await this.#boot(image, dir, "tcg");
    try {
      return await this.#boot(image, dir, "kvm");
    } catch (error) {
      // A /dev/kvm may be of a kind that runs no stock kernel.
      console.error(`KVM does not boot it, so it is translated: ${messageOf(error)}`);
      return await this.#boot(image, dir, "tcg");
    }
  }

  static async #boot(image: Image, dir: string, accel: Accelerator): Promise<Machine> {
    const port = freePort();
    const cpu = accel === "kvm" ? "host" : "max,-la57";
    const process = new Deno.Command("qemu-system-x86_64", {
      args: [
        ...["-machine", "q35", "-cpu", cpu],
        ...["-accel", accel === "kvm" ? "kvm" : "tcg,thread=multi,tb-size=1024"],
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
    const options = [
      ...["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"],
      ...["ConnectTimeout=5", "ServerAliveInterval=15", "BatchMode=yes"],
    ].flatMap((option) => ["-o", option]);
    const ssh = ["ssh", "-i", image.key, "-p", String(port), ...options, "root@127.0.0.1"];
    const machine = new Machine(process, ssh);
    try {
      await machine.#answering(`${dir}/console.log`, BOOT_WITHIN[accel]);
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
    return machine;
  }

  async #answering(console: string, withinMs: number): Promise<void> {
    for (const end = Date.now() + withinMs; Date.now() < end && !this.#ended;) {
      const answer = await run([...this.#ssh, "true"]).catch(() => undefined);
      if (answer !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
    throw new Error(`the machine does not answer; what it wrote is in ${console}`);
  }

  /** Runs a shell line as root in the machine with its output shown; returns its exit code. */
  async shell(line: string): Promise<number> {
    const [command, ...args] = [...this.#ssh, line];
    if (command === undefined) throw new RangeError("no command");
    const { code } = await new Deno.Command(command, { args, stdin: "null" }).spawn().status;
    return code;
  }

  /** Runs a shell line as root in the machine and returns what it printed. */
  async read(line: string): Promise<string> {
    return (await run([...this.#ssh, line])).trim();
  }

  /** Unpacks a tar archive into a directory of the machine. */
  async unpack(archive: string, dir: string): Promise<void> {
    const [command, ...args] = [...this.#ssh, `mkdir -p '${dir}' && tar -C '${dir}' -xf -`];
    if (command === undefined) throw new RangeError("no command");
    const ssh = new Deno.Command(command, { args, stdin: "piped" }).spawn();
    using file = await Deno.open(archive);
    await file.readable.pipeTo(ssh.stdin);
    const { success } = await ssh.status;
    if (!success) throw new Error(`could not unpack ${archive} in the machine`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its disk is thrown away: there is nothing to write back.
    signalChild(this.#process, "SIGKILL");
    await this.#process.status;
  }
}
