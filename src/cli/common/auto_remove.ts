// SPDX-License-Identifier: MIT

/**
 * Starts a process of its own that waits for the container to exit and then removes it: for `--rm`
 * where this command does not stay until then.
 */
export async function removeLater(socket: string, id: string): Promise<void> {
  const { selfCommand } = await import("../../runtime/self_command.ts");
  const [command = Deno.execPath(), ...args] = selfCommand();
  const child = new Deno.Command(command, {
    args: [...args, "rm", "--after-exit", "--socket", socket, id],
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
}
