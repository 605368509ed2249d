// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { notifyServiceManager } from "../../linux/fd/notify_socket.ts";
import { messageOf } from "../../error_text.ts";

/**
 * The service manager that started the daemon, if one did and expects messages (sd_notify(3)). It is
 * taken out of the environment: shims and containers have nothing to tell it.
 */
export class ServiceManager {
  readonly #socket: string | undefined;

  constructor() {
    this.#socket = Deno.env.get("NOTIFY_SOCKET");
    Deno.env.delete("NOTIFY_SOCKET");
  }

  /** Reports that the daemon answers on its socket. */
  notifyReady(status: string): void {
    // With its pid: the process that was started may have been a launcher.
    this.#tell("READY=1", `MAINPID=${Deno.pid}`, `STATUS=${status}`);
  }

  /** Reports that the daemon has begun to stop. */
  notifyStopping(): void {
    this.#tell("STOPPING=1");
  }

  #tell(...lines: string[]): void {
    if (this.#socket === undefined) return;
    try {
      notifyServiceManager(this.#socket, lines);
    } catch (error) {
      getLogger(["berth"]).warn("cannot tell the service manager: {reason}", {
        reason: messageOf(error),
        error,
      });
    }
  }
}
