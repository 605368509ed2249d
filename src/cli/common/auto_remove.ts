// SPDX-License-Identifier: MIT

/**
 * Starts a process of its own that waits for the container to exit and then removes it: for `--rm`
 * where this command does not stay until then. Another container that has the id by then stays.
 */
export async function removeLater(socket: string, id: string, instance: string): Promise<void> {
  const { selfCommand } = await import("../../runtime/self_command.ts");
  const [command = Deno.execPath(), ...args] = selfCommand();
  const child = new Deno.Command(command, {
    args: [...args, "rm", "--after-exit", "--instance", instance, "--socket", socket, id],
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
}
