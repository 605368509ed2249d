// SPDX-License-Identifier: MIT
import { run } from "./command.ts";
import type { Image } from "./image.ts";
import { type Accelerator, BOOT_WITHIN, launch, type Launched } from "./launch.ts";

/** A running virtual machine, reached by ssh as root. Disposal powers it off. */
export class Machine implements AsyncDisposable {
  readonly #launched: Launched;
  readonly #ssh: readonly string[];
  #ended = false;

  private constructor(launched: Launched, key: string) {
    const { address, port, process } = launched;
    const options = [
      ...["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"],
      ...["ConnectTimeout=5", "ServerAliveInterval=15", "BatchMode=yes"],
    ].flatMap((option) => ["-o", option]);
    this.#launched = launched;
    this.#ssh = ["ssh", "-i", key, "-p", String(port), ...options, `root@${address}`];
    process.status.then(() => this.#ended = true);
  }

  /**
   * Boots the image on a disk of its own, whose writes are thrown away, and waits until it can be
   * logged in to. The machine's network reaches nothing outside.
   *
   * @param dir Where the console's log and what it writes to its disk go.
   * @throws {Error} if it does not answer in time.
   */
  static async boot(image: Image, dir: string, accelerator: Accelerator): Promise<Machine> {
    const machine = new Machine(await launch(image, dir, accelerator), image.key);
    try {
      await machine.#answering(`${dir}/console.log`, BOOT_WITHIN[accelerator]);
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
    await this.#launched.powerOff();
    await this.#launched.cleanUp();
  }
}
